import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { Job } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fixture from "./support/Fixture.ts"

describe("Job", () => {
  it.live("embeds each item and writes it once", () =>
    Effect.gen(function*() {
      const docs = Fixture.docs(1000)
      const status = yield* Job.run(Fixture.embedding(docs))
      assert.strictEqual(status.state, "done")
      assert.deepInclude(status, { read: 1000, done: 1000, failed: 0, pending: 0 })
      assert.strictEqual(status.usage.inputTokens, 2000)
      assert.deepEqual(yield* Fixture.written, Fixture.idsOf(docs))
    }).pipe(Effect.provide(Layer.merge(Fixture.inMemory, TestEmbedding.layer()))))
})
