/** Requests as they are encoded for Claude, and how wrong ones are refused. */
import { assert } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import type * as History from "../../src/converse/History.ts"
import * as Request from "../../src/converse/Request.ts"

export const model = "anthropic.claude-sonnet-4-5-20250929-v1:0"

export const capabilities = ModelCatalog.lookup(model)

export const encode = (request: Partial<ChatRequest.Resolved>) => sent(request).input

export const sent = ({ model: asked = model, ...request }: Partial<ChatRequest.Resolved>) =>
  Result.getOrThrow(
    Request.encode({ model: asked, messages: [Message.user("Hi")], ...request }, {
      capabilities: ModelCatalog.lookup(asked),
      history: "repair"
    })
  )

export const refuse = (request: Partial<ChatRequest.Resolved>, history: History.Mode = "repair") => {
  const result = Request.encode({ model, messages: [Message.user("Hi")], ...request }, { capabilities, history })
  assert(Result.isFailure(result))
  return result.failure
}
