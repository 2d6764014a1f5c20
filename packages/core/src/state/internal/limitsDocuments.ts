/** Limits of adaptive concurrency as texts in a store that processes share. One that is not used for an hour is forgotten. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Change, Documents } from "../Documents.ts"
import { type Current, kept, operations } from "./limitCurve.ts"

/** Builds the store of limits; an operation fails with what `failed` makes of it. */
export const make = <E, E2>(documents: Documents<E>, failed: (operation: string, cause: unknown) => E2) =>
  operations((operation, key, { initial }, next): Effect.Effect<Current, E2> =>
    Effect.suspend(() =>
      documents.change(
        key,
        (text) =>
          Result.map(text === undefined ? Result.succeed([initial, 0] as const) : parse(text), ([limit, epoch]) => {
            const answer = next({ limit, epoch })
            const isKept = text !== undefined || operation !== "read"
            const change: Change<Current> = {
              answer,
              text: isKept ? JSON.stringify([answer.limit, answer.epoch]) : undefined,
              keep: kept
            }
            return change
          })
      )
    ).pipe(
      Effect.mapError((cause) => failed(operation, cause)),
      Effect.catchDefect((defect) => Effect.fail(failed(operation, defect)))
    )
  )

const parse = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Tuple([Schema.Finite, Schema.Finite])))
