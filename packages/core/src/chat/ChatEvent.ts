/**
 * The events of a chat stream: pieces of the answer, then exactly one `finish`.
 *
 * `index` is the position of a piece's content block in the answer. Pieces of one block arrive in order.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import { defined } from "../internal/defined.ts"
import * as Total from "../internal/total.ts"
import * as ProviderError from "../ProviderError.ts"
import * as ChatResponse from "./ChatResponse.ts"
import * as Message from "./Message.ts"

const index = { index: Schema.Finite }

/** More text of a block; may be empty. */
export class TextDelta
  extends Schema.Opaque<TextDelta>()(Schema.Struct({ type: Schema.tag("text-delta"), ...index, delta: Schema.String }))
{}

/** A citation of the text of a block so far. */
export class CitationEvent extends Schema.Opaque<CitationEvent>()(
  Schema.Struct({ type: Schema.tag("citation"), ...index, citation: Message.Citation })
) {}

/** More reasoning. */
export class ReasoningDelta extends Schema.Opaque<ReasoningDelta>()(
  Schema.Struct({ type: Schema.tag("reasoning-delta"), ...index, delta: Schema.String })
) {}

/** The end of a reasoning block, with what must be sent back unchanged. */
export class ReasoningEnd extends Schema.Opaque<ReasoningEnd>()(Schema.Struct({
  type: Schema.tag("reasoning-end"),
  ...index,
  signature: Schema.optional(Schema.String),
  redacted: Schema.optional(Schema.Uint8Array)
})) {}

/** The start of a tool call. */
export class ToolParamsStart extends Schema.Opaque<ToolParamsStart>()(Schema.Struct({
  type: Schema.tag("tool-params-start"),
  ...index,
  id: Schema.String,
  name: Schema.String
})) {}

/** A piece of the JSON text of a tool call's parameters. */
export class ToolParamsDelta extends Schema.Opaque<ToolParamsDelta>()(Schema.Struct({
  type: Schema.tag("tool-params-delta"),
  ...index,
  id: Schema.String,
  delta: Schema.String
})) {}

/** A complete tool call. */
export class ToolCall extends Schema.Opaque<ToolCall>()(Schema.Struct({ ...Message.ToolCallPart.fields, ...index })) {}

/** A whole block, such as an image. After pieces of text or reasoning it replaces them, with fields that they lack. */
export class PartEvent
  extends Schema.Opaque<PartEvent>()(Schema.Struct({ type: Schema.tag("part"), ...index, part: Message.AssistantPart }))
{}

/** The end of a complete answer: the last event of every stream that did not fail. */
export class Finish
  extends Schema.Opaque<Finish>()(Schema.Struct({ type: Schema.tag("finish"), ...ChatResponse.Outcome.fields }))
{}

/** One event of a chat stream. */
export type ChatEvent = typeof ChatEvent.Type
export const ChatEvent = Schema.Union([
  TextDelta,
  CitationEvent,
  ReasoningDelta,
  ReasoningEnd,
  ToolParamsStart,
  ToolParamsDelta,
  ToolCall,
  PartEvent,
  Finish
])

/** The events of a whole answer, one delta for each block. Empty for a value that is not an answer. */
export const fromResponse: (response: ChatResponse.ChatResponse) => ReadonlyArray<ChatEvent> = Total.make(
  (response) => {
    const events: Array<ChatEvent> = []
    Message.parts(response.message).forEach((part, index) => {
      switch (part.type) {
        case "text":
          events.push({ type: "text-delta", index, delta: part.text })
          for (const citation of part.citations ?? []) events.push({ type: "citation", index, citation })
          if (part.cache !== undefined || part.guard !== undefined || part.providerFields !== undefined) {
            events.push({ type: "part", index, part })
          }
          break
        case "reasoning":
          events.push({ type: "reasoning-delta", index, delta: part.text })
          events.push({ type: "reasoning-end", index, signature: part.signature, redacted: part.redacted })
          if (part.providerFields !== undefined) events.push({ type: "part", index, part })
          break
        case "tool-call":
          events.push({ type: "tool-params-start", index, id: part.id, name: part.name })
          events.push({ type: "tool-params-delta", index, id: part.id, delta: JSON.stringify(part.params) ?? "{}" })
          events.push({ ...part, index })
          break
        case "tool-result":
        case "image":
        case "audio":
        case "provider":
          events.push({ type: "part", index, part })
      }
    })
    events.push({ type: "finish", ...ChatResponse.outcomeOf(response) })
    return events
  },
  () => []
)

