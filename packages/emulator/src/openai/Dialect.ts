/**
 * Answers the requests of OpenAI's dialect: finds the model, and hands over to the API.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import type * as Trigger from "../fault/Trigger.ts"
import type * as Exchange from "../http/Exchange.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import * as Json from "../Json.ts"
import * as Model from "../model/Model.ts"
import type * as Quota from "../quota/Quota.ts"
import type * as Responder from "../Responder.ts"
import * as Signature from "../Signature.ts"
import type * as Statistics from "../Statistics.ts"
import type * as Call from "./Call.ts"
import * as ChatCompletions from "./chat/ChatCompletions.ts"
import * as Embeddings from "./embeddings/Embeddings.ts"
import * as Models from "./Models.ts"
import * as OpenAiError from "./OpenAiError.ts"
import * as Responses from "./responses/Responses.ts"
import * as Route from "./Route.ts"
import * as Sse from "./Sse.ts"

/** The part of the router's context that a request needs. */
export interface Context extends Pick<Call.Call, "countInput" | "requestId" | "now" | "random"> {
  readonly accepted: Signature.Accepted
  readonly region: string
  readonly exchange: Exchange.Exchange
  readonly attempt: Statistics.Attempt
  readonly recorder: Statistics.Recorder
  readonly responder: Responder.Responder | undefined
  readonly openai: Call.State
  readonly answering: (model: Model.Model) => string | undefined
}

/** Reads and authenticates a request; `response` answers it, with quota of its model. */
export const read = Effect.fnUntraced(function*(context: Context) {
  const { accepted, attempt, exchange, now, openai, recorder, region, responder } = context
  const bytes = yield* Effect.mapError(exchange.body, AwsError.tooLarge)
  const json = bytes.length === 0 ? Result.succeed({}) : Json.fromBytes(bytes)
  const body = Result.getOrUndefined(json)
  recorder.received(attempt, bytes, body)
  const { method, target } = exchange
  const route = Route.of(exchange, body)
  if (route === undefined) {
    return yield* AwsError.make("UnknownOperationException", `Invalid URL (${method} ${target.split("?", 1)[0]})`)
  }
  const named = Route.modelOf(route, body)
  const served = serve(openai.known, route, body)
  const model = Result.isSuccess(served) ? served.success.model : undefined
  recorder.routed(attempt, route.operation, named)
  if (model !== undefined) recorder.resolved(attempt, model.id)
  // Azure's header
  const { "api-key": key, ...headers } = exchange.headers
  const request = {
    method,
    target,
    body: bytes,
    headers: key === undefined ? headers : { authorization: `Bearer ${key}`, ...headers }
  }
  attempt.scheme = yield* Effect.mapError(
    Signature.authenticate(accepted, region, { ...request, now, service: route.mantle ? "bedrock-mantle" : "bedrock" }),
    OpenAiError.unauthorized(request.headers["authorization"])
  )
  const candidate: Trigger.Candidate = {
    operation: route.operation,
    region,
    models: [named, model?.id].filter((name) => name !== undefined),
    chats: responder === undefined && model?.kind === "chat",
    texts: () => Json.texts(body),
    fingerprint: attempt.fingerprint ?? ""
  }
  const response = (reserving: Asked["reserving"]) =>
    responder === undefined || method !== "POST"
      ? Effect.flatMap(Effect.mapError(Effect.fromResult(json), OpenAiError.unreadable), (body) =>
        Effect.map(
          respond({ ...context, ...openai, body, served, route, lenient: openai.known.any, reserving }),
          (response) =>
            response.type === "whole" ? response : {
              ...response,
              frames: Stream.map(response.frames, (frame) => Sse.dressed(frame, openai.quirks))
            }
        ))
      : responder(request)
  return { candidate, response }
})

/** What answers a request; `answering` and `reserving` depend on its model. */
interface Asked extends Omit<Call.Call, "served" | "answering" | "reserve"> {
  readonly known: Models.Known
  readonly route: Route.Route
  readonly served: Served
  readonly answering: (model: Model.Model) => string | undefined
  readonly reserving: (names: ReadonlyArray<string>) => Quota.Reserve
}

/** The response to a request. */
const respond = Effect.fnUntraced(function*(asked: Asked): Effect.fn.Return<
  HttpResponse.HttpResponse,
  AwsError.AwsError,
  ChatService.ChatService | EmbeddingService.EmbeddingService | Scope.Scope
> {
  const { answering, known, reserving, route } = asked
  switch (route.operation) {
    case "ListModels":
      return HttpResponse.json(listing(known, route))
    case "GetResponse":
      return yield* Responses.get(asked.store, route.id ?? "")
    case "DeleteResponse":
      return yield* Responses.remove(asked.store, route.id ?? "")
  }
  const served = yield* Effect.fromResult(asked.served)
  const { model } = served
  if (route.operation === "RetrieveModel") return HttpResponse.json(described(served.named, served.endpoint))
  const reserve = reserving(served.quota)
  const rest = {
    ...asked,
    served,
    reserve: served.endpoint === "openai"
      ? (claim: Quota.Claim) => Effect.mapError(reserve(claim), OpenAiError.throttled)
      : reserve
  }
  if (route.operation === "CreateEmbeddings") {
    if (model.kind !== "embedding") return yield* notFor(served.named, "embeddings")
    // the family of Bedrock that also shortens vectors
    const name = answering(Model.embedding(model.id, "cohere-v4"))
    return yield* Embeddings.create({ ...rest, model, answering: name })
  }
  if (model.kind !== "chat") return yield* notFor(served.named, "chat completions")
  const call: Call.ChatCall = { ...rest, model, answering: answering(model) }
  switch (route.operation) {
    case "CreateChatCompletion":
      return yield* ChatCompletions.create(call)
    case "CreateChatCompletionStream":
      return yield* ChatCompletions.stream(call)
    case "CreateResponse":
      return yield* Responses.create(call)
    case "CreateResponseStream":
      return yield* Responses.stream(call)
  }
})

/** The model of a request, or why it is refused; some requests name none. */
type Served = Result.Result<Models.Served, AwsError.AwsError>

const serve = (known: Models.Known, route: Route.Route, body: unknown): Served => {
  switch (route.operation) {
    case "ListModels":
    case "GetResponse":
    case "DeleteResponse":
      return Result.fail(noModel)
    case "RetrieveModel":
      return Models.find(known, route, route.id ?? "")
    default: {
      const named = Route.modelOf(route, body)
      return named === undefined ? Result.fail(noModel) : Models.find(known, route, named)
    }
  }
}

const noModel = OpenAiError.invalid("you must provide a model parameter")

const notFor = (named: string, api: string) =>
  OpenAiError.make("ValidationException", `The model '${named}' is not supported in ${api}.`, {
    param: "model",
    code: "unsupported_model"
  })

const listing = (known: Models.Known, route: Route.Route) => ({
  object: "list",
  data: Models.list(known, route).map(({ endpoint, id }) => described(id, endpoint))
})

const described = (id: string, endpoint: Models.Endpoint) => ({
  id,
  object: "model",
  created: 1_764_460_800,
  owned_by: "system",
  ...(endpoint === "mantle"
    ? {
      status: "available",
      data_retention: {
        mode: "default",
        source: "model_default",
        allowed_modes: ["default", "none", "provider_data_share"]
      }
    }
    : undefined)
})
