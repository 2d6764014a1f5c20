import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Budget from "../budget.ts"
import * as Fallback from "../fallback.ts"
import * as Opentelemetry from "../opentelemetry.ts"
import * as Quota from "../quota.ts"
import * as RetryAndConcurrency from "../retry-and-concurrency.ts"
import * as SharedRedis from "../shared-redis.ts"
import * as Provider from "../src/Provider.ts"
import * as Tenants from "../tenants.ts"
import * as Example from "./Example.ts"

// They wait for quotas, retries and exports more than they work.
describe("examples of resilience", { concurrent: true }, () => {
  layer(Provider.local, { excludeTestServices: true })((it) => {
    it.effect("retry-and-concurrency loses no call to throttling", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(RetryAndConcurrency.main)
        assert.include(output, "60 of 60 answered")
        assert.match(output, /^80 requests were sent/m)
      }))

    it.effect("tenants gets fair shares, budgets of their own, and a row for each call", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(Tenants.main)
        // The greedy one has asked for more than its budget allows, and is the last to be done.
        assert.match(output, /^greedy: 4\d of 60 answers in [\d.]+ s$/m)
        for (const tenant of ["modest", "late"]) {
          assert.match(output, new RegExp(`^${tenant}: 5 of 5 answers in [\\d.]+ s$`, "m"))
          assert.match(output, new RegExp(`^${tenant}: 5 calls, \\d+ tokens$`, "m"))
          assert.isBelow(output.indexOf(`${tenant}: 5 of 5`), output.indexOf("greedy: "))
        }
      }))

    it.effect("quota waits instead of being refused", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(Quota.main)
        assert.include(output, "40 answers")
        assert.include(output, "nothing refused")
      }))

    it.effect("fallback says who answered, and why", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(Fallback.main)
        assert.strictEqual(output.split("answered by us.amazon.nova-pro-v1:0").length - 1, 2)
        assert.include(output, "because of us.anthropic.claude-sonnet-4-5-20250929-v1:0: ModelUnavailableError")
        assert.include(output, "because of us.anthropic.claude-sonnet-4-5-20250929-v1:0: CircuitOpenError")
      }))

    it.effect("budget stops before it is exceeded", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(Budget.main)
        assert.include(output, "answer 5: $0.0000")
        assert.notInclude(output, "answer 20")
        assert.include(output, "could cost")
        assert.match(output, /spent \$0\.000[4-7]\d\d of \$0\.000800/)
      }))

    it.effect.skipIf(!Example.hasRedis)(
      "shared-redis keeps one quota for two processes",
      () =>
        Effect.gen(function*() {
          const output = yield* Example.output(SharedRedis.main)
          for (const name of ["one", "two"]) {
            assert.match(
              output,
              new RegExp(`^${name}: 10 answers, the first after [\\d.]+ s, the last after [\\d.]+ s$`, "m")
            )
          }
          assert.match(output, /20 requests, \d+ tokens, 0 refused/)
        })
    )

    it.effect("opentelemetry exports spans, attempts and metrics", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(Opentelemetry.main)
        assert.include(output, "span    chat us.amazon.nova-lite-v1:0, attempts: ")
        assert.notInclude(output, "extractive")
        assert.include(output, "span    embeddings amazon.titan-embed-text-v2:0")
        assert.include(output, "metric  strata.client.attempts")
      }))
  })
})
