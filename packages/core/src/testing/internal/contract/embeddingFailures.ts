/** Errors arrive with their tags, an input that the model refuses fails alone, and interruption ends the work. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Embedder from "../../../embedding/Embedder.ts"
import * as EmbeddingService from "../../../embedding/EmbeddingService.ts"
import * as Policy from "../../../policy/Policy.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import { over, type Test, test } from "./embeddingModel.ts"
import { errors } from "./errors.ts"
import { failure, holds, same, within } from "./expect.ts"

const failing = (error: ProviderError.CallError): Test =>
  test(`fails with ${error._tag}`, ["script", "errors"], (service, { double, subject }) =>
    Effect.gen(function*() {
      const expected = subject.errors?.[error._tag] ?? error._tag
      yield* double.failNext(error, error, error)
      const failed = yield* failure(service.embed("one"), "the call")
      yield* same(failed._tag, expected, "the error")
      yield* holds(failed.message.length > 0, "the error should say what happened")
    }))

const interrupted: Test = {
  title: "ends the model's work when a call is interrupted",
  needs: ["script", "interruption"],
  run: (subject) =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const left = yield* Deferred.make<void>()
      const model = Layer.effect(
        EmbeddingService.EmbeddingService,
        Embedder.make({
          provider: "test",
          defaultModel: "test-embedding",
          policy: Policy.none,
          limits: () => Effect.succeed({ maxItems: 100, maxLength: 10_000 }),
          embedBatch: () =>
            Effect.onInterrupt(
              Effect.andThen(Deferred.succeed(asked, undefined), Effect.never),
              () => Deferred.succeed(left, undefined)
            )
        })
      ).pipe(Layer.orDie)
      const service = yield* over(subject, model)
      const fiber = yield* Effect.forkScoped(service.embedMany(["one", "two"]))
      yield* within(Deferred.await(asked), "the model should be asked")
      yield* Fiber.interrupt(fiber)
      yield* within(Deferred.await(left), "the model's work should end when the call is interrupted")
    })
}

export const tests: ReadonlyArray<Test> = [
  ...errors.map(failing),

  test("fails only the input that the model refuses", ["script", "errors"], (service) =>
    Effect.gen(function*() {
      const { results } = yield* service.embedEach(["one", "two", "forbidden", "three", "four"])
      yield* same(results.map(Result.isSuccess), [true, true, false, true, true], "which inputs have a vector")
    })),

  interrupted
]
