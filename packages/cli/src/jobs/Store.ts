/** Where jobs are kept, as the flag `--store` names it. */
import { JobStore } from "@strata/jobs"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Target from "../collection/Target.ts"
import * as CommandError from "../process/CommandError.ts"

const store = Flag.String("store").pipe(
  Flag.withMetavar("FILE|URL"),
  Flag.withFallbackConfig(Config.String("STRATA_STORE")),
  Flag.withDefault("strata.db"),
  Flag.withDescription("Where jobs are kept: a SQLite file, or postgres://… (strata.db, or STRATA_STORE)")
)

/** The flag. */
export const flags = { store }

/** The store, and its database. */
export const layer = (
  store: string
): Layer.Layer<JobStore.JobStore | SqlClient.SqlClient, CommandError.CommandError> =>
  Layer.provideMerge(
    Layer.catch(
      JobStore.layer(),
      ({ message }) =>
        Layer.effect(JobStore.JobStore, CommandError.failed(`${Target.placeOf(store)} cannot be used: ${message}`))
    ),
    Target.sql(store)
  )
