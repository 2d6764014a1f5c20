/** Documents by relevance, each once; errors arrive with their tags, and interruption ends the work. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Policy from "../../../policy/Policy.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as Reranker from "../../../rerank/Reranker.ts"
import * as RerankService from "../../../rerank/RerankService.ts"
import type * as Declare from "./declare.ts"
import { errors } from "./errors.ts"
import { failure, holds, refusal as refused, same, within } from "./expect.ts"
import type * as RerankSubject from "./rerankSubject.ts"

type Test = Declare.Test<RerankSubject.Feature, RerankSubject.Subject>

const test = (
  title: string,
  needs: ReadonlyArray<RerankSubject.Feature>,
  behaviour: RerankSubject.Behaviour,
  run: (
    service: Reranker.Reranker,
    subject: RerankSubject.Subject
  ) => Effect.Effect<unknown, unknown, Scope.Scope>
): Test => ({
  title,
  needs,
  run: (subject) => Effect.flatMap(over(subject, behaviour), (service) => run(service, subject))
})

const over = (subject: RerankSubject.Subject, behaviour: RerankSubject.Behaviour) =>
  Effect.map(
    Layer.build(RerankService.withPolicy(subject.layer(behaviour), Policy.none)),
    (built) => Context.get(built, RerankService.RerankService)
  )

const query = "quick brown fox"

const documents = ["the annual report of a bank", "the quick brown fox jumps", "a brown table", "quick quick brown fox"]

const failing = (error: ProviderError.CallError): Test =>
  test(
    `fails with ${error._tag}`,
    ["errors"],
    { errors: [error, error, error] },
    (service, subject) =>
      Effect.gen(function*() {
        const failed = yield* failure(service.rerank(query, documents), "the call")
        yield* same(failed._tag, subject.errors?.[error._tag] ?? error._tag, "the error")
        yield* holds(failed.message.length > 0, "the error should say what happened")
      })
  )

const interrupted: Test = {
  title: "ends the model's work when a call is interrupted",
  needs: ["interruption"],
  run: (subject) =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const left = yield* Deferred.make<void>()
      const service = yield* over(subject, {
        hang: {
          asked: Effect.asVoid(Deferred.succeed(asked, undefined)),
          left: Effect.asVoid(Deferred.succeed(left, undefined))
        }
      })
      const fiber = yield* Effect.forkScoped(service.rerank(query, documents))
      yield* within(Deferred.await(asked), "the model should be asked")
      yield* Fiber.interrupt(fiber)
      yield* within(Deferred.await(left), "the model's work should end when the call is interrupted")
    })
}

export const tests: ReadonlyArray<Test> = [
  test("ranks every document once, best first", [], {}, (service) =>
    Effect.gen(function*() {
      const { model, requests, results } = yield* service.rerank(query, documents)
      const indices = results.map(({ index }) => index)
      yield* same(indices.toSorted((self, that) => self - that), [0, 1, 2, 3], "the documents")
      const scores = results.map(({ score }) => score)
      yield* same(scores, scores.toSorted((self, that) => that - self), "the scores, in falling order")
      yield* holds(scores.every((score) => Number.isFinite(score)), "every score should be finite")
      yield* holds(model.length > 0, "the response should name its model")
      yield* holds(requests > 0, "the requests should be counted")
    })),

  test("ranks a document with the words of the query before one without", [], {}, (service) =>
    Effect.gen(function*() {
      const { results } = yield* service.rerank(query, documents)
      const place = (document: number) => results.findIndex(({ index }) => index === document)
      yield* holds(place(1) < place(0) && place(3) < place(0), "the bank should come after both foxes")
    })),

  test("gives the best `topN`", [], {}, (service) =>
    Effect.gen(function*() {
      const all = yield* service.rerank(query, documents)
      const best = yield* service.rerank(query, documents, { topN: 2 })
      yield* same(best.results.map(({ index }) => index), all.results.slice(0, 2).map(({ index }) => index), "the best")
    })),

  test("ranks equal documents each by its index", [], {}, (service) =>
    Effect.gen(function*() {
      const { results } = yield* service.rerank(query, ["a brown fox", "a brown fox", "a bank"])
      yield* same(results.map(({ index }) => index).toSorted(), [0, 1, 2], "the documents")
      const [first, second] = results
      yield* same(first?.score, second?.score, "the scores of equal documents")
    })),

  test(
    "ranks no documents as none",
    [],
    {},
    (service) =>
      Effect.flatMap(
        service.rerank(query, []),
        ({ requests, results }) => same([results, requests], [[], 0], "results and requests")
      )
  ),

  test(
    "counts tokens",
    ["usage"],
    {},
    (service) =>
      Effect.flatMap(
        service.rerank(query, documents),
        ({ usage }) => holds((usage?.inputTokens ?? 0) > 0, "the usage should count the tokens")
      )
  ),

  test(
    "ranks for calls that run at once, each its own",
    [],
    {},
    (service) =>
      Effect.forEach(Array.from({ length: 10 }, (_, index) => `subject${index}`), (word, index) =>
        Effect.flatMap(
          service.rerank(word, Array.from({ length: 10 }, (_, other) => `a text on subject${other}`)),
          ({ results }) => same(results[0]?.index, index, "the best")
        ), { concurrency: "unbounded", discard: true })
  ),

  test("refuses what is no query, document or option, with its place", [], {}, (service) =>
    Effect.gen(function*() {
      // A wrong value stands for what a program without types may pass.
      for (const [what, query, documents, options] of wrong) {
        yield* refused(service.rerank(query as never, documents as never, options as never), what)
      }
    })),

  ...errors.map(failing),
  interrupted
]

const wrong: ReadonlyArray<readonly [what: string, query: unknown, documents: unknown, options?: unknown]> = [
  ["a blank query", " ", documents],
  ["a number for a query", 1, documents],
  ["a text for documents", query, "documents"],
  ["a blank document", query, ["fine", ""]],
  ["null for a document", query, ["fine", null]],
  ["a negative `topN`", query, documents, { topN: -1 }],
  ["text for `topN`", query, documents, { topN: "all" }]
]
