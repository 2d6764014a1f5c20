import * as Check from "@strata/core/Check"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as BatchRunning from "./batch/running.ts"
import type * as Progress from "./progress.ts"

/** How a job is started, with all defaults. */
export interface Starting {
  readonly concurrency: number
  readonly grace: Duration.Duration
  readonly patience: Duration.Duration
  readonly acceptChanges: boolean
  readonly onProgress: ((progress: Progress.Progress) => Effect.Effect<unknown>) | undefined
  readonly batch: BatchRunning.Options | undefined
}

/** Such as the number of items in a chunk. */
export const positive = Check.number({ min: 1, whole: true, remedy: "Use a whole number of 1 or more" })

/** The options of a job that can be checked without its types. */
export const ofJob = Check.struct<{
  readonly name: string
  readonly maxAttempts?: number | undefined
  readonly maxItemBytes?: number | undefined
  readonly readAhead?: number | undefined
  readonly id: unknown
  readonly source: unknown
  readonly work: object
  readonly sink: object
  readonly item: unknown
}>({
  name: (given, at) => {
    const name = Check.filled(given, at)
    return name === Check.refused || name.length <= 200 && !name.includes("\0")
      ? name
      : Check.refuse(at, "the name has more than 200 characters, or a NUL", "Use a short text")
  },
  id: Check.callback(),
  item: Check.instance(Schema.isSchema, "Give a Schema of effect"),
  source: Check.instance(Stream.isStream, "Give a Stream of effect"),
  work: Check.struct({ definition: Check.unchecked(), chunk: Check.unchecked(), perform: Check.callback() }, {
    others: "ignored"
  }),
  sink: Check.struct({ guarantee: Check.text, open: Check.callback() }, { others: "ignored" }),
  maxAttempts: Check.optional(positive),
  maxItemBytes: Check.optional(positive),
  readAhead: Check.optional(positive)
})

/** Those of a run, by either engine. */
export const ofRun = Check.partial<
  & Omit<Starting, "batch">
  & Omit<BatchRunning.Options, "service" | "timeout">
  & { readonly engine: "live" | "batch"; readonly timeout: Duration.Duration }
>({
  engine: Check.word(["live", "batch"]),
  live: Check.flag,
  polling: Check.duration({ zero: false }),
  timeout: Check.duration({ zero: false }),
  onProgress: Check.callback(),
  concurrency: Check.number({ min: 1, max: 1000, whole: true, remedy: "Use a whole number from 1 to 1000" }),
  grace: Check.duration(),
  patience: Check.duration({ infinite: true }),
  acceptChanges: Check.flag
})

/** Those of its progress. */
export const ofWatch = Check.partial<{ readonly every: Duration.Duration; readonly total: number }>({
  every: Check.duration({ zero: false }),
  total: Check.number({ min: 0, whole: true, remedy: "Use a whole number of items" })
})
