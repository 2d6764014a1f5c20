/** Calls every public function with any values: each has an answer or a typed error. */
import { assert, describe, it } from "@effect/vitest"
import * as Core from "@strata/core"
import * as Testing from "@strata/core/testing"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Enforcement from "../../src/policy/internal/enforcement.ts"
import * as AnyCalls from "./AnyCalls.ts"
import * as AnyConversations from "./AnyConversations.ts"
import * as AnyData from "./AnyData.ts"
import * as AnyPolicies from "./AnyPolicies.ts"
import * as AnyProviders from "./AnyProviders.ts"
import * as AnyRequests from "./AnyRequests.ts"
import * as AnyServices from "./AnyServices.ts"
import * as AnyTools from "./AnyTools.ts"
import * as AnyValue from "./AnyValue.ts"

const modules: Readonly<Record<string, object>> = {
  ...Core,
  ...Testing,
  Enforcement
}

/**
 * Left out of the declarations, exported by `ChatService` too, or what Effect makes of a schema; and the suites, which declare
 * tests.
 */
const isInternal = new Set([
  "ChatContract.suite",
  "EmbeddingContract.suite",
  "RerankContract.suite",
  "Breaker.check",
  "Budget.check",
  "ChatEvent.makeCollector",
  "ContextWindow.check",
  "ContextWindow.checkAny",
  "ConversationStore.idOf",
  "History.portableEntries",
  "Concurrency.check",
  "Fallback.isLasting",
  "Key.check",
  "Pool.callsOf",
  "Chat.cored",
  "Embedder.cored",
  "Embedder.passingOn",
  "Embedder.providerOf",
  "Reranker.cored",
  "Policy.check",
  "Key.check",
  "Pool.callsOf",
  "Key.of",
  "Key.text",
  "Pricing.currency",
  "Pricing.lookup",
  "Quota.check",
  "Retry.check",
  "Telemetry.errorAnnotations",
  "Telemetry.nameOf",
  "Telemetry.sharedAttributes",
  "Tool.check",
  "RetryBudget.check",
  "StructuredOutput.object",
  "StructuredOutput.objectStream",
  "ChatCache.options",
  "EmbeddingCache.options"
])

const isClass = (value: Function) => /^class\b/.test(Function.prototype.toString.call(value))

const functions = Object.entries(modules).flatMap(([module, exports]) =>
  Object.entries(exports).flatMap(([name, value]) =>
    typeof value !== "function" || isClass(value) || Schema.isSchema(value) || Context.isKey(value) ||
      isInternal.has(`${module}.${name}`)
      ? []
      : [`${module}.${name}`]
  )
)

const calls = {
  ...AnyServices.calls,
  ...AnyTools.calls,
  ...AnyPolicies.calls,
  ...AnyProviders.calls,
  ...AnyData.calls,
  ...AnyConversations.calls
}

/** The tests, with one in so many of the values, and of the mutants of requests. */
export const suite = (every: number) => {
  describe("Every public function", () => {
    it("is tested here", () => {
      const tried = Object.keys(calls)
      assert.deepStrictEqual(functions.filter((name) => !tried.includes(name)), [])
    })

    for (const [name, any] of Object.entries(calls)) {
      it.live(`has an answer or a typed error for any value: ${name}`, () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* AnyValue.troublesOf(any, every), [])
        }).pipe(Effect.provide(AnyCalls.services), Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
    }
  })

  describe("Any invalid part of a request", () => {
    const seed = 20_260_101

    /** What each mutant of a value comes to: an answer, or a refusal that names the place, with nothing sent. */
    const tried = Effect.fnUntraced(function*(
      value: unknown,
      most: number,
      call: (mutant: never) => Effect.Effect<unknown, unknown, AnyCalls.Services>
    ) {
      const counts = { answered: 0, refused: 0 }
      for (const { make, name } of AnyValue.mutants(value, seed, most / every)) {
        const before = AnyCalls.sent.count
        const exit = yield* Effect.exit(Effect.suspend(() => call(make() as never)))
        const error = Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        if (Exit.isSuccess(exit)) {
          counts.answered++
          continue
        }
        counts.refused++
        // A trace costs more than a call.
        const trace = error instanceof Core.ProviderError.InvalidRequestError ? "" : Cause.pretty(exit.cause)
        assert.instanceOf(error, Core.ProviderError.InvalidRequestError, `${name}: ${trace}`)
        assert.isNotEmpty(error.field, name)
        assert.isNotEmpty(error.remedy, name)
        assert.strictEqual(AnyCalls.sent.count, before, `${name}: sent and refused`)
      }
      return counts
    })

    it.live("is refused with its place, or answered: chat", () =>
      Effect.gen(function*() {
        const { answered, refused } = yield* tried(
          AnyRequests.chat,
          2000,
          (request) => Core.ChatService.generate(request)
        )
        assert.isAbove(answered, 50 / every)
        assert.isAbove(refused, 1000 / every)
      }).pipe(Effect.provide(AnyCalls.services)), 60_000)

    it.live("is refused with its place, or answered: embeddings", () =>
      Effect.gen(function*() {
        const { inputs, options } = AnyRequests.embedding
        const byInputs = yield* tried(inputs, 1000, (inputs) => Core.EmbeddingService.embedMany(inputs, options))
        const byOptions = yield* tried(options, 500, (options) => Core.EmbeddingService.embedMany(inputs, options))
        assert.isAbove(byInputs.answered, 50 / every)
        assert.isAbove(byInputs.refused, 300 / every)
        assert.isAbove(byOptions.refused, 200 / every)
      }).pipe(Effect.provide(AnyCalls.services)), 60_000)

    it.live("is refused with its place, or answered: reranking", () =>
      Effect.gen(function*() {
        const { documents, options, query } = AnyRequests.reranking
        const byDocuments = yield* tried(documents, 300, (documents) =>
          Core.RerankService.rerank(query, documents, options))
        const byOptions = yield* tried(options, 300, (options) =>
          Core.RerankService.rerank(query, documents, options))
        assert.isAbove(byDocuments.refused, 100 / every)
        assert.isAbove(byOptions.refused, 100 / every)
      }).pipe(Effect.provide(AnyCalls.services)), 60_000)
  })
}
