/**
 * Handles InvokeModel and InvokeModelWithResponseStream, by the kind of the model.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as AwsError from "../AwsError.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import type * as Model from "../model/Model.ts"
import * as InvokeChat from "./chat/InvokeChat.ts"
import * as InvokeHeaders from "./chat/InvokeHeaders.ts"
import * as InvokeEmbedding from "./embedding/InvokeEmbedding.ts"
import * as Rerank from "./Rerank.ts"

/** A request of these operations, to a model of any kind. */
export interface Call extends Omit<InvokeChat.Call, "model"> {
  readonly model: Model.Model
}

/** A whole response. */
export const invoke = Effect.fnUntraced(function*(
  call: Call
): Effect.fn.Return<
  HttpResponse.HttpResponse,
  AwsError.AwsError,
  ChatService.ChatService | EmbeddingService.EmbeddingService | Scope.Scope
> {
  const { model } = call
  if (model.kind === "chat") return yield* InvokeChat.invoke({ ...call, model })
  yield* InvokeHeaders.checkContentType(call.headers)
  return yield* model.kind === "embedding"
    ? InvokeEmbedding.invoke({ ...call, model })
    : Rerank.invoke({ ...call, model })
})

/** A streamed response, which only chat models support. */
export const invokeStream = ({ model, ...call }: Call) =>
  model.kind === "chat" ? InvokeChat.invokeStream({ ...call, model }) : Effect.fail(notStreamable)

const notStreamable = AwsError.validation("The model is unsupported for streaming.")
