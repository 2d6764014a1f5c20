import { assert, describe, it } from "@effect/vitest"
import * as Batch from "@strata/core/batch/Batch"
import * as BatchService from "@strata/core/batch/BatchService"
import * as Cost from "@strata/core/Cost"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import {
  cohere,
  collected,
  ids,
  live,
  nova,
  polling,
  prices,
  sorted,
  submit,
  texts,
  titan
} from "./support/EmulatedBatch.ts"

describe("A batch job of 1,000 records, by the SDK's clients", () => {
  it.live(
    "embeds 1,000 texts with Titan, in another order, and costs half; three collects cost the same (jobs 31, 33)",
    () =>
      Effect.gen(function*() {
        const { job, outcome } = yield* submit("titan", texts(1_000))
        assert.strictEqual(outcome, "created")
        const over = yield* BatchService.wait(job.id, { polling })
        assert.deepInclude(over, { name: "titan", state: "completed", model: titan, kind: "embedding" })
        assert.deepInclude(over.counts, { total: 1_000, succeeded: 1_000, failed: 0 })
        const sums: Array<number | undefined> = []
        for (let turn = 0; turn < 3; turn++) {
          const { ids: found, results } = yield* collected(job.id)
          assert.notDeepEqual(found, ids(1_000))
          assert.deepStrictEqual(sorted(found), ids(1_000))
          sums.push(Cost.sum(results.map(({ cost }) => cost))?.total)
        }
        // A token is a word of the text here: three of them, at half of 2 dollars a million.
        assert.approximately(sums[0]!, 0.003, 1e-9)
        assert.strictEqual(new Set(sums).size, 1)
        const [first] = (yield* collected(job.id)).results
        assert(first?.kind === "embedding")
        assert.lengthOf(Result.getOrThrow(first.result).vector, 1_024)
      }).pipe(Effect.provide(Layer.provide(live(), prices))),
    30_000
  )

  it.live(
    "embeds with Cohere, whose records have no tokens of their own: their cost is not known (jobs 33)",
    () =>
      Effect.gen(function*() {
        const { job } = yield* submit("cohere", texts(1_000, { model: cohere, dimensions: 256 }), { model: cohere })
        yield* BatchService.wait(job.id, { polling })
        const totals = yield* BatchService.totals(job.id)
        assert.isAbove(totals.usage!.inputTokens, 0)
        assert.approximately(totals.cost!.total, totals.usage!.inputTokens / 1_000_000, 1e-9)
        const { ids: found, results } = yield* collected(job.id, { embedding: { dimensions: 256 } })
        assert.deepStrictEqual(sorted(found), ids(1_000))
        for (const { cost, kind, result } of results) {
          assert(kind === "embedding")
          assert.lengthOf(Result.getOrThrow(result).vector, 256)
          assert.isUndefined(cost)
        }
      }).pipe(Effect.provide(Layer.provide(live({ dimensions: 256 }), prices))),
    30_000
  )

  it.live(
    "answers 1,000 chats, of which 300 fail with the errors of single calls (jobs 30)",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.inject({
          type: "recordErrors",
          fraction: 0.3,
          errorCode: 429,
          errorMessage: "Too many requests"
        })
        const chats = ids(1_000).map((recordId): Batch.BatchRecord => ({
          recordId,
          chat: { model: nova, messages: `Question ${recordId}`, maxTokens: 10 }
        }))
        const { job } = yield* submit("chats", chats, { model: nova })
        const over = yield* BatchService.wait(job.id, { polling })
        assert.deepInclude(over, { state: "completed", kind: "chat", model: nova })
        assert.deepInclude(over.counts, { succeeded: 700, failed: 300 })
        const { failures, ids: found, results, succeeded } = yield* collected(job.id)
        assert.deepStrictEqual(sorted(found), ids(1_000))
        assert.deepStrictEqual([succeeded.length, failures.length], [700, 300])
        for (const error of failures) assert.strictEqual(error._tag, "RateLimitError")
        const answered = results.find(({ usage }) => usage !== undefined)
        assert(answered?.kind === "chat")
        const { cost, provider, text, usage } = Result.getOrThrow(answered.result)
        assert.deepInclude({ provider, model: nova }, { provider: "aws.bedrock" })
        assert.isNotEmpty(text)
        assert.approximately(cost!.total, (usage.inputTokens * 2 + usage.outputTokens * 10) * 0.5 / 1_000_000, 1e-12)
      }).pipe(Effect.provide(Layer.provide(live(), prices))),
    30_000
  )
})
