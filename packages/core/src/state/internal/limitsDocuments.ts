/** Limits of adaptive concurrency as texts in a store that processes share. One that is not used for an hour is forgotten. */
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Documents } from "../Documents.ts"
import * as DocumentChange from "./documentChange.ts"
import { type Current, kept, operations } from "./limitCurve.ts"

/** Builds the store of limits; an operation fails with what `failed` makes of it. */
export const make = <E, E2>(documents: Documents<E>, failed: (operation: string, cause: unknown) => E2) =>
  operations((operation, key, { initial }, next): Effect.Effect<Current, E2> =>
    DocumentChange.run(
      documents,
      key,
      (text) =>
        Result.map(text === undefined ? Result.succeed([initial, 0] as const) : parse(text), ([limit, epoch]) => {
          const answer = next({ limit, epoch })
          const isKept = text !== undefined || operation !== "read"
          return { answer, text: isKept ? JSON.stringify([answer.limit, answer.epoch]) : undefined, keep: kept }
        }),
      (cause) => failed(operation, cause)
    )
  )

const parse = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Tuple([Schema.Finite, Schema.Finite])))