/**
 * Reads a stream to its end and builds the response that `generate` would have returned.
 *
 * Fails as the stream does, and with `StreamInterruptedError` when it ends without `finish` or holds what is no event.
 */
export const collect = <E, R>(
  events: Stream.Stream<ChatEvent, E, R>
): Effect.Effect<ChatResponse.ChatResponse, E | ProviderError.StreamInterruptedError, R> =>
  Effect.suspend(() => {
    const collector = makeCollector()
    const attempt = <A>(read: () => A) =>
      Effect.try({
        try: read,
        catch: () =>
          new ProviderError.StreamInterruptedError({
            provider: "unknown",
            message: "The stream holds a value that is not an event: the answer is not complete",
            delivered: collector.added()
          })
      })
    const given = Check.holds(Stream.isStream, events) ? events : Stream.empty
    return Stream.runForEach(given, (event) => attempt(() => collector.add(event))).pipe(
      Effect.andThen(attempt(collector.response)),
      Effect.filterOrFail((response) => response !== undefined, () => collector.incomplete({}))
    )
  })

/** A block so far; `settle` builds its part. */
interface Block {
  readonly index: number
  readonly type: Message.AssistantPart["type"]
  text: string
  readonly citations: Array<Message.Citation>
  /** What may follow: more pieces, the whole block, or nothing. */
  open: "pieces" | "whole" | "nothing"
  settle: (block: Block) => Message.AssistantPart
}

/**
 * Builds an answer from events. When a provider uses the index of a complete block again, or for pieces of another type,
 * that is a new block after it.
 *
 * @internal
 */
export const makeCollector = () => {
  const blocks: Array<Block> = []
  const latest = new Map<number, Block>() // by index
  let outcome: ChatResponse.Outcome | undefined
  let added = 0

  const begin = (index: number, type: Block["type"], settle: Block["settle"]): Block => {
    const block: Block = { index, type, text: "", citations: [], open: "pieces", settle }
    blocks.push(block)
    latest.set(index, block)
    return block
  }

  const open = (index: number, type: "text" | "reasoning"): Block => {
    const block = latest.get(index)
    return block?.type === type && block.open === "pieces" ? block : begin(index, type, partOf[type])
  }

  const whole = (index: number, part: Message.AssistantPart): void => {
    const block = latest.get(index)
    const complete = block?.type === part.type && block.open !== "nothing" ? block : begin(index, part.type, () => part)
    complete.settle = () => part
    complete.open = "nothing"
  }

  const read = (event: ChatEvent): void => {
    switch (event?.type) {
      case "text-delta":
        open(event.index, "text").text += event.delta
        return
      case "citation":
        open(event.index, "text").citations.push(event.citation)
        return
      case "reasoning-delta":
        open(event.index, "reasoning").text += event.delta
        return
      case "reasoning-end": {
        const { redacted, signature } = event
        const block = open(event.index, "reasoning")
        block.open = "whole"
        block.settle = ({ text }) => ({ type: "reasoning", text, ...defined({ signature, redacted }) })
        return
      }
      case "tool-call": {
        const { index, ...part } = event
        return whole(index, part)
      }
      case "part":
        return whole(event.index, event.part)
      case "finish":
        outcome = event
    }
  }

  return {
    added: () => added,
    add: <E extends ChatEvent>(event: E): E => {
      added++
      read(event)
      return event
    },
    incomplete: ({ model, provider = "unknown" }: {
      readonly provider?: string | undefined
      readonly model?: string | undefined
    }) =>
      new ProviderError.StreamInterruptedError({
        provider,
        model,
        message:
          `The stream ${model === undefined ? "" : `of ${model} of ${provider} `}ended without its \`finish\` event: ` +
          "the answer is not complete. Ask again.",
        delivered: added
      }),
    response: (): ChatResponse.ChatResponse | undefined =>
      outcome && ChatResponse.make(
        blocks.toSorted((self, that) => self.index - that.index).map((block) => block.settle(block)),
        outcome
      )
  }
}

const partOf: { readonly [Type in "text" | "reasoning"]: Block["settle"] } = {
  text: ({ citations, text }) => ({ type: "text", text, ...(citations.length > 0 && { citations }) }),
  reasoning: ({ text }) => ({ type: "reasoning", text })
}
