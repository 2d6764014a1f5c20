/**
 * The expected `ChatResponse` of a Converse answer, whole or streamed.
 */
import { ChatResponse, Message } from "@strata/core"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { compare, type Difference, OneOf } from "../Difference.ts"
import type { Recording } from "../Recording.ts"
import * as ConverseAnswer from "../wire/ConverseAnswer.ts"
import * as Json from "../wire/Json.ts"

/** Compares a response with the answer it was decoded from. */
export const check = (
  response: ChatResponse.ChatResponse,
  answer: ConverseAnswer.ConverseAnswer,
  recording: Pick<Recording, "model" | "headers">
): ReadonlyArray<Difference> => {
  const keepsEmpty = answer.blocks.some(ConverseAnswer.isSealed)
  const blocks = keepsEmpty ? answer.blocks : answer.blocks.filter((block) => !ConverseAnswer.isEmptyText(block))
  const content = Message.parts(response.message).filter((part) => keepsEmpty || !isEmpty(part))
  const parts = blocks.map(partOf)
  return [
    ...compare(parts, content, "at least", "message.content"),
    ...compare(
      {
        text: answer.blocks.map(textOf).join(""),
        toolCalls: blocks.flatMap((block) => isOrdinaryCall(block) ? [partOf(block)] : []),
        model: recording.model,
        requestId: recording.headers["x-amzn-requestid"],
        ...outcomeOf(answer)
      },
      response,
      "at least"
    ),
    ...checkTypes(response)
  ]
}

/** Whether a response matches its own schema, and can be encoded as JSON by it. */
export const checkTypes = (response: ChatResponse.ChatResponse): ReadonlyArray<Difference> => {
  if (!isResponse(response)) return [{ path: "(schema)", problem: "different", expected: "a ChatResponse" }]
  const written = Result.flatMap(Result.try(() => encodeJson(response)), (encoded) => encoded)
  return Result.isSuccess(written)
    ? []
    : [{ path: "(JSON codec)", problem: "different", actual: messageOf(written.failure) }]
}

const messageOf = (failure: unknown): string => Predicate.isError(failure) ? failure.message : String(failure)

const isResponse = Schema.is(ChatResponse.ChatResponse)

/** The JSON of a response, by its own codec. */
const encodeJson = Schema.encodeUnknownResult(Schema.toCodecJson(ChatResponse.ChatResponse))

const isEmpty = (part: Message.Part): boolean =>
  part.type === "text" && part.text === "" && part.citations === undefined

const isOrdinaryCall = (block: Json.JsonObject): boolean =>
  Json.object(block, "toolUse") !== undefined && Json.text(block, "toolUse", "type") !== "server_tool_use"

const textOf = (block: Json.JsonObject): string =>
  Json.text(block, "text") ??
    Json.list(block, "citationsContent", "content").map((piece) => Json.text(piece, "text") ?? "").join("")

/** The expected outcome of an answer. */
const outcomeOf = ({ end }: ConverseAnswer.ConverseAnswer) => {
  const usage = Json.object(end, "usage")
  const counts = {
    inputTokens: Json.number(usage, "inputTokens") ?? 0,
    outputTokens: Json.number(usage, "outputTokens") ?? 0,
    cacheReadTokens: Json.number(usage, "cacheReadInputTokens") ?? 0,
    cacheWriteTokens: Json.number(usage, "cacheWriteInputTokens") ?? 0
  }
  const stopReason = Json.text(end, "stopReason")
  const own = (name: string) => ({ [name]: Json.member(end, name) })
  return {
    finishReason: finishReasonOf(stopReason),
    usage: {
      ...counts,
      totalTokens: Json.number(usage, "totalTokens") ??
        Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    providerMetadata: {
      bedrock: {
        stopReason,
        latencyMs: Json.number(end, "metrics", "latencyMs"),
        cacheDetails: Json.member(usage, "cacheDetails"),
        ...(stopReason === "guardrail_intervened" && { guardrail: { intervened: true } }),
        ...own("trace"),
        ...own("additionalModelResponseFields"),
        ...own("performanceConfig"),
        ...own("serviceTier")
      }
    }
  }
}

/** Our finish reason for a stop reason. */
export const finishReasonOf = (stopReason: string | undefined): string => finishReasons[stopReason ?? ""] ?? "other"

const finishReasons: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop-sequence",
  max_tokens: "length",
  model_context_window_exceeded: "context-length",
  tool_use: "tool-calls",
  content_filtered: "content-filter",
  guardrail_intervened: "guardrail",
  malformed_model_output: "malformed-output",
  malformed_tool_use: "malformed-tool-call",
  refusal: "refusal"
}

