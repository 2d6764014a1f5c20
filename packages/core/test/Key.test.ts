import { assert, describe, it } from "@effect/vitest"
import * as Key from "@strata/core/policy/Key"
import * as Effect from "effect/Effect"
import { target } from "./ChatFixture.ts"

const keyOf = (key: unknown) => Key.of(() => key as string, { ...target, metadata: {} }, "quota.key")

describe("Key.of", () => {
  it.effect.each(["k", "k".repeat(256)])("is a text of 1 to 256 characters: %s", (key) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* keyOf(key), key)
    }))

  it.effect.each<[string, unknown, string]>([
    ["no character", "", "the key of a call has 0 characters"],
    ["too many characters", "k".repeat(257), "the key of a call has 257 characters"],
    ["another kind", 7, "it is 7"],
    ["nothing", undefined, "it is missing"]
  ])(
    "fails for a key of %s, and names the option, the provider and the model",
    ([, key, problem]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(keyOf(key))
        const { model, provider } = target
        assert.deepInclude(error, { _tag: "InvalidRequestError", field: "quota.key", provider, model })
        assert.include(error.message, problem)
      })
  )

  it.effect("fails with what the function throws", () =>
    Effect.gen(function*() {
      const key = () => JSON.parse("{")
      const error = yield* Effect.flip(Key.of(key, { ...target, metadata: {} }, "quota.key"))
      assert.strictEqual(error.field, "quota.key")
      assert.instanceOf(error.cause, SyntaxError)
    }))
})

describe("Key.metadata", () => {
  it.effect("is the pair of that name, or what is said otherwise", () =>
    Effect.gen(function*() {
      const of = (key: Key.Key) => Key.of(key, { ...target, metadata: { tenant: "a" } }, "key")
      assert.strictEqual(yield* of(Key.metadata("tenant", "none")), "a")
      assert.strictEqual(yield* of(Key.metadata("user", "none")), "none")
      assert.strictEqual((yield* Effect.flip(of(Key.metadata("toString")))).field, "key")
    }))
})
