import { assert, describe, it } from "@effect/vitest"
import * as BatchService from "@strata/core/batch/BatchService"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as ProviderError from "@strata/core/ProviderError"
import * as RerankService from "@strata/core/rerank/RerankService"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { expectTypeOf } from "vitest"
import { errors, throughJson } from "./ChatFixture.ts"

/** Deep equality of two errors looks at their names and messages only. */
const fields = (error: ProviderError.ProviderError) => ({ ...error, message: error.message })

const known = { provider: "test.provider", message: "it went wrong" }

describe("ProviderError", () => {
  it.effect.each(Object.values(errors))("$_tag round-trips through JSON", (error) =>
    Effect.gen(function*() {
      const decoded = yield* throughJson(ProviderError.ProviderError, error)
      assert.deepStrictEqual(fields(decoded), fields(error))
      assert.strictEqual(decoded.constructor, error.constructor)
    }))

  it.effect.each([
    new ProviderError.RateLimitError({ ...known, retryAfter: Duration.millis(1_500) }),
    new ProviderError.ModelUnavailableError({ ...known, retryAfter: Duration.infinity }),
    new ProviderError.TimeoutError({ ...known, phase: "idle", after: Duration.minutes(3) })
  ])("keeps the times of $_tag", (error) =>
    Effect.gen(function*() {
      const decoded = yield* throughJson(ProviderError.ProviderError, error)
      assert.deepStrictEqual(fields(decoded), fields(error))
    }))

  it.effect("keeps the name and the message of a cause", () =>
    Effect.gen(function*() {
      const causes = [new TypeError("fetch failed"), errors.RateLimitError]
      for (const cause of causes) {
        const error = new ProviderError.StreamInterruptedError({ ...known, delivered: 3, cause })
        const decoded = yield* throughJson(ProviderError.ProviderError, error)
        assert.strictEqual(decoded._tag, "StreamInterruptedError")
        assert.instanceOf(decoded.cause, Error)
        assert.deepInclude(decoded.cause, { name: cause.name, message: cause.message })
      }
    }))

  it.effect("keeps a cause that is not an error, and one without a JSON form", () =>
    Effect.gen(function*() {
      const error = (cause: unknown) => new ProviderError.ConnectionError({ ...known, cause })
      const decoded = yield* throughJson(ProviderError.ProviderError, error({ code: "ECONNRESET" }))
      assert.deepStrictEqual(decoded.cause, { code: "ECONNRESET" })
      yield* throughJson(ProviderError.ProviderError, error(() => 1))
      yield* throughJson(ProviderError.ProviderError, error(10n))
    }))

  it("is distinguished from other values", () => {
    for (const error of Object.values(errors)) assert.isTrue(ProviderError.isProviderError(error))
    for (const other of [undefined, "RateLimitError", new Error("no"), { _tag: "RateLimitError" }]) {
      assert.isFalse(ProviderError.isProviderError(other))
    }
  })

  it.effect("can be caught by its tag, and is readable in a log", () =>
    Effect.gen(function*() {
      const failing: Effect.Effect<never, ProviderError.ProviderError> = Effect.fail(errors.RateLimitError)
      const caught = failing.pipe(Effect.catchTag("RateLimitError", (error) => Effect.succeed(error.requestId)))
      assert.strictEqual(yield* caught, "request-1")
      const exit = yield* Effect.exit(failing)
      assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("RateLimitError: it went wrong"))
    }))
})

describe("ProviderError.retryAfter", () => {
  it("is the provider's hint, where there is one", () => {
    const hinted = new ProviderError.CircuitOpenError({ ...known, retryAfter: Duration.seconds(9) })
    assert.deepStrictEqual(ProviderError.retryAfter(hinted), Duration.seconds(9))
    for (const error of Object.values(errors)) assert.isUndefined(ProviderError.retryAfter(error))
  })
})

describe("ProviderError.invalidRequest", () => {
  it("has the place, the problem and the remedy", () => {
    const error = ProviderError.invalidRequest({
      provider: "test.provider",
      model: "test-model",
      field: "topP",
      problem: "2 is out of range",
      remedy: "Use a number from 0 to 1"
    })
    assert.deepInclude(error, {
      _tag: "InvalidRequestError",
      field: "topP",
      remedy: "Use a number from 0 to 1",
      message: "topP: 2 is out of range. Use a number from 0 to 1."
    })
  })
})

describe("What a service fails with", () => {
  const Answer = Schema.Struct({ answer: Schema.String })
  type Tags<E extends { readonly _tag: string }> = E["_tag"]
  type All = Tags<ProviderError.ProviderError>

  it("has a type: StreamInterruptedError only for streams, StructuredOutputError only for objects, QueueFullError only for batches", () => {
    const generate = ChatService.generate("?")
    const stream = ChatService.stream("?")
    const object = ChatService.object(Answer, "?")
    const objectStream = ChatService.objectStream(Answer, "?")
    const embed = EmbeddingService.embed("?")
    const rerank = RerankService.rerank("?", [])
    const submit = BatchService.submit({ name: "a", kind: "chat", lines: Stream.empty })
    const results = BatchService.results("a")
    type Whole = Exclude<All, "StreamInterruptedError" | "StructuredOutputError" | "QueueFullError">
    expectTypeOf<Tags<Effect.Error<typeof generate>>>().toEqualTypeOf<Whole>()
    expectTypeOf<Tags<Effect.Error<typeof embed>>>().toEqualTypeOf<Whole>()
    expectTypeOf<Tags<Effect.Error<typeof rerank>>>().toEqualTypeOf<Whole>()
    expectTypeOf<Tags<Stream.Error<typeof stream>>>().toEqualTypeOf<Whole | "StreamInterruptedError">()
    expectTypeOf<Tags<Effect.Error<typeof object>>>().toEqualTypeOf<Whole | "StructuredOutputError">()
    expectTypeOf<Tags<Stream.Error<typeof objectStream>>>().toEqualTypeOf<Exclude<All, "QueueFullError">>()
    expectTypeOf<Tags<Effect.Error<typeof submit>>>().toEqualTypeOf<Whole | "QueueFullError">()
    expectTypeOf<Tags<Stream.Error<typeof results>>>().toEqualTypeOf<Whole>()
  })

  it("is known by its tag", () => {
    const others = Object.values(errors).filter((error) => !ProviderError.isCallError(error))
    assert.deepStrictEqual(others.map(({ _tag }) => _tag), [
      "StreamInterruptedError",
      "StructuredOutputError",
      "QueueFullError"
    ])
    assert.isFalse(ProviderError.isCallError(new Error("no")))
  })
})
