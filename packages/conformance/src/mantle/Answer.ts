/**
 * What a recorded answer of mantle holds, read from its bytes: both APIs, whole and streamed.
 */
import * as Result from "effect/Result"
import * as Json from "../wire/Json.ts"

/**
 * - `parts`: the content of the message, as our parts; `sentBack`: the items or the message that the next request holds.
 * - `text`, `reasoning`: the texts of its deltas, of a stream.
 */
export interface Answer {
  readonly id: string | undefined
  readonly parts: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly sentBack: ReadonlyArray<Json.Json>
  readonly finishReason: string
  readonly usage: Readonly<Record<string, unknown>>
  readonly deltas: { readonly text: string; readonly reasoning: string } | undefined
}

/** The APIs of the endpoint that have answers of a model. */
export type Api = "chat-completions" | "responses"

/** Reads an answer. */
export const read = (api: Api, body: Uint8Array, streams: boolean): Answer => {
  if (api === "chat-completions") return ofCompletion(Result.getOrUndefined(Json.parseBytes(body)))
  const events = streams ? eventsOf(body) : []
  const response = streams
    ? Json.member(events.find((event) => Json.text(event, "type") === "response.completed"), "response")
    : Result.getOrUndefined(Json.parseBytes(body))
  const answer = ofResponse(response)
  return streams
    ? {
      ...answer,
      deltas: {
        text: deltasOf(events, "response.output_text.delta"),
        reasoning: deltasOf(events, "response.reasoning_text.delta")
      }
    }
    : answer
}

/** The data of the events of a stream. */
const eventsOf = (body: Uint8Array): ReadonlyArray<Json.Json> =>
  new TextDecoder().decode(body).split(/\r?\n\r?\n/).flatMap((block) => {
    const data = block.split(/\r?\n/).flatMap((line) => line.startsWith("data:") ? [line.slice(5).trim()] : []).join(
      "\n"
    )
    const json = Json.parse(data)
    return Result.isSuccess(json) ? [json.success] : []
  })

const deltasOf = (events: ReadonlyArray<Json.Json>, type: string): string =>
  events.map((event) => Json.text(event, "type") === type ? Json.text(event, "delta") ?? "" : "").join("")

const ofResponse = (response: Json.Json | undefined): Answer => {
  const output = Json.list(response, "output")
  const calls = output.filter((item) => Json.text(item, "type") === "function_call")
  return {
    id: Json.text(response, "id"),
    parts: output.flatMap(partsOf),
    sentBack: output.flatMap(itemOf),
    finishReason: calls.length > 0 ? "tool-calls" : "stop",
    usage: usageOf(response, "input", "output"),
    deltas: undefined
  }
}

const partsOf = (item: Json.Json): Answer["parts"] => {
  switch (Json.text(item, "type")) {
    case "reasoning":
      return [{ type: "reasoning", text: textsOf(item) }]
    case "message":
      return Json.list(item, "content").map((piece) => ({ type: "text", text: Json.text(piece, "text") ?? "" }))
    case "function_call":
      return [{
        type: "tool-call",
        id: Json.text(item, "call_id"),
        name: Json.text(item, "name"),
        params: Result.getOrUndefined(Json.parse(Json.text(item, "arguments") ?? ""))
      }]
    default:
      return [{ type: "provider" }]
  }
}

const textsOf = (item: Json.Json): string =>
  Json.list(item, "content").map((piece) => Json.text(piece, "text") ?? "").join("\n\n")

/** Reasoning that is not encrypted cannot be sent back. */
const itemOf = (item: Json.Json): ReadonlyArray<Json.Json> => {
  switch (Json.text(item, "type")) {
    case "message":
      return [{ type: "message", role: "assistant", content: Json.list(item, "content") }]
    case "function_call":
      return [{
        type: "function_call",
        call_id: Json.text(item, "call_id") ?? null,
        name: Json.text(item, "name") ?? null,
        arguments: Json.text(item, "arguments") ?? null
      }]
    default:
      return []
  }
}

const ofCompletion = (completion: Json.Json | undefined): Answer => {
  const [choice] = Json.list(completion, "choices")
  const content = Json.text(choice, "message", "content") ?? ""
  return {
    id: Json.text(completion, "id"),
    parts: [{ type: "text", text: content }],
    sentBack: [{ role: "assistant", content }],
    finishReason: Json.text(choice, "finish_reason") ?? "other",
    usage: usageOf(completion, "prompt", "completion"),
    deltas: undefined
  }
}

const usageOf = (answer: Json.Json | undefined, asked: string, answered: string): Answer["usage"] => {
  const usage = Json.object(answer, "usage")
  const cached = Json.number(usage, `${asked}_tokens_details`, "cached_tokens") ?? 0
  return {
    inputTokens: (Json.number(usage, `${asked}_tokens`) ?? 0) - cached,
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
    outputTokens: Json.number(usage, `${answered}_tokens`),
    totalTokens: Json.number(usage, "total_tokens")
  }
}
