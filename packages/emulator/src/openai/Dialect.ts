/**
 * Answers the requests of OpenAI's dialect: finds the model, and hands over to the API.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as AwsError from "../AwsError.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import * as Model from "../model/Model.ts"
import type * as Quota from "../quota/Quota.ts"
import type * as Call from "./Call.ts"
import * as ChatCompletions from "./chat/ChatCompletions.ts"
import * as Embeddings from "./embeddings/Embeddings.ts"
import * as Models from "./Models.ts"
import * as OpenAiError from "./OpenAiError.ts"
import type * as Quirks from "./Quirks.ts"
import * as Responses from "./responses/Responses.ts"
import type * as Route from "./Route.ts"

/**
 * - `models` (none): added to {@link Models.defaults}; with `any` every name is a model, as on a local server.
 * - `quirks` (none): what a compatible server does otherwise, such as `Quirks.ollama`.
 */
export interface Options {
  readonly models?: ReadonlyArray<Models.OpenAiModel> | "any" | undefined
  readonly quirks?: ReadonlyArray<Quirks.Quirk> | undefined
}

/** The model of a request, or why it is refused; some requests name none. */
export type Served = Result.Result<Models.Served, AwsError.AwsError>

/** The model that a request names: in its body, or of Azure in its path. */
export const serve = (known: Models.Known, route: Route.Route, body: unknown): Served => {
  switch (route.operation) {
    case "ListModels":
    case "GetResponse":
    case "DeleteResponse":
      return Result.fail(noModel)
    case "RetrieveModel":
      return Models.find(known, route, route.id ?? "")
    default: {
      const named: unknown = route.deployment ?? (Predicate.hasProperty(body, "model") ? body.model : undefined)
      return Predicate.isString(named) && named !== ""
        ? Models.find(known, route, named)
        : Result.fail(noModel)
    }
  }
}

const noModel = OpenAiError.invalid("you must provide a model parameter")

/** The name of a model in a request, for statistics. */
export const namedIn = (route: Route.Route, body: unknown): string | undefined => {
  const named: unknown = route.deployment ?? (Predicate.hasProperty(body, "model") ? body.model : route.id)
  return Predicate.isString(named) ? named : undefined
}

/** What answers a request; `answering` and `reserving` depend on its model. */
export interface Asked extends Omit<Call.Call, "served" | "answering" | "reserve"> {
  readonly known: Models.Known
  readonly route: Route.Route
  readonly served: Served
  readonly answering: (model: Model.Model) => string | undefined
  readonly reserving: (names: ReadonlyArray<string>) => Quota.Reserve
}

/** The response to a request. */
export const respond = Effect.fnUntraced(function*(asked: Asked): Effect.fn.Return<
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
  const rest = { ...asked, served, reserve: reserving(served.quota) }
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
