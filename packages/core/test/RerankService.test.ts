import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Policy from "../src/policy/Policy.ts"
import * as ProviderError from "../src/ProviderError.ts"
import type * as Rerank from "../src/rerank/Rerank.ts"
import * as RerankService from "../src/rerank/RerankService.ts"
import * as RerankProbe from "./RerankProbe.ts"

const indexes = ({ results }: Rerank.RerankResponse) => results.map(({ index }) => index)

const slowDown = new ProviderError.RateLimitError({ provider: "probe", message: "slow down" })

describe("RerankService", () => {
  it.effect("gives results best first, with index and score", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* RerankProbe.make()
      assert.deepStrictEqual(yield* service.rerank("q", ["a 2", "b 9", "c 5"]), {
        results: [{ index: 1, score: 9 }, { index: 2, score: 5 }, { index: 0, score: 2 }],
        model: "probe-1",
        requestId: "request-1",
        usage: { inputTokens: 3 },
        requests: 1
      })
      assert.deepStrictEqual(sent, [
        { query: "q", documents: ["a 2", "b 9", "c 5"], topN: 3, options: { model: "probe-1" } }
      ])
    }))

  it.effect.prop(
    "ranks every document exactly once, sorted, in as few requests as the limits allow; `topN` keeps the best of them",
    {
      scores: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))),
      maxDocuments: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
      topN: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 8 }))
    },
    ({ maxDocuments, scores, topN }) =>
      Effect.gen(function*() {
        const { sent, service } = yield* RerankProbe.make({ limits: RerankProbe.atMost(maxDocuments) })
        const documents = scores.map((score) => `text ${score}`)
        const all = yield* service.rerank("q", documents)
        assert.deepStrictEqual([...indexes(all)].sort((a, b) => a - b), scores.map((_, index) => index))
        assert.deepStrictEqual(all.results.map(({ index }) => scores[index]), all.results.map(({ score }) => score))
        for (const [at, { index, score }] of all.results.slice(1).entries()) {
          const before = all.results[at]!
          assert.isTrue(before.score > score || (before.score === score && before.index < index))
        }
        assert.strictEqual(all.requests, Math.ceil(scores.length / maxDocuments))
        assert.isTrue(sent.every((request) => request.documents.length <= maxDocuments))
        const best = yield* service.rerank("q", documents, { topN })
        assert.deepStrictEqual(best.results, all.results.slice(0, topN))
      })
  )

  it.effect("divides by length too, and counts the query with every request", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* RerankProbe.make({ limits: RerankProbe.atMost(10, 8) })
      const { requestId, requests, usage } = yield* service.rerank("qq", ["aa1", "bb2", "cccc 3", "d4"])
      assert.deepStrictEqual(sent.map(({ documents }) => documents), [["aa1", "bb2"], ["cccc 3"], ["d4"]])
      assert.deepStrictEqual([requests, usage, requestId], [3, { inputTokens: 4 }, undefined])
    }))

  it.effect("asks no request for more results than it has documents", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* RerankProbe.make({ limits: RerankProbe.atMost(3) })
      yield* service.rerank("q", ["a 1", "b 2", "c 3", "d 4"], { topN: 2 })
      yield* service.rerank("q", ["a 1"], { topN: 5 })
      assert.deepStrictEqual(sent.map(({ topN }) => topN), [2, 1, 1])
    }))

  it.effect("gives no usage when a request is not counted", () =>
    Effect.gen(function*() {
      const { service } = yield* RerankProbe.make({
        limits: RerankProbe.atMost(1),
        rerank: (request) =>
          Effect.map(RerankProbe.numbered(request), (answer) =>
            request.documents[0] === "a 1" ? answer : { ...answer, inputTokens: undefined })
      })
      assert.isUndefined((yield* service.rerank("q", ["a 1", "b 2"])).usage)
    }))

  it.effect("takes the model and the provider's own options from the call", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* RerankProbe.make()
      const providerOptions = {}
      const response = yield* service.rerank("q", ["a"], { model: "other", topN: 1, providerOptions })
      assert.strictEqual(response.model, "other")
      assert.deepStrictEqual(sent[0]!.options, { model: "other", providerOptions })
    }))

  it.effect("drops surplus results, worst first", () =>
    Effect.gen(function*() {
      const { service } = yield* RerankProbe.make({
        rerank: (request) => RerankProbe.numbered({ ...request, topN: request.documents.length })
      })
      assert.deepStrictEqual(indexes(yield* service.rerank("q", ["a 1", "b 3", "c 2"], { topN: 2 })), [1, 2])
    }))

  it.effect.each<readonly [string, ReadonlyArray<Rerank.RerankResult>]>([
    ["a score for document 2, of 2 counted from 0", [{ index: 0, score: 1 }, { index: 2, score: 1 }]],
    ["a score for document -1, of 2 counted from 0", [{ index: -1, score: 1 }, { index: 0, score: 1 }]],
    ["a score for document 0.5, of 2 counted from 0", [{ index: 0.5, score: 1 }, { index: 0, score: 1 }]],
    ["two scores for document 1", [{ index: 1, score: 1 }, { index: 1, score: 0 }, { index: 0, score: 0 }]],
    ["NaN as the score of document 0", [{ index: 0, score: NaN }, { index: 1, score: 1 }]],
    ["Infinity as the score of document 0", [{ index: 0, score: Infinity }, { index: 1, score: 1 }]],
    ["1 of the 2 results that were asked for", [{ index: 0, score: 1 }]],
    ["0 of the 2 results that were asked for", []]
  ])("calls it a malformed response when the provider answers %s", ([problem, results]) =>
    Effect.gen(function*() {
      const { service } = yield* RerankProbe.make({ rerank: () => Effect.succeed({ results, requestId: "request-1" }) })
      const error = yield* Effect.flip(service.rerank("q", ["a", "b"]))
      assert.deepStrictEqual(
        [error._tag, error.provider, error.model, error.requestId, error.message],
        [
          "MalformedResponseError",
          "probe",
          "probe-1",
          "request-1",
          `probe-1 of probe answered with ${problem}. Ask again, or use another model.`
        ]
      )
    }))

  it.effect("sends several requests at the same time, as many as the policy allows", () =>
    Effect.gen(function*() {
      for (const [concurrency, seconds] of [[2, 2], [4, 1]] as const) {
        const { service } = yield* RerankProbe.make({
          limits: RerankProbe.atMost(1),
          policy: { ...Policy.none, concurrency },
          rerank: (request) => Effect.delay(RerankProbe.numbered(request), "1 second")
        })
        const fiber = yield* Effect.forkChild(service.rerank("q", ["a", "b", "c", "d"]))
        yield* TestClock.adjust(seconds * 1000 - 1)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.isDefined(fiber.pollUnsafe())
      }
    }))

  it.effect("fails with the first failure, and interrupts the rest", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const { service } = yield* RerankProbe.make({
        limits: RerankProbe.atMost(1),
        rerank: ({ documents }) =>
          documents[0] === "bad"
            ? Effect.fail(slowDown)
            : Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      })
      assert.strictEqual(yield* Effect.flip(service.rerank("q", ["a", "b", "bad"])), slowDown)
      assert.strictEqual(interrupted, 2)
    }))

  it.effect("retries only the request that failed", () =>
    Effect.gen(function*() {
      let failures = 1
      const { sent, service } = yield* RerankProbe.make({
        limits: RerankProbe.atMost(1),
        policy: Policy.standard,
        rerank: (request) =>
          request.documents[0] === "b 2" && failures-- > 0 ? Effect.fail(slowDown) : RerankProbe.numbered(request)
      })
      const fiber = yield* Effect.forkChild(service.rerank("q", ["a 1", "b 2"]))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(indexes(yield* Fiber.join(fiber)), [1, 0])
      assert.deepStrictEqual(sent.map(({ documents }) => documents[0]), ["a 1", "b 2", "b 2"])
    }))

  describe("before anything is sent", () => {
    /** The error of a call that sends nothing. */
    const refusal = Effect.fnUntraced(function*(
      options: Partial<RerankService.Provider>,
      ...call: Parameters<RerankService.RerankService["Service"]["rerank"]>
    ) {
      const { sent, service } = yield* RerankProbe.make(options)
      const error = yield* Effect.flip(service.rerank(...call))
      assert.deepStrictEqual(sent, [])
      return error
    })

    it.effect("sends no request without documents", () =>
      Effect.gen(function*() {
        const { sent, service } = yield* RerankProbe.make()
        assert.deepStrictEqual(yield* service.rerank("q", []), {
          results: [],
          model: "probe-1",
          requestId: undefined,
          usage: undefined,
          requests: 0
        })
        assert.deepStrictEqual(sent, [])
      }))

    it.effect("refuses a call that names no model", () =>
      Effect.gen(function*() {
        for (const model of [undefined, " "]) {
          const error = yield* refusal({ defaultModel: undefined }, "q", [], { model })
          assert.instanceOf(error, ProviderError.InvalidRequestError)
          assert.strictEqual(error.field, "model")
          assert.include(error.remedy, "Set `model`")
        }
      }))

    it.effect.each<readonly [string, string, ReadonlyArray<string>, Rerank.RerankOptions | undefined, string]>([
      ["query", " \n", ["a"], undefined, "query: the text is blank. Give a query."],
      [
        "documents[1]",
        "q",
        ["a", "\t", ""],
        undefined,
        "documents[1]: the text is blank. Leave it out, or give it text."
      ],
      ...[0, -1, 1.5, NaN, Infinity].map((topN) =>
        [
          "topN",
          "q",
          ["a"],
          { topN },
          `topN: ${topN} is not a number of results. Use a whole number from 1, or leave it out to get all of them.`
        ] as const
      )
    ])("names %s and what to do about it", ([field, query, documents, options, message]) =>
      Effect.gen(function*() {
        const error = yield* refusal({}, query, documents, options)
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.strictEqual(error.message, message)
      }))

    it.effect.each<readonly [query: unknown, documents: unknown, options: unknown, field: string, message: string]>([
      [null, ["a"], undefined, "query", "it is null"],
      [5, ["a"], undefined, "query", "it is 5"],
      ["q", null, undefined, "documents", "Give an array of texts"],
      ["q", "a", undefined, "documents", "it is text"],
      ["q", ["a", null], undefined, "documents[1]", "it is null"],
      ["q", ["a", { text: "a" }], undefined, "documents[1]", "it is an object"],
      ["q", ["a"], null, "options", "it is null"],
      ["q", ["a"], { topn: 5 }, "topn", "Did you mean `topN`?"],
      ["q", ["a"], { topN: "5" }, "topN", "it is text"],
      ["q", ["a"], { model: {} }, "model", "it is an object"]
    ])("refuses %j, %j, %j", ([query, documents, options, field, message]) =>
      Effect.gen(function*() {
        const error = yield* refusal({}, query as string, documents as [], options as Rerank.RerankOptions)
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.include(error.message, message)
      }))

    it.effect.each<readonly [query: string, documents: ReadonlyArray<string>, field: string]>([
      ["q\ude00", ["a"], "query"],
      ["q", ["\ud83d\ude00", "a\ud83d b"], "documents[1]"]
    ])("refuses half a surrogate pair: %j, %j", ([query, documents, field]) =>
      Effect.gen(function*() {
        const error = yield* refusal({}, query, documents)
        assert.instanceOf(error, ProviderError.InvalidRequestError)
        assert.strictEqual(error.field, field)
        assert.include(error.message, "half a surrogate pair at index 1. Split text between characters")
      }))

    it.effect("refuses what the provider refuses in its limits, also without documents", () =>
      Effect.gen(function*() {
        const wrong = new ProviderError.InvalidRequestError({ provider: "probe", message: "no such family" })
        assert.strictEqual(yield* refusal({ limits: () => Effect.fail(wrong) }, "q", []), wrong)
      }))

    it.effect("names a text that does not fit into a request of its own", () =>
      Effect.gen(function*() {
        const document = yield* refusal({ limits: RerankProbe.atMost(10, 5) }, "qq", ["abc", "abcd"])
        assert.instanceOf(document, ProviderError.ContextLengthExceededError)
        assert.strictEqual(
          document.message,
          "documents[1]: the text has 4 characters and a request takes 3 beside the query. Split it."
        )
        const query = yield* refusal({ limits: RerankProbe.atMost(10, 5) }, "qqqqq", ["a"])
        assert.instanceOf(query, ProviderError.ContextLengthExceededError)
        assert.strictEqual(query.message, "query: the text has 5 characters and a request takes 5 in all. Shorten it.")
      }))
  })

  it.effect("rerankBy gives the values themselves, by their texts", () =>
    Effect.gen(function*() {
      const { service } = yield* RerankProbe.make()
      const values = [{ body: "a 1" }, { body: "b 3" }, { body: "c 2" }]
      const ranked = yield* RerankService.rerankBy("q", values, ({ body }) => body, { topN: 2 }).pipe(
        Effect.provideService(RerankService.RerankService, service)
      )
      assert.deepStrictEqual(ranked, [{ value: values[1]!, index: 1, score: 3 }, {
        value: values[2]!,
        index: 2,
        score: 2
      }])
      assert.strictEqual(ranked[0]!.value, values[1])
    }))

  it.effect("rerankBy refuses invalid values, and names the one the function threw for", () =>
    Effect.gen(function*() {
      const { sent, service } = yield* RerankProbe.make()
      const cause = new Error("no text in this row")
      const by = (values: unknown, text: unknown) =>
        Effect.flip(Effect.provideService(
          RerankService.rerankBy("q", values as ReadonlyArray<string>, text as (value: string) => string),
          RerankService.RerankService,
          service
        ))
      const throws = (row: string) => row === "b" ? Effect.runSync(Effect.die(cause)) : row
      const cases = [["values", null, throws], ["text", ["a"], "text"], ["documents[1]", ["a", "b"], throws]] as const
      for (const [field, values, text] of cases) {
        const error = yield* by(values, text)
        assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
        if (values?.length === 2) assert.strictEqual(error.cause, cause)
      }
      assert.deepStrictEqual(sent, [])
    }))

  describe("withPolicy", () => {
    const twice = (layer: Layer.Layer<RerankService.RerankService>) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          Effect.provide(
            RerankService.rerank("q", ["a 1", "b 2"], { topN: 1 }),
            RerankService.withPolicy(layer, Policy.standard)
          )
        )
        yield* TestClock.adjust("1 minute")
        return yield* Fiber.join(fiber)
      })

    it.effect("replaces the policy of a service", () =>
      Effect.gen(function*() {
        let failures = 1
        const { service } = yield* RerankProbe.make({
          rerank: (request) => failures-- > 0 ? Effect.fail(slowDown) : RerankProbe.numbered(request)
        })
        const response = yield* twice(Layer.succeed(RerankService.RerankService, service))
        assert.deepStrictEqual([response.model, ...indexes(response)], ["probe-1", 1])
      }))

    it.effect("shows no default model where a hand-made service has none", () =>
      Effect.gen(function*() {
        const handMade = Layer.succeed(RerankService.RerankService, { rerank: () => Effect.die("not called") })
        const { defaultModel, provider } = yield* Effect.provide(
          RerankService.RerankService,
          RerankService.withPolicy(handMade, Policy.none)
        )
        assert.deepStrictEqual([provider, defaultModel], [undefined, undefined])
      }))

    it.effect("validates calls before a hand-made service", () =>
      Effect.gen(function*() {
        const handMade = Layer.succeed(RerankService.RerankService, { rerank: () => Effect.die("not called") })
        for (const documents of [null, ["a", null], ["a", " "]]) {
          const error = yield* RerankService.rerank("q", documents as ReadonlyArray<string>).pipe(
            Effect.provide(RerankService.withPolicy(handMade, Policy.none)),
            Effect.flip
          )
          const field = documents === null ? "documents" : "documents[1]"
          assert.strictEqual(error._tag === "InvalidRequestError" && error.field, field)
        }
      }))

    it.effect("applies to a hand-made service, and leaves the model to it", () =>
      Effect.gen(function*() {
        let failures = 1
        const asked: Array<Rerank.RerankOptions | undefined> = []
        const response = yield* twice(Layer.succeed(RerankService.RerankService, {
          rerank: (_query, _documents, options) => {
            asked.push(options)
            return failures-- > 0
              ? Effect.fail(slowDown)
              : Effect.succeed({
                results: [{ index: 1, score: 1 }],
                model: "own",
                requestId: "request-2",
                usage: { inputTokens: 7 },
                requests: 1
              })
          }
        }))
        assert.deepStrictEqual(asked, [{ topN: 1 }, { topN: 1 }])
        assert.strictEqual(response.model, "own")
        assert.deepStrictEqual([response.requestId, response.usage, ...indexes(response)], ["request-2", {
          inputTokens: 7
        }, 1])
      }))
  })
})
