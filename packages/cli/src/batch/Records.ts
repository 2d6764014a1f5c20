/**
 * The records of a batch: its rows, encoded as single calls would be, and how they are divided among jobs.
 */
import { type Batch, BatchService, type ProviderError } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Input from "../map/Input.ts"
import * as Mapping from "../map/Mapping.ts"
import * as Manifest from "./Manifest.ts"

/** A row that cannot be sent. */
export interface Refused {
  readonly line: number
  readonly error: ProviderError.CallError
}

/** The record of each row, or why there is none. */
export const prepare = (input: Input.Input, mapping: Mapping.Options) => {
  const request = Mapping.requestOf(mapping)
  return Stream.mapEffect(input.items, (item) =>
    Effect.gen(function*() {
      const chat = yield* request(item)
      return yield* BatchService.prepare({ recordId: Manifest.recordId(item.line), chat })
    }).pipe(
      Effect.result,
      Effect.map(Result.mapError((error): Refused => ({ line: item.line, error })))
    ))
}

/** - `parts`: records of each job, in order; `refused`: rows that are left out, a thousand at most. */
export interface Plan {
  readonly parts: ReadonlyArray<number>
  readonly records: number
  readonly left: number
  readonly refused: ReadonlyArray<Refused>
}

/**
 * Divides records among as few jobs as the limits allow. The last one is filled up from the one before it where it would
 * have fewer than a job must have.
 */
export const plan = Effect.fnUntraced(function*(
  input: Input.Input,
  mapping: Mapping.Options,
  { maxFileBytes, maxJobBytes, maxRecords, minRecords }: Batch.Limits
) {
  const mostBytes = Math.min(maxFileBytes, maxJobBytes)
  const parts: Array<{ records: number; bytes: number }> = []
  const refused: Array<Refused> = []
  let [records, left] = [0, 0]
  yield* Stream.runForEach(prepare(input, mapping), (prepared) =>
    Effect.sync(() => {
      if (Result.isFailure(prepared)) {
        left++
        if (refused.length < 1000) refused.push(prepared.failure)
        return
      }
      const bytes = prepared.success.line.length + 1
      const last = parts.at(-1)
      records++
      if (last === undefined || last.records === maxRecords || last.bytes + bytes > mostBytes) {
        parts.push({ records: 1, bytes })
      } else {
        last.records++
        last.bytes += bytes
      }
    }))
  const [before, last] = [parts.at(-2), parts.at(-1)]
  if (before !== undefined && last !== undefined && last.records < minRecords) {
    before.records -= minRecords - last.records
    last.records = minRecords
  }
  return { parts: parts.map(({ records }) => records), records, left, refused } satisfies Plan
})

/** The lines of a part. */
export const lines = (input: Input.Input, mapping: Mapping.Options, { first, records }: Manifest.Part) =>
  prepare(input, mapping).pipe(
    Stream.filterMap((prepared) =>
      Result.isSuccess(prepared) ? Result.succeed(prepared.success.line) : Result.failVoid
    ),
    Stream.drop(first),
    Stream.take(records)
  )
