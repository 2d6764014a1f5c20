import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import type { ContentBlock, ConverseCommandInput } from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import * as Usage from "@strata/core/Usage"
import { Model } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as PromptCache from "../src/converse/usage/PromptCache.ts"
import type * as Wire from "../src/converse/Wire.ts"
import * as Fixture from "./Fixture.ts"

const stage = Fixture.stage()
const uncounted = Fixture.response([{ type: "text", text: "Hello" }], { usage: Usage.make({ outputTokens: 3 }) })
const point = (
  ttl?: "5m" | "1h"
): { readonly cachePoint: { readonly type: "default"; readonly ttl?: "5m" | "1h" } } => ({
  cachePoint: { type: "default", ...(ttl === undefined ? undefined : { ttl }) }
})
/** A unique text of a number of tokens. */
const text = (tokens: number, start: string) => ({ text: start.padEnd(tokens * 4, ".") })
const asking = (...content: Array<ContentBlock>) => [{ role: "user" as const, content }]

const usageOf = Effect.fnUntraced(function*(input: Partial<ConverseCommandInput>) {
  const client = yield* Fixture.connect("1.1")
  const { usage } = yield* Fixture.attempt(() => client.send(new ConverseCommand({ ...Fixture.hello, ...input })))
  return usage
})

layer(
  Fixture.emulator({
    models: [Model.chat("picky", { caching: { minTokens: 100 } }), Model.chat("patient")]
  }, stage.layer)
)(
  "PromptCache",
  (it) => {
    it.effect("writes a prefix the first time and reads it the next", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        const input = (question: string) => ({
          system: [text(100, "first"), point()],
          messages: asking(text(10, question))
        })
        const written = { cacheReadInputTokens: 0, cacheWriteInputTokens: 100 }
        assert.deepStrictEqual(yield* usageOf(input("a")), {
          ...written,
          inputTokens: 10,
          outputTokens: 3,
          totalTokens: 113,
          cacheDetails: [{ ttl: "5m", inputTokens: 100 }]
        })
        assert.deepStrictEqual(yield* usageOf(input("b")), {
          inputTokens: 10,
          outputTokens: 3,
          totalTokens: 113,
          cacheReadInputTokens: 100,
          cacheWriteInputTokens: 0
        })
        const other = yield* usageOf({ ...input("a"), modelId: "amazon.nova-pro-v1:0" })
        assert.include(other, written, "another model has a cache of its own")
        const changed = yield* usageOf({ ...input("a"), system: [text(100, "changed"), point()] })
        assert.include(changed, written)
      }))

    it.effect("reads the earlier prefix of a growing conversation, and writes the rest", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        const turn = asking(text(50, "turn"), point())
        yield* usageOf({ messages: turn })
        const grown = yield* usageOf({
          messages: [
            ...asking(text(50, "turn")),
            { role: "assistant", content: [text(20, "answer")] },
            ...asking(text(30, "more"), point())
          ]
        })
        assert.include(grown, { inputTokens: 0, cacheReadInputTokens: 0, cacheWriteInputTokens: 100 })
        const marked = yield* usageOf({
          messages: [
            ...turn,
            { role: "assistant", content: [text(20, "answer")] },
            ...asking(text(30, "again"), point())
          ]
        })
        assert.include(marked, { inputTokens: 0, cacheReadInputTokens: 50, cacheWriteInputTokens: 50 })
      }))

    it.effect("finds entries of Claude a few blocks before a moved cache point", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        const modelId = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
        yield* usageOf({ modelId, messages: asking(text(1100, "moving"), point()) })
        const moved = yield* usageOf({
          modelId,
          messages: [
            ...asking(text(1100, "moving")),
            { role: "assistant", content: [text(20, "answer")] },
            ...asking(text(30, "more"), point())
          ]
        })
        assert.include(moved, { inputTokens: 0, cacheReadInputTokens: 1100, cacheWriteInputTokens: 50 })
      }))

    it.effect("reports cache writes by time to live, the longer first", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        const usage = yield* usageOf({
          modelId: "patient",
          system: [text(40, "long"), point("1h")],
          messages: asking(text(60, "short"), point("5m"), text(5, "rest"))
        })
        assert.deepStrictEqual(usage?.cacheDetails, [{ ttl: "1h", inputTokens: 40 }, { ttl: "5m", inputTokens: 60 }])
        assert.include(usage, { inputTokens: 5, cacheWriteInputTokens: 100, totalTokens: 108 })
      }))

    it.effect("does not cache a prefix below the model's minimum", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        const input = { modelId: "picky", messages: asking(text(99, "short"), point()) }
        yield* usageOf(input)
        assert.include(yield* usageOf(input), { inputTokens: 99, cacheReadInputTokens: 0, cacheWriteInputTokens: 0 })
      }))

    it.effect("divides the chat service's count without changing its sum", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response([], { usage: Usage.make({ inputTokens: 440, outputTokens: 1 }) }))
        const usage = yield* usageOf({ system: [text(100, "twice"), point()], messages: asking(text(10, "q")) })
        assert.include(usage, { inputTokens: 40, cacheWriteInputTokens: 400, totalTokens: 441 })
      }))

    it.effect("reports no cache counters without cache points", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        assert.deepStrictEqual(yield* usageOf({ messages: asking(text(5, "plain")) }), {
          inputTokens: 5,
          outputTokens: 3,
          totalTokens: 8
        })
      }))

    it.effect("reports the same counters in a stream", () =>
      Effect.gen(function*() {
        yield* stage.says(uncounted)
        const messages = asking(text(25, "streamed"), point(), text(5, "rest"))
        yield* usageOf({ messages })
        const client = yield* Fixture.connect("2")
        const { stream } = yield* Fixture.attempt(() =>
          client.send(new ConverseStreamCommand({ ...Fixture.hello, messages }))
        )
        const events = yield* Fixture.drain(stream)
        assert.include(events.at(-1)?.metadata?.usage, { inputTokens: 5, cacheReadInputTokens: 25, totalTokens: 33 })
      }))

    it("evicts a prefix after its time to live without use", () => {
      const cache = PromptCache.make()
      const model = Model.chat("any")
      const prompt = { messages: [{ role: "user" as const, content: [text(50, "a"), point("5m")] }] }
      const minutes = (minutes: number) => minutes * 60_000
      assert.strictEqual(cache.count(prompt, model, 0).read, 0)
      assert.strictEqual(cache.count(prompt, model, minutes(4)).read, 50)
      assert.strictEqual(cache.count(prompt, model, minutes(8)).read, 50, "use keeps it alive")
      assert.strictEqual(cache.count(prompt, model, minutes(14)).read, 0)
    })

    const minutes = (minutes: number) => minutes * 60_000
    const asked = (...content: Wire.Message["content"]) => ({ messages: [{ role: "user" as const, content }] })

    it("keeps the one-hour time to live when a five-minute cache point reads the entry", () => {
      const cache = PromptCache.make()
      const model = Model.chat("any")
      cache.count(asked(text(50, "a"), point("1h")), model, 0)
      assert.strictEqual(cache.count(asked(text(50, "a"), point("5m")), model, minutes(30)).read, 50)
      assert.strictEqual(cache.count(asked(text(50, "a"), point("5m")), model, minutes(89)).read, 50)
      assert.strictEqual(cache.count(asked(text(50, "a"), point("5m")), model, minutes(149)).read, 0)
    })

    it("refreshes a prefix that Claude finds before a cache point", () => {
      const cache = PromptCache.make()
      const model = Model.chat("anthropic.any")
      cache.count(asked(text(50, "a"), point()), model, 0)
      const grown = cache.count(asked(text(50, "a"), text(10, "b"), point()), model, minutes(4))
      assert.deepStrictEqual([grown.read, grown.written["5m"]], [50, 10])
      const other = cache.count(asked(text(50, "a"), text(10, "c"), point()), model, minutes(8))
      assert.deepStrictEqual([other.read, other.written["5m"]], [50, 10])
    })
  }
)
