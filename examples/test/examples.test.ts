import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./Example.ts"

const seconds = 60_000

describe("examples", () => {
  it.live("chat answers and tells what it cost", () =>
    Effect.gen(function*() {
      const output = yield* run("chat")
      assert.include(output, "I am not a language model")
      assert.match(output, /us\.amazon\.nova-lite-v1:0: \d+ tokens in, \d+ out, stop/)
    }), seconds)

  it.live("stream quotes the sentence about Sundays, with its source", () =>
    Effect.gen(function*() {
      const output = yield* run("stream")
      assert.include(output, "On Sundays it opens at noon")
      assert.include(output, "[visit]")
      assert.match(output, /stop, \d+ tokens/)
    }), seconds)

  it.live("embeddings ranks the text about passwords first", () =>
    Effect.gen(function*() {
      const [first] = (yield* run("embeddings")).split("\n")
      assert.include(first, "reset your password")
    }), seconds)

  it.live("embedding-cache asks for nothing twice", () =>
    Effect.gen(function*() {
      const output = yield* run("embedding-cache")
      assert.include(output, "monday: 3 vectors, 3 requests")
      assert.include(output, "tuesday: 4 vectors, 1 requests")
      assert.include(output, "wednesday: 4 vectors, 0 requests, 0 tokens")
    }), seconds)

  it.live("answer-cache pays for one of twenty answers", () =>
    Effect.gen(function*() {
      const output = yield* run("answer-cache")
      assert.match(output, /20 answers, 1 paid for: .*On Sundays it opens at noon/)
      assert.include(output, "streamed, cached: true, cost: 0")
    }), seconds)

  it.live("rerank puts what helps with a forgotten password first", () =>
    Effect.gen(function*() {
      const [first, ...others] = (yield* run("rerank")).trim().split("\n")
      assert.match(first ?? "", /^\d\.\d\d  Sign in: /)
      assert.lengthOf(others, 2)
    }), seconds)

  it.live("errors tells what went wrong and what to do", () =>
    Effect.gen(function*() {
      const output = yield* run("errors")
      assert.include(output, "Our mistake in \"messages[0].content\"")
      assert.include(output, "The provided model identifier is invalid. [ValidationException]")
      assert.include(output, "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    }), seconds)

  it.live("test-layers answers without a model", () =>
    Effect.gen(function*() {
      const output = yield* run("test-layers")
      assert.include(output, "A fox gives up on grapes.")
      assert.include(output, "so the text came back: A short story.")
    }), seconds)

  it.live("tools runs what the model asks for, and tells it what failed", () =>
    Effect.gen(function*() {
      const output = yield* run("tools")
      assert.include(output, "get_weather({\"city\":\"Rome\"}) → {\"city\":\"Rome\",\"celsius\":31}")
      assert.include(output, "failed: \"No station in Atlantis\"")
      assert.include(output, "1 of the 3 cities is unknown")
      assert.match(output, /2 steps, \d+ tokens, finished/)
    }), seconds)

  it.live("structured-output repairs an answer and shows another one grow", () =>
    Effect.gen(function*() {
      const output = yield* run("structured-output")
      assert.include(output, "Pancakes, 20 minutes, 2 ingredients")
      assert.isAbove(output.split("\n… ").length - 1, 2)
      assert.include(output, "done: Pancakes")
    }), seconds)

  it.live("documents-and-citations points to where its answers stand", () =>
    Effect.gen(function*() {
      const output = yield* run("documents-and-citations")
      assert.include(output, "library rules, piece 2: \"Late books cost ten cents a day.\"")
    }), seconds)

  it.live("reasoning sends the thoughts back with their seal", () =>
    Effect.gen(function*() {
      const output = yield* run("reasoning")
      assert.include(output, "(thinks) x + (x + 1.00) = 1.10")
      assert.include(output, "the seal \"c2VhbGVk\" is mine")
    }), seconds)

  it.live("prompt-caching reads a prefix from the cache the second time", () =>
    Effect.gen(function*() {
      const output = yield* run("prompt-caching")
      assert.match(output, /[1-9]\d* written to the cache, 0 from it/)
      assert.match(output, /0 written to the cache, [1-9]\d* from it/)
    }), seconds)
})
