import type {
  ContentBlock,
  ContentBlockDelta,
  ContentBlockStart,
  ConverseStreamOutput
} from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as Message from "@strata/core/chat/Message"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Events from "../../src/converse/Events.ts"
import * as Response from "../../src/converse/Response.ts"

const model = "amazon.nova-lite-v1:0"
const origin = { model, requestId: "req-1" }
const usage = { inputTokens: 5, outputTokens: 2, totalTokens: 7 }

/** What a frame may begin or continue a block with; casts stand where the service has words that the SDK does not know. */
const starts: ReadonlyArray<ContentBlockStart> = [
  { toolUse: { toolUseId: "a", name: "add" } },
  { toolUse: { toolUseId: "a", name: "add", type: "tool_use" as never } },
  { toolUse: { toolUseId: "s", name: "search", type: "server_tool_use", mode: "fast" } as never },
  { toolUse: {} as never },
  { toolResult: { toolUseId: "s", status: "success", type: "found" } },
  { image: { format: "png" } },
  { $unknown: ["hologram", { depth: 1 }] },
  {} as never
]
const deltas: ReadonlyArray<ContentBlockDelta> = [
  { text: "" },
  { text: "x" },
  { citation: { title: "t", sourceContent: [{ text: "p" }] } },
  { citation: { location: { $unknown: ["video", { second: 3 }] } } },
  { toolUse: { input: "" } },
  { toolUse: { input: "{\"a\":" } },
  { toolUse: { input: "2512292042121000001}" } },
  { reasoningContent: { text: "" } },
  { reasoningContent: { text: "r" } },
  { reasoningContent: { signature: "s" } },
  { reasoningContent: { redactedContent: new Uint8Array([1, 2]) } },
  { reasoningContent: { $unknown: ["summary", "s"] } },
  { toolResult: [{ text: "r" }, { json: { b: 1 } }] },
  { image: { source: { bytes: new Uint8Array([3]) } } },
  { image: { error: { message: "withheld" } } },
  { $unknown: ["hologram", { depth: 2 }] }
]

interface Block {
  readonly index: number
  readonly kind: string
  readonly pieces: Array<ContentBlockDelta>
  readonly start: ContentBlockStart | undefined
  open: boolean
}

/** The kind of block that a delta is for. */
const kindOf = (delta: ContentBlockDelta): string => {
  const [name] = Object.keys(delta)
  if (name === "citation") return "text"
  if (delta.reasoningContent === undefined) return name ?? ""
  const [thought] = Object.keys(delta.reasoningContent)
  return thought === "text" || thought === "signature"
    ? "reasoning"
    : thought === "$unknown"
    ? "summary"
    : thought ?? ""
}

/** The blocks of a stream; nothing when it has arguments of a call that is not open. */
const reassemble = (frames: ReadonlyArray<ConverseStreamOutput>): ReadonlyArray<ContentBlock> | undefined => {
  const blocks: Array<Block> = []
  const close = (index: number) => blocks.forEach((block) => block.index === index && (block.open = false))
  for (const { contentBlockDelta, contentBlockStart, contentBlockStop } of frames) {
    if (contentBlockStart?.start !== undefined) {
      const { contentBlockIndex: index = 0, start } = contentBlockStart
      close(index)
      const [kind] = Object.keys(start)
      if (kind !== undefined) blocks.push({ index, kind, start, pieces: [], open: true })
    }
    if (contentBlockStop !== undefined) close(contentBlockStop.contentBlockIndex ?? 0)
    if (contentBlockDelta?.delta === undefined) continue
    const { contentBlockIndex: index = 0, delta } = contentBlockDelta
    const kind = kindOf(delta)
    const block = blocks.findLast((block) => block.index === index && block.open)
    const isSealed = delta.reasoningContent?.text &&
      block?.pieces.some((piece) => piece.reasoningContent?.signature !== undefined)
    if (kind === "toolUse" && block?.kind !== kind) {
      if (delta.toolUse?.input !== "") return undefined
    } else if (block?.kind === kind && !isSealed) block.pieces.push(delta)
    else {
      close(index)
      blocks.push({ index, kind, start: undefined, pieces: [delta], open: true })
    }
  }
  return blocks.map(whole)
}