/** The expected part of a block. Unknown blocks may be any part that is sent back unchanged. */
const partOf = (block: Json.JsonObject): unknown => {
  const text = Json.text(block, "text")
  if (text !== undefined) return { type: "text", text }
  const cited = Json.object(block, "citationsContent")
  if (cited !== undefined) return citedPart(cited)
  const reasoning = Json.object(block, "reasoningContent", "reasoningText")
  if (reasoning !== undefined) {
    return { type: "reasoning", text: reasoning["text"] ?? "", signature: reasoning["signature"] }
  }
  const redacted = Json.text(block, "reasoningContent", "redactedContent")
  if (redacted !== undefined) return { type: "reasoning", text: "", redacted: Buffer.from(redacted, "base64") }
  const call = Json.object(block, "toolUse")
  if (call !== undefined) return callPart(call)
  const result = Json.object(block, "toolResult")
  if (result !== undefined) return resultPart(result)
  return mediaPart(block) ?? {}
}

const citedPart = (cited: Json.JsonObject): unknown => {
  const citations = Json.list(cited, "citations").map(citationOf)
  const pieces = Json.list(cited, "content")
  const part = { type: "text", text: pieces.map((piece) => Json.text(piece, "text") ?? "").join(""), citations }
  // without content it may be a part of the provider, as long as it is sent back unchanged
  return pieces.length === 0 ? new OneOf(part, { type: "provider" }) : part
}

const citationOf = (citation: Json.Json): unknown => {
  const [place, location] = Object.entries(Json.object(citation, "location") ?? {})[0] ?? []
  const passages = Json.member(citation, "sourceContent")
  return {
    title: Json.member(citation, "title"),
    source: Json.member(citation, "source"),
    passages: passages && Json.list(passages).map((piece) => Json.text(piece, "text") ?? ""),
    location: place === undefined || locations[place] === undefined
      ? undefined
      : { ...Json.object(location), type: locations[place] }
  }
}

const locations: Readonly<Record<string, string>> = {
  web: "web",
  documentChar: "document-char",
  documentPage: "document-page",
  documentChunk: "document-chunk",
  searchResultLocation: "search-result"
}

const callPart = (call: Json.JsonObject): unknown => ({
  type: "tool-call",
  id: call["toolUseId"] ?? "",
  name: call["name"] ?? "",
  params: call["input"] ?? {},
  providerExecuted: call["type"] === "server_tool_use" ? true : new OneOf(undefined, false)
})

const resultPart = (result: Json.JsonObject): unknown => ({
  type: "tool-result",
  id: result["toolUseId"] ?? "",
  // unknown members may be kept as the SDK represents them
  result: Json.list(result, "content").map((block) => new OneOf(block, unmodelled(block))),
  isFailure: result["status"] === undefined ? new OneOf(undefined, false) : result["status"] === "error",
  providerExecuted: true,
  providerType: result["type"]
})

const unmodelled = (block: Json.Json): unknown => ({ $unknown: Object.entries(Json.object(block) ?? {})[0] })

const mediaPart = (block: Json.JsonObject): unknown => {
  for (const type of ["image", "audio"]) {
    const bytes = Json.text(block, type, "source", "bytes")
    if (bytes !== undefined) return { type, source: { bytes: Buffer.from(bytes, "base64") } }
  }
}
