import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import type { ContentBlock } from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const modelId = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
const stage = Fixture.stage()

const converse = Effect.fnUntraced(function*(...history: Array<ContentBlock>) {
  const client = yield* Fixture.connect("1.1")
  const { output } = yield* Fixture.attempt(() =>
    client.send(
      new ConverseCommand({
        modelId,
        messages: history.length === 0 ? Fixture.hello.messages : [
          ...Fixture.hello.messages,
          { role: "assistant", content: [...history, { text: "Hello" }] },
          ...Fixture.hello.messages
        ]
      })
    )
  )
  return output?.message?.content ?? []
})

const refusal = (...history: Array<ContentBlock>) =>
  Effect.map(Effect.flip(converse(...history)), ({ message, name }) => [name, message])

const thought = (text: string, signature?: string): ContentBlock => ({
  reasoningContent: { reasoningText: { text, signature } }
})

const broken = (finding: string) => [
  "ValidationException",
  `The model returned the following errors: messages.1.content.0${finding}`
]

const badSignature = broken(": Invalid `signature` in `thinking` block")

layer(Fixture.emulator({}, stage.layer))("ThinkingSeal", (it) => {
  it.effect("signs Claude's reasoning, and accepts it back unchanged", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "reasoning", text: "hm" }]))
      const [block] = yield* converse()
      const { signature = "", text = "" } = block?.reasoningContent?.reasoningText ?? {}
      assert.strictEqual(text, "hm")
      assert.isAbove(signature.length, 20)
      yield* converse(thought(text, signature))
      assert.deepStrictEqual(yield* refusal(thought("hmm", signature)), badSignature)
      assert.deepStrictEqual(yield* refusal(thought("hm", signature.replace(/^./, "*"))), badSignature)
      assert.deepStrictEqual(yield* refusal(thought("hm")), broken(".thinking.signature: Field required"))
    }))

  it.effect("signs reasoning in a stream after its last delta", () =>
    Effect.gen(function*() {
      yield* stage.says([
        { type: "reasoning-delta", index: 0, delta: "h" },
        { type: "reasoning-delta", index: 0, delta: "m" },
        { type: "reasoning-end", index: 0 },
        { type: "text-delta", index: 1, delta: "Hello" },
        Fixture.finish
      ])
      const client = yield* Fixture.connect("2")
      const { stream } = yield* Fixture.attempt(() =>
        client.send(new ConverseStreamCommand({ ...Fixture.hello, modelId }))
      )
      const events = yield* Fixture.drain(stream)
      const deltas = events.flatMap((event) => event.contentBlockDelta?.delta?.reasoningContent ?? [])
      assert.deepStrictEqual(deltas.map((delta) => delta.text), ["h", "m", undefined])
      yield* converse(thought("hm", deltas[2]?.signature))
    }))

  it.effect("passes the chat service's signatures, and accepts them with unchanged text only", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refusal(thought("deep", "theirs")), badSignature)
      yield* stage.says(Fixture.response([{ type: "reasoning", text: "deep", signature: "theirs" }]))
      assert.deepStrictEqual(yield* converse(), [thought("deep", "theirs")])
      yield* converse(thought("deep", "theirs"))
      assert.deepStrictEqual(yield* refusal(thought("deeper", "theirs")), badSignature)
    }))

  it.effect("accepts signatures of Anthropic, which it cannot verify", () =>
    Effect.gen(function*() {
      yield* stage.says(Fixture.response([{ type: "text", text: "Hello" }]))
      const seal = Uint8Array.of(0x12, 0xc8, 0x01, ...new Uint8Array(200), 0x18, 0x01)
      yield* converse(thought("theirs", Buffer.from(seal).toString("base64")))
      yield* converse({ reasoningContent: { redactedContent: seal } })
      const cut = Buffer.from(seal.subarray(0, 100)).toString("base64")
      assert.deepStrictEqual(yield* refusal(thought("theirs", cut)), badSignature)
    }))

  it.effect("accepts only its own redacted reasoning", () =>
    Effect.gen(function*() {
      const redacted = Uint8Array.of(1, 2, 3)
      yield* stage.says(Fixture.response([{ type: "reasoning", text: "", redacted }]))
      yield* converse()
      yield* converse({ reasoningContent: { redactedContent: redacted } })
      assert.deepStrictEqual(
        yield* refusal({ reasoningContent: { redactedContent: Uint8Array.of(9) } }),
        broken(": Invalid `data` in `redacted_thinking` block")
      )
    }))
})