const whole = ({ kind, pieces, start }: Block): ContentBlock => {
  const bytes = (all: ReadonlyArray<Uint8Array | undefined>) => new Uint8Array(all.flatMap((some) => [...some ?? []]))
  const citations = pieces.flatMap(({ citation }) => citation === undefined ? [] : [citation])
  const text = pieces.map((piece) => piece.text ?? "").join("")
  const thoughts = pieces.flatMap(({ reasoningContent }) => reasoningContent === undefined ? [] : [reasoningContent])
  const signatures = thoughts.flatMap(({ signature }) => signature === undefined ? [] : [signature])
  const images = pieces.flatMap(({ image }) => image === undefined ? [] : [image])
  const error = images.find((image) => image.error !== undefined)?.error
  const data = bytes(images.map(({ source }) => source?.bytes))
  switch (kind) {
    case "text":
      return citations.length === 0
        ? { text }
        : { citationsContent: { ...(text === "" ? {} : { content: [{ text }] }), citations: citations as never } }
    case "toolUse": {
      const input = pieces.map(({ toolUse }) => toolUse?.input ?? "").join("")
      const exact = input === "{\"a\":2512292042121000001}" ? { a: "2512292042121000001" } : input === "" ? {} : input
      return { toolUse: { ...start?.toolUse as { toolUseId: string; name: string }, input: exact } }
    }
    case "reasoning":
      return {
        reasoningContent: {
          reasoningText: {
            text: thoughts.map((thought) => thought.text ?? "").join(""),
            ...(signatures.length === 0 ? {} : { signature: signatures.join("") })
          }
        }
      }
    case "redactedContent":
      return { reasoningContent: { redactedContent: bytes(thoughts.map((thought) => thought.redactedContent)) } }
    case "toolResult": {
      const content = pieces.flatMap(({ toolResult }) => toolResult ?? []) as Array<never>
      return { toolResult: { ...start?.toolResult ?? { toolUseId: undefined }, content } }
    }
    case "image":
      return {
        image: {
          format: start?.image?.format,
          source: data.length === 0 ? undefined : { bytes: data },
          ...(error === undefined ? {} : { error })
        }
      }
    default: {
      if (kind !== "$unknown") return { reasoningContent: { $unknown: ["summary", thoughts.map(() => "s").join("")] } }
      const depths = [start, ...pieces].flatMap((piece) =>
        piece?.$unknown === undefined ? [] : [piece.$unknown[1].depth]
      )
      return { $unknown: ["hologram", { depth: depths.at(-1) }] }
    }
  }
}

const Index = Schema.Literals([0, 1, 2]).pipe(Schema.UndefinedOr)
const at = (length: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: length - 1 }))
const Frame = Schema.Union([
  Schema.Tuple([Schema.Literal("start"), Index, at(starts.length)]),
  Schema.Tuple([Schema.Literal("delta"), Index, at(deltas.length)]),
  Schema.Tuple([Schema.Literal("delta"), Index, at(deltas.length)]),
  Schema.Tuple([Schema.Literal("stop"), Index, Schema.Literal(0)])
])

const frameOf = ([kind, contentBlockIndex, which]: typeof Frame.Type): ConverseStreamOutput => {
  switch (kind) {
    case "start":
      return { contentBlockStart: { contentBlockIndex, start: starts[which] } }
    case "delta":
      return { contentBlockDelta: { contentBlockIndex, delta: deltas[which] } }
    case "stop":
      return { contentBlockStop: { contentBlockIndex } }
  }
}

describe("converse/Events, against the whole answer", () => {
  it.effect.prop(
    "collects to what the same blocks are in a whole answer, with one finish, whatever the frames",
    [Schema.Array(Frame)],
    ([kinds]) =>
      Effect.gen(function*() {
        const frames = kinds.map(frameOf)
        const all: ReadonlyArray<ConverseStreamOutput> = [
          ...frames,
          { messageStop: { stopReason: "end_turn" } },
          { metadata: { usage, metrics: { latencyMs: 1 } } }
        ]
        const decoded = yield* Effect.result(Stream.runCollect(Events.decode(Stream.fromIterable(all), origin)))
        const content = reassemble(frames)
        if (Result.isFailure(decoded)) {
          assert.strictEqual(decoded.failure._tag, "MalformedResponseError")
          assert.isUndefined(content)
          return
        }
        const events = decoded.success
        assert.deepStrictEqual(events.flatMap(({ type }, index) => type === "finish" ? [index] : []), [
          events.length - 1
        ])
        const answer = Result.getOrThrow(Response.decode({
          $metadata: { requestId: "req-1" },
          output: { message: { role: "assistant", content: [...content ?? []] } },
          stopReason: "end_turn",
          usage,
          metrics: { latencyMs: 1 }
        }, model))
        const collected = yield* ChatEvent.collect(Stream.fromIterable(events))
        assert.deepStrictEqual(collected, answer)
        const text = Schema.fromJsonString(Schema.toCodecJson(Message.AssistantMessage))
        const stored = yield* Schema.encodeEffect(text)(collected.message)
        assert.strictEqual(yield* Schema.encodeEffect(text)(yield* Schema.decodeEffect(text)(stored)), stored)
      }),
    { timeout: 30_000, arbitrary: { runs: 300 } }
  )
})
