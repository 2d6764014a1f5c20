/**
 * Parses answers of Converse and ConverseStream from the bytes: content blocks in Converse's format, and the other
 * members.
 *
 * A stream is joined into the blocks of a whole answer. A `contentBlockIndex` identifies a block only until its stop:
 * some answers reuse it for consecutive blocks.
 */
import * as Result from "effect/Result"
import * as EventStream from "./EventStream.ts"
import * as Json from "./Json.ts"

/** The exception that ended a stream. */
export interface Failure {
  readonly exception: string
  readonly message: string
}

/**
 * - `blocks`: the blocks in the order of their start.
 * - `end`: the members beside the message, without `null` ones.
 * - `failure`: the exception in the stream. `problem`: why the bytes are invalid.
 */
export interface ConverseAnswer {
  readonly blocks: ReadonlyArray<Json.JsonObject>
  readonly end: Json.JsonObject
  readonly failure?: Failure | undefined
  readonly problem?: string | undefined
}

/** Whether a block is signed reasoning, beside which nothing may change. */
export const isSealed = (block: Json.JsonObject): boolean =>
  Json.text(block, "reasoningContent", "reasoningText", "signature") !== undefined ||
  Json.text(block, "reasoningContent", "redactedContent") !== undefined

/** Whether a block is empty text. */
export const isEmptyText = (block: Json.JsonObject): boolean =>
  Json.text(block, "text") === "" && Object.keys(block).length === 1

/** A whole answer. */
export const fromBody = (body: Uint8Array): ConverseAnswer =>
  Result.match(Json.parseBytes(body), {
    onFailure: (problem) => ({ blocks: [], end: {}, problem }),
    onSuccess: (json) => {
      const { output: _, ...end } = Json.object(json) ?? {}
      const content = Json.member(json, "output", "message", "content")
      return {
        blocks: Json.list(content).filter(Json.isObject).map(cleaned),
        end: cleaned(end),
        problem: Json.isArray(content) ? undefined : "there is no message"
      }
    }
  })

/** An event of a stream; `block` numbers the blocks of the answer, since a wire index may be reused. */
export interface Event {
  readonly type: string
  readonly payload: Json.JsonObject
  readonly block?: number | undefined
}

/** The events of a stream and its failure. */
export interface Events {
  readonly events: ReadonlyArray<Event>
  readonly failure?: Failure | undefined
  readonly problem?: string | undefined
}

/** Reads the frames of a stream. */
export const readEvents = (body: Uint8Array): Events => {
  const { frames, problem } = EventStream.read(body)
  const events: Array<Event> = []
  const blocks = makeBlocks()
  for (const { headers, payload } of frames) {
    const json = Result.getOrUndefined(Json.parseBytes(payload))
    if (headers[":message-type"] === "error") {
      const failure = { exception: headers[":error-code"] ?? "", message: headers[":error-message"] ?? "" }
      return { events, failure }
    }
    if (headers[":message-type"] === "exception") {
      const message = Json.text(json, "message") ?? Json.text(json, "Message") ?? ""
      return { events, failure: { exception: headers[":exception-type"] ?? "", message } }
    }
    if (!Json.isObject(json)) return { events, problem: "a payload is not a JSON object" }
    const { p: _padding, ...rest } = json
    const type = headers[":event-type"] ?? ""
    events.push({ type, payload: rest, block: blocks(type, rest) })
  }
  return { events, problem }
}

/** Numbers events without frames: each an object with one member, its name. */
export const numbered = (events: ReadonlyArray<Json.JsonObject>): ReadonlyArray<Event> => {
  const blocks = makeBlocks()
  return events.flatMap((event) =>
    Object.entries(event).flatMap(([type, payload]) =>
      Json.isObject(payload) ? [{ type, payload, block: blocks(type, payload) }] : []
    )
  )
}

/** A stream joined into a whole answer. */
export const fromStream = (body: Uint8Array): ConverseAnswer => {
  const { events, failure, problem } = readEvents(body)
  const blocks = new Map<number, Array<Event>>()
  let end: Json.JsonObject = {}
  for (const event of events) {
    if (event.block !== undefined) gather(blocks, event.block, event)
    if (event.type === "messageStop" || event.type === "metadata") end = { ...end, ...event.payload }
  }
  const isEnded = "stopReason" in end && events.some(({ type }) => type === "metadata")
  return {
    blocks: [...blocks.values()].flatMap(join),
    end: cleaned(end),
    failure,
    problem: problem ?? (failure === undefined && !isEnded ? "the stream has no end" : undefined)
  }
}

