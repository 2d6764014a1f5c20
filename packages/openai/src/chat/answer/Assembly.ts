/**
 * Puts an answer together from its chunks: the events of a stream as they become known, the parts of the whole answer in the
 * end. A whole answer is one chunk.
 *
 * Tool calls are handed out at the end only, since an answer may break off before.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"
import { providerKey } from "../../internal/provider.ts"
import type { OpenAiChatMetadata, Warning } from "../../OpenAiOptions.ts"
import * as Shape from "../../schema/Shape.ts"
import * as Chunk from "./Chunk.ts"
import * as Outcome from "./Outcome.ts"
import * as TextCalls from "./TextCalls.ts"
import * as Thinking from "./Thinking.ts"
import * as ToolCalls from "./ToolCalls.ts"

/**
 * What the request says about its answer.
 *
 * - `answerTool`: the tool whose arguments are the text of the answer. `format`: what to take out of that text.
 * - `shapes`: what to take out of the arguments of tools. `tools`: the names of all tools.
 * - `recover`: whether a text of calls is calls. `tags`: whether a text may begin with reasoning in tags.
 */
export interface Setup {
  readonly model: string
  readonly seed: string
  readonly answerTool: string | undefined
  readonly format: Shape.Shape | undefined
  readonly shapes: ReadonlyMap<string, Shape.Shape>
  readonly tools: ReadonlySet<string>
  readonly recover: boolean
  readonly tags: boolean
  readonly stopSequences: ReadonlyArray<string>
  readonly promptCharacters: number
  readonly warnings: ReadonlyArray<Warning>
}

/** The end: its last events without `finish`, all parts, the outcome. */
export interface End {
  readonly events: ReadonlyArray<ChatEvent.ChatEvent>
  readonly parts: ReadonlyArray<Message.AssistantPart>
  readonly outcome: ChatResponse.Outcome
}

/**
 * - `add`: the events of a chunk. Fails with the problem of a chunk that cannot be, or the server's error in it.
 * - `alive`: an event without content, to show that the server is alive; none before anything was handed out.
 * - `isProven`: whether the server said that the answer is complete.
 */
export interface Assembly {
  readonly add: (data: unknown) => Result.Result<ReadonlyArray<ChatEvent.ChatEvent>, Failure>
  readonly alive: () => ReadonlyArray<ChatEvent.ChatEvent>
  readonly isProven: () => boolean
  readonly end: (requestId: string | undefined) => End
}

/** A problem with an answer, or what the server says of a failure. */
export type Failure = { readonly problem: string } | { readonly error: unknown }

/** A block of text or reasoning. */
interface Prose {
  readonly kind: "text" | "reasoning"
  readonly index: number
  readonly citations: Array<Message.Citation>
  readonly field: string | undefined
  text: string
}

/** Characters of one answer. */
const longest = 64 * 1024 * 1024

