/** Requests with a history, in few words, and what the normaliser makes of them. */
import { assert } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as History from "../../src/converse/History.ts"

export const nova = ModelCatalog.lookup("amazon.nova-2-lite-v1:0")
export const titan = ModelCatalog.lookup("amazon.titan-text-express-v1")
export const claude = ModelCatalog.lookup("anthropic.claude-sonnet-4-5-20250929-v1:0")
export const mistral = ModelCatalog.lookup("mistral.mistral-large-2402-v1:0")
/** As most models are: turns alternate, nothing is known of reasoning, cache points are taken. */
export const common: ModelCatalog.Capabilities = {
  ...ModelCatalog.lookup("amazon.nova-lite-v1:0"),
  userTurnsInARow: undefined,
  reasoningInHistory: undefined
}
export const writer = ModelCatalog.lookup("us.writer.palmyra-x5-v1:0")

export type Asked = Omit<ChatRequest.Resolved, "model"> | ReadonlyArray<Message.Message>

export const request = (asked: Asked): ChatRequest.Resolved => ({
  model: "any",
  ...("messages" in asked ? asked : { messages: asked })
})

export const repair = (asked: Asked, capabilities: ModelCatalog.Capabilities = common) =>
  Result.getOrThrow(History.normalize(request(asked), { capabilities, mode: "repair" }))

/** The messages as they are sent, and what is said to have been changed. */
export const repaired = (asked: Asked, capabilities?: ModelCatalog.Capabilities) => {
  const { changes, request } = repair(asked, capabilities)
  return { messages: request.messages, changes: changes.map(({ field, type }) => [type, field]) }
}

export const refused = (asked: Asked, capabilities: ModelCatalog.Capabilities = common) => {
  const result = History.normalize(request(asked), { capabilities, mode: "strict" })
  assert(Result.isFailure(result))
  return result.failure
}

export const tools = [{ name: "weather", inputSchema: { type: "object" } }]

export const call = (id: string, name = "weather", params: unknown = {}): Message.ToolCallPart => ({
  type: "tool-call",
  id,
  name,
  params
})

export const result = (id: string, value: unknown = "sunny"): Message.ToolResultPart => ({
  type: "tool-result",
  id,
  result: value
})

export const missing = (id: string): Message.ToolResultPart => ({
  ...result(id, "No result was given for this call."),
  isFailure: true
})

export const document = (name: string): Message.DocumentPart => ({
  type: "document",
  mediaType: "text/plain",
  name,
  source: { text: "…" }
})
