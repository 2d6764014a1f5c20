/**
 * Turns the events of one answer into ours, one after the other. Total: any sequence of values gives events or a typed error.
 *
 * Deltas are shown as they come; an item that is complete decides what its parts are, and the answer at the end decides for
 * what did not arrive in pieces. So a stream gives the same parts as the whole answer, whichever events a server leaves out.
 * Events of unknown types pass by.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as Message from "@strata/core/chat/Message"
import type * as ProviderError from "@strata/core/ProviderError"
import * as OpenAiError from "../OpenAiError.ts"
import * as Asked from "./Asked.ts"
import * as Json from "./Json.ts"
import * as OpenItem from "./OpenItem.ts"
import * as Outcome from "./Outcome.ts"
import * as Output from "./Output.ts"

type Events = Array<ChatEvent.ChatEvent>

/** The state of one stream. */
export interface Decoder {
  readonly isComplete: () => boolean
  /** Adds the events of one event of the server, by its name where its data has no type. Gives the error, if it is one. */
  readonly add: (data: unknown, name: string, events: Events) => ProviderError.CallError | undefined
  /** `[DONE]`: proves the end where nothing else did. */
  readonly done: (events: Events) => ProviderError.CallError | undefined
}

export const make = (asked: Asked.Asked): Decoder => {
  const items = OpenItem.make()
  const found: Array<Message.AssistantPart> = []
  let blocks = 0
  let isCut = false
  let created: unknown
  let complete = false

  const emit = (index: number, part: Message.AssistantPart, events: Events) => {
    found.push(part)
    events.push(part.type === "tool-call" ? { ...part, index } : { type: "part", index, part })
  }

  const pieceOf = (item: OpenItem.OpenItem, at: number): OpenItem.Piece => {
    return item.pieces.find((piece) => piece.at === at) ?? openPiece(item, at)
  }

  const openPiece = (item: OpenItem.OpenItem, at: number): OpenItem.Piece => {
    const piece: OpenItem.Piece = {
      index: item.pieces.length === 0 ? item.index ?? blocks++ : blocks++,
      at,
      text: "",
      annotations: [],
      eraser: Asked.eraser(asked.shape),
      isRefusal: false
    }
    item.pieces.push(piece)
    return piece
  }

  const addText = (event: unknown, delta: string, isRefusal: boolean, events: Events) => {
    const item = items.of(event, "message")
    if (item.isDone) return
    const piece = pieceOf(item, Json.number(event, "content_index") ?? 0)
    if (isRefusal) piece.isRefusal = true
    if (delta === "") return
    showText(piece, delta, events)
  }

  const showText = (piece: OpenItem.Piece, more: string, events: Events) => {
    piece.text += more
    const delta = piece.isRefusal ? more : piece.eraser.feed(more)
    if (delta !== "") events.push({ type: "text-delta", index: piece.index, delta })
  }

  const annotate = (event: unknown, events: Events) => {
    const item = items.of(event, "message")
    if (item.isDone) return
    const piece = pieceOf(item, Json.number(event, "content_index") ?? 0)
    const annotation = Json.member(event, "annotation")
    piece.annotations.push(annotation)
    const citation = Output.citation(annotation)
    if (citation !== undefined) events.push({ type: "citation", index: piece.index, citation })
  }

  const addReasoning = (event: unknown, delta: string, from: "summary" | "content", events: Events) => {
    const item = items.of(event, "reasoning")
    // A summary and the text itself are not mixed: what began is shown.
    if (item.isDone || item.shown !== undefined && item.shown.from !== from) return
    const at = Json.number(event, from === "summary" ? "summary_index" : "content_index") ?? 0
    item.index ??= blocks++
    item.shown ??= { from, at, text: "" }
    const shown = at === item.shown.at ? delta : `${Output.between}${delta}`
    item.shown.at = at
    item.shown.text += shown
    if (shown !== "") events.push({ type: "reasoning-delta", index: item.index, delta: shown })
  }

  /** Names a call, as soon as the server has. */
  const name = (item: OpenItem.OpenItem, events: Events, id = Json.id(item.seen, "call_id")) => {
    const called = Json.text(item.seen, "name")
    if (item.call !== undefined || id === undefined || called === undefined || called === "") return
    item.index ??= blocks++
    item.call = { id, name: called, eraser: Asked.eraser(asked.shapes.get(called)) }
    events.push({ type: "tool-params-start", index: item.index, id, name: called })
    showArguments(item, item.args, events)
  }

  const showArguments = ({ call, index }: OpenItem.OpenItem, more: string, events: Events, isLast = false) => {
    if (call === undefined || index === undefined) return
    const delta = call.eraser.feed(more) + (isLast ? call.eraser.end() : "")
    if (delta !== "") events.push({ type: "tool-params-delta", index, id: call.id, delta })
  }

  const addArguments = (event: unknown, delta: string, events: Events) => {
    const item = items.of(event, "function_call")
    if (item.isDone || delta === "") return
    item.args += delta
    showArguments(item, delta, events)
  }

  const endArguments = (event: unknown) => {
    const item = items.of(event, "function_call")
    const whole = Json.member(event, "arguments")
    if (!item.isDone) item.seen = { name: Json.text(event, "name"), ...Json.object(item.seen), arguments: whole }
    item.isArrived = true
  }

  const begin = (event: unknown, events: Events) => {
    const begun = Json.object(Json.member(event, "item"))
    if (begun === undefined) return
    const item = items.whole(begun, Json.number(event, "output_index"), true)
    if (item.isDone) return
    item.seen = { ...begun, content: [], arguments: undefined }
    // Blocks are in the order of the items, also of those that show nothing until they are complete.
    item.index ??= blocks++
    if (item.kind === "function_call") name(item, events)
  }

  /** Emits what is missing of an item, and its parts. `isOver`: whether the server ended the answer before the item. */
  const finish = (item: OpenItem.OpenItem, whole: unknown, events: Events, isOver = false) => {
    if (item.isDone) return
    item.isDone = true
    if (whole !== undefined) item.seen = whole
    switch (item.kind) {
      case "message":
        return finishMessage(item, events)
      case "reasoning":
        return finishReasoning(item, events)
      case "function_call":
        return finishCall(item, isOver, events)
      default:
        for (const part of Output.parts(item.seen, item.nth, asked)) emit(item.index ?? blocks++, part, events)
    }
  }

  const finishMessage = (item: OpenItem.OpenItem, events: Events) => {
    for (const [at, content] of OpenItem.contentOf(item).entries()) {
      const part = Output.text(content, { item: item.seen, at, asked })
      const known = item.pieces[at]
      // One that is complete has no number of the server's.
      const piece = known ?? openPiece(item, -1)
      const whole = Output.written(content)
      const isFurther = whole.startsWith(piece.text)
      if (isFurther) showText(piece, whole.slice(piece.text.length), events)
      const rest = piece.eraser.end()
      // An empty piece is a part as well.
      if (rest !== "" || known === undefined && whole === "") {
        events.push({ type: "text-delta", index: piece.index, delta: rest })
      }
      const cited = piece.annotations.filter((annotation) => Output.citation(annotation) !== undefined).length
      for (const citation of part.citations?.slice(cited) ?? []) {
        events.push({ type: "citation", index: piece.index, citation })
      }
      if (isFurther && part.providerFields === undefined) found.push(part)
      else emit(piece.index, part, events)
    }
  }

  const finishReasoning = (item: OpenItem.OpenItem, events: Events) => {
    const { shown } = item
    const arrived = Output.reasoning(item.seen, asked)
    const part = arrived.text === "" && shown !== undefined ? { ...arrived, text: shown.text } : arrived
    const index = item.index ?? blocks++
    const isFurther = part.text.startsWith(shown?.text ?? "")
    const rest = isFurther ? part.text.slice(shown?.text.length ?? 0) : ""
    if (rest !== "") events.push({ type: "reasoning-delta", index, delta: rest })
    events.push({ type: "reasoning-end", index })
    if (isFurther && part.providerFields === undefined) found.push(part)
    else emit(index, part, events)
  }

  const finishCall = (item: OpenItem.OpenItem, isOver: boolean, events: Events) => {
    const call = OpenItem.callOf(item)
    if (Output.isCut(call) || isOver && !OpenItem.isWholeCall(item)) {
      isCut = true
      return
    }
    const sent = item.args
    name(item, events, Output.callId(call) ?? asked.callId(item.nth))
    const part = item.call === undefined ? undefined : Output.toolCall(call, item.call.id, asked)
    if (item.index === undefined || part === undefined) return
    const written = Json.text(call, "arguments") ?? JSON.stringify(call["arguments"])
    showArguments(item, written.startsWith(sent) ? written.slice(sent.length) : "", events, true)
    emit(item.index, part, events)
    isCut = !Output.isWhole(call)
  }

  /** Everything that did not arrive yet, then `finish`. */
  const end = (response: unknown, events: Events): ProviderError.CallError | undefined => {
    for (const [nth, whole] of Json.list(response, "output").entries()) {
      if (Json.text(whole, "type") !== undefined) finish(items.last(whole, nth), whole, events)
    }
    for (const item of items.all) finish(item, undefined, events, true)
    const outcome = Outcome.make(response, Outcome.contentOf(found, isCut), asked)
    const uncalled = Asked.uncalled(asked, outcome)
    if (uncalled !== undefined) return uncalled
    complete = true
    events.push({ type: "finish", ...outcome })
  }

  const add = (data: unknown, eventName: string, events: Events): ProviderError.CallError | void => {
    const type = Json.text(data, "type") ?? eventName
    switch (type) {
      case "response.created":
      case "response.in_progress":
        created = Json.member(data, "response")
        return
      case "response.output_item.added":
        return begin(data, events)
      case "response.output_text.delta":
        return addText(data, Json.text(data, "delta") ?? "", false, events)
      case "response.refusal.delta":
        return addText(data, Json.text(data, "delta") ?? "", true, events)
      case "response.output_text.annotation.added":
        return annotate(data, events)
      case "response.reasoning_summary_text.delta":
        return addReasoning(data, Json.text(data, "delta") ?? "", "summary", events)
      case "response.reasoning_text.delta":
        return addReasoning(data, Json.text(data, "delta") ?? "", "content", events)
      case "response.function_call_arguments.delta":
        return addArguments(data, Json.text(data, "delta") ?? "", events)
      case "response.function_call_arguments.done":
        return endArguments(data)
      case "response.output_item.done": {
        const whole = Json.object(Json.member(data, "item"))
        if (whole !== undefined) finish(items.whole(whole, Json.number(data, "output_index"), false), whole, events)
        return
      }
      case "response.completed":
      case "response.incomplete": {
        const response = Json.object(Json.member(data, "response"))
        const output = response?.["output"]
        return response === undefined || output !== undefined && output !== null && !Array.isArray(output)
          ? malformed(asked, `the event \`${type}\` holds no answer`)
          : end(response, events)
      }
      case "response.failed":
      case "response.cancelled":
        return asked.failed(Json.member(Json.member(data, "response"), "error") ?? Json.member(data, "error") ?? data)
      case "error":
        return asked.failed(Json.member(data, "error") ?? data)
      default:
        return Json.text(data, "type") === undefined ? untyped(data, events) : undefined
    }
  }

  /** A failure, or the whole answer of a server that does not stream. */
  const untyped = (data: unknown, events: Events): ProviderError.CallError | void => {
    const error = Json.member(data, "error")
    if (error !== undefined && error !== null) return asked.failed(error)
    if (Array.isArray(Json.member(data, "output"))) return end(data, events)
  }

  return {
    isComplete: () => complete,
    add: (data, eventName, events) => complete ? undefined : add(data, eventName, events) ?? undefined,
    done: (events) => complete || items.all.length === 0 ? undefined : end(created, events)
  }
}

/** An answer that is none; `problem` has no period. */
export const malformed = (asked: Asked.Asked, problem: string): ProviderError.MalformedResponseError =>
  OpenAiError.malformed(asked, asked.requestId, problem)