/** An assembly for one answer. */
export const make = (setup: Setup): Assembly => {
  const calls = ToolCalls.make(setup.seed)
  const thinking = setup.tags ? Thinking.make() : Thinking.none
  const eraser = setup.format && Shape.makeEraser(setup.format)
  const prose: Array<Prose> = []
  let open: Prose | undefined
  let latest: { readonly call: ToolCalls.Call; readonly index: number } | undefined
  let answer: ToolCalls.Call | undefined
  let blocks = 0
  let length = 0
  let isHolding = setup.answerTool !== undefined || setup.recover && setup.tools.size > 0
  let held = ""
  let isRefused = false
  let reason: string | undefined
  let stop: string | undefined
  let usage: Chunk.Fields | undefined
  let filter: Chunk.Fields | undefined
  const metadata: { -readonly [Name in keyof OpenAiChatMetadata]: OpenAiChatMetadata[Name] } = {}
  const logprobs: Array<unknown> = []
  let events: Array<ChatEvent.ChatEvent> = []

  /** Ends a block of reasoning, which keeps the name of its field to be sent back under. */
  const close = (): void => {
    if (open?.kind === "reasoning") {
      events.push({ type: "reasoning-end", index: open.index })
      if (open.field !== undefined) events.push({ type: "part", index: open.index, part: partOf(open) })
    }
    open = undefined
  }

  const say = (kind: Prose["kind"], text: string, field?: string): Prose | undefined => {
    if (text === "") return undefined
    if (open?.kind !== kind) {
      close()
      open = { kind, index: blocks++, citations: [], field, text: "" }
      prose.push(open)
    }
    latest = undefined
    open.text += text
    events.push(
      kind === "text"
        ? { type: "text-delta", index: open.index, delta: text }
        : { type: "reasoning-delta", index: open.index, delta: text }
    )
    return open
  }

  const tell = (text: string): void => {
    say("text", eraser === undefined ? text : eraser.feed(text))
  }

  const write = (pieces: ReadonlyArray<Thinking.Piece>): void => {
    for (const { kind, text } of pieces) {
      if (kind === "reasoning") say(kind, text, "tags")
      else if (!isHolding) tell(text)
      else {
        held += text
        if (setup.answerTool === undefined && !TextCalls.mayBegin(held)) release()
      }
    }
  }

  const release = (): void => {
    isHolding = false
    tell(held)
    held = ""
  }

  const addCall = (piece: unknown): boolean => {
    const added = calls.add(piece)
    if (added === undefined) return false
    const { call, delta } = added
    length += delta.length
    if (call.name === "") return true
    if (call.name === setup.answerTool) {
      // Arguments may come before the name. A second answer is none.
      if (answer === undefined) tell(call.arguments)
      else if (call === answer) tell(delta)
      answer ??= call
      return true
    }
    if (call.block === undefined) {
      close()
      call.block = blocks++
      events.push({ type: "tool-params-start", index: call.block, id: call.id, name: call.name })
      if (call.arguments !== "") deltaOf(call, call.block, call.arguments)
    } else if (delta !== "") deltaOf(call, call.block, delta)
    latest = { call, index: call.block }
    return true
  }

  const deltaOf = (call: ToolCalls.Call, index: number, delta: string): void => {
    events.push({ type: "tool-params-delta", index, id: call.id, delta })
  }

  const cite = (citations: ReadonlyArray<Chunk.Fields>): void => {
    for (const { title, url } of citations) {
      const target = open?.kind === "text" ? open : undefined
      if (target === undefined || typeof url !== "string") continue
      const citation: Message.Citation = {
        ...(typeof title === "string" && { title }),
        source: url,
        location: { type: "web", url }
      }
      target.citations.push(citation)
      events.push({ type: "citation", index: target.index, citation })
    }
  }

  const readChoice = (choice: Chunk.Choice): Failure | undefined => {
    if (choice.error !== undefined) return { error: { error: choice.error } }
    reason = choice.finishReason ?? reason
    stop = choice.stop ?? stop
    if (choice.filter !== undefined) filter = { ...filter, ...choice.filter }
    if (choice.logprobs !== undefined) {
      for (const token of tokensOf(choice.logprobs)) logprobs.push(token)
      metadata.logprobs = { ...choice.logprobs, content: logprobs }
    }
    length += choice.text.length + choice.reasoning.length + choice.refusal.length
    say("reasoning", choice.reasoning, choice.reasoningField ?? "content")
    write(thinking.feed(choice.text))
    if (choice.refusal !== "") {
      isRefused = true
      if (isHolding) release()
      say("text", choice.refusal)
    }
    cite(choice.citations)
    for (const piece of choice.calls) {
      if (!addCall(piece)) return { problem: "the answer has a tool call that cannot be read" }
    }
    return length > longest ? { problem: `the answer is longer than ${longest} characters` } : undefined
  }

  const taken = (): ReadonlyArray<ChatEvent.ChatEvent> => {
    const all = events
    events = []
    return all
  }

  /** The calls, in the order of the model. Those that have no name are none. */
  const settle = (): { readonly parts: ReadonlyArray<Placed<Message.ToolCallPart>>; readonly isCut: boolean } => {
    const named = calls.all.flatMap((call) => call.block === undefined ? [] : [[call, call.block] as const])
    let isCut = false
    const parts = named.map(([call, index], position): Placed<Message.ToolCallPart> => {
      const text = call.arguments
      const json = text.trim() === "" ? Result.succeed({}) : ExactJson.parse(text)
      const isLast = position === named.length - 1
      if (isLast && (Result.isFailure(json) || text.trim() === "" && reason === "length")) isCut = true
      const shape = setup.shapes.get(call.name)
      const params = Result.isFailure(json)
        ? text
        : shape === undefined
        ? json.success
        : Shape.restore(shape, json.success)
      return { index, part: { type: "tool-call", id: call.id, name: call.name, params } }
    })
    return { parts, isCut }
  }

  /** The text that was held back is calls, or text after all. */
  const settleHeld = (): void => {
    // What the model wrote beside the call of the answer tool is not part of its answer.
    if (answer !== undefined) return
    const found = setup.recover ? TextCalls.read(held, setup.tools) : undefined
    if (found === undefined) return release()
    held = ""
    for (const call of found) addCall({ id: `call_${setup.seed}_t${calls.all.length}`, function: call })
  }

  return {
    add: (data) => {
      const chunk = Chunk.read(data)
      if (chunk === undefined) return Result.fail({ problem: "the answer is not a JSON object" })
      const { choice, id, model, promptFilter, serviceTier, systemFingerprint } = chunk
      usage = chunk.usage ?? usage
      if (promptFilter !== undefined) filter = { ...promptFilter, ...filter }
      if (id !== undefined) metadata.id = id
      if (model !== undefined) metadata.model = model
      if (serviceTier !== undefined) metadata.serviceTier = serviceTier
      if (systemFingerprint !== undefined) metadata.systemFingerprint = systemFingerprint
      const failure = choice && readChoice(choice)
      return failure === undefined ? Result.succeed(taken()) : Result.fail(failure)
    },
    alive: () => {
      if (latest !== undefined) {
        const { call, index } = latest
        return [{ type: "tool-params-delta", index, id: call.id, delta: "" }]
      }
      if (open === undefined) return []
      return [{ type: open.kind === "text" ? "text-delta" : "reasoning-delta", index: open.index, delta: "" }]
    },
    isProven: () => reason !== undefined,
    end: (requestId) => {
      write(thinking.end())
      if (isHolding) settleHeld()
      if (eraser !== undefined) say("text", eraser.end())
      close()
      const { isCut, parts } = settle()
      for (const { index, part } of parts) events.push({ ...part, index })
      const all: Array<Placed<Message.AssistantPart>> = [
        ...prose.map((block) => ({ index: block.index, part: partOf(block) })),
        ...parts
      ]
      return {
        events: taken(),
        parts: all.sort((one, other) => one.index - other.index).map(({ part }) => part),
        outcome: Outcome.make({
          model: setup.model,
          requestId,
          reason,
          calls: parts.length > 0,
          isCut,
          refused: isRefused,
          stopped: stop !== undefined && setup.stopSequences.includes(stop),
          usage,
          filter,
          metadata,
          warnings: setup.warnings,
          promptCharacters: setup.promptCharacters
        })
      }
    }
  }
}

interface Placed<Part> {
  readonly index: number
  readonly part: Part
}

const partOf = ({ citations, field, kind, text }: Prose): Message.TextPart | Message.ReasoningPart =>
  kind === "text"
    ? { type: "text", text, ...(citations.length > 0 && { citations }) }
    : { type: "reasoning", text, ...(field !== undefined && { providerFields: { [providerKey]: { field } } }) }

/** The tokens of one chunk. */
const tokensOf = ({ content }: Chunk.Fields): ReadonlyArray<unknown> => Array.isArray(content) ? content : []