/** Appends to the list of a key. */
export const gather = <K, A>(groups: Map<K, Array<A>>, key: K, item: A): void => {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [item])
  else group.push(item)
}

/** Assigns events to blocks. */
const makeBlocks = () => {
  const open = new Map<Json.Json, { readonly block: number; readonly kind: string }>()
  let next = 0
  const begin = (index: Json.Json, kind: string): number => {
    open.set(index, { block: next, kind })
    return next++
  }
  return (type: string, payload: Json.JsonObject): number | undefined => {
    const index = payload["contentBlockIndex"] ?? 0
    const known = open.get(index)
    switch (type) {
      case "contentBlockStart":
        return begin(index, Object.keys(Json.object(payload, "start") ?? {})[0] ?? "")
      case "contentBlockDelta": {
        const kind = kindOf(Json.object(payload, "delta") ?? {})
        return known?.kind === kind ? known.block : begin(index, kind)
      }
      case "contentBlockStop":
        open.delete(index)
        return known?.block
      default:
        return undefined
    }
  }
}

/** Text and its citations are one block. */
const kindOf = (delta: Json.JsonObject): string => {
  const [kind = ""] = Object.keys(delta)
  return kind === "citation" ? "text" : kind
}

const cleaned = (value: Json.JsonObject): Json.JsonObject => Json.object(Json.withoutNulls(value)) ?? {}

/** The block of its events; empty when it was only stopped. */
export const join = (events: ReadonlyArray<Event>): ReadonlyArray<Json.JsonObject> => {
  const payloads = events.map(({ payload }) => payload)
  const [start] = Json.objects(payloads, "start")
  const deltas = Json.objects(payloads, "delta")
  const toolUse = Json.object(start, "toolUse")
  if (toolUse !== undefined) {
    const written = deltas.map((delta) => Json.text(delta, "toolUse", "input") ?? "").join("")
    return [{ toolUse: { ...toolUse, input: input(written) } }]
  }
  const toolResult = Json.object(start, "toolResult")
  if (toolResult !== undefined) {
    return [{ toolResult: { ...toolResult, content: deltas.flatMap((delta) => Json.list(delta, "toolResult")) } }]
  }
  const image = Json.object(start, "image")
  if (image !== undefined) return [{ image: { ...image, ...joinImage(deltas) } }]
  if (start !== undefined) return [start]
  if (deltas.some((delta) => "reasoningContent" in delta)) return joinReasoning(deltas)
  return deltas.length === 0 ? [] : [joinText(deltas)]
}

/** The text itself when it is not JSON: a truncated answer ends inside it. */
const input = (written: string): Json.Json =>
  written.trim() === "" ? {} : Result.getOrElse(Json.parse(written), () => written)

const joinText = (deltas: ReadonlyArray<Json.JsonObject>): Json.JsonObject => {
  const texts = deltas.flatMap((delta) => Json.text(delta, "text") ?? [])
  const citations = deltas.flatMap((delta) => Json.member(delta, "citation") ?? [])
  if (citations.length === 0) return { text: texts.join("") }
  return { citationsContent: { ...(texts.length > 0 && { content: [{ text: texts.join("") }] }), citations } }
}

const joinReasoning = (deltas: ReadonlyArray<Json.JsonObject>): ReadonlyArray<Json.JsonObject> => {
  const all = (name: string) => deltas.flatMap((delta) => Json.text(delta, "reasoningContent", name) ?? [])
  const [texts, signatures, redacted] = [all("text"), all("signature"), all("redactedContent")]
  if (redacted.length > 0) {
    const bytes = Buffer.concat(redacted.map((piece) => Buffer.from(piece, "base64")))
    return [{ reasoningContent: { redactedContent: bytes.toString("base64") } }]
  }
  const signature = signatures.length > 0 ? { signature: signatures.join("") } : undefined
  return [{ reasoningContent: { reasoningText: { text: texts.join(""), ...signature } } }]
}

const joinImage = (deltas: ReadonlyArray<Json.JsonObject>): Json.JsonObject => {
  const images = Json.objects(deltas, "image")
  const pieces = images.flatMap((image) => Json.text(image, "source", "bytes") ?? [])
  if (pieces.length === 0) return Object.assign({}, ...images)
  const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")))
  return { source: { bytes: bytes.toString("base64") } }
}
