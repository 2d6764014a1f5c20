/**
 * Chat on Amazon Bedrock through Converse and ConverseStream.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Check from "@strata/core/Check"
import type * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BedrockClient } from "./BedrockClient.ts"
import * as Events from "./converse/Events.ts"
import * as AnswerTool from "./converse/format/AnswerTool.ts"
import type * as History from "./converse/History.ts"
import * as Preparation from "./converse/Preparation.ts"
import * as Response from "./converse/Response.ts"
import * as Failure from "./error/Failure.ts"
import * as Configured from "./internal/configured.ts"
import * as Metering from "./internal/metering.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"
import * as RequestMetadata from "./internal/requestMetadata.ts"
import * as ReservationNotice from "./internal/reservationNotice.ts"
import type { Pairs } from "./RequestMetadata.ts"

/**
 * Which model answers, under which policy, and what may be changed in a request.
 *
 * - `model`: a model id, an inference profile id (`us.anthropic.claude-…`) or an ARN; a request can name another.
 * - `family`: the model behind an id that does not name it, such as the ARN of an application inference profile: a
 *   model id, or the beginning of one (`anthropic.claude-sonnet-4-5`). `InferenceProfile.layer` looks it up.
 * - `history`: what to do with a request that Bedrock would refuse, such as one with blank text, a tool call without
 *   its result or reasoning of another model. `repair`, the default, changes it and lists the changes in
 *   `providerMetadata.bedrock.changes` and in a debug log; `strict` fails with `InvalidRequestError`.
 * - `requestMetadata`: pairs of texts for the log of model invocations; see `RequestMetadata`.
 */
export interface Options {
  readonly model?: ChatRequest.ModelName | undefined
  readonly family?: string | undefined
  readonly policy?: Policy.Policy | undefined
  readonly history?: History.Mode | undefined
  readonly requestMetadata?: Pairs | undefined
}

/**
 * Builds the service from a {@link BedrockClient}.
 *
 * Features a model is known to lack fail with `UnsupportedFeatureError`, requests Bedrock would refuse with
 * `InvalidRequestError`, both before anything is sent. Invalid options fail with `InvalidRequestError` when the service
 * is built. The first request without `maxTokens` is logged as a warning.
 */
export const make = Effect.fnUntraced(function*(given?: Options): Effect.fn.Return<
  ChatService.ChatService["Service"],
  ProviderError.InvalidRequestError,
  BedrockClient | Scope.Scope
> {
  const options = yield* OwnOptions.ofLayer(fields, given)
  const client = yield* BedrockClient
  const prepare = yield* Preparation.make(options)
  const notice = yield* ReservationNotice.make
  return yield* ChatService.make({
    provider: providerName,
    defaultModel: options.model,
    identity: { client: client.identity, family: options.family ?? null, history: options.history ?? "repair" },
    policy: options.policy,
    metering: yield* Metering.chat(options),
    generate: (request) =>
      Effect.flatMap(
        prepare(request, { streaming: false }),
        ({ answerTool, changes, input }) =>
          Effect.flatMap(Effect.andThen(notice(input), client.converse(input)), (output) =>
            Result.match(
              Response.decode(output, request.model, () => Failure.whereOf(client, request.model)),
              {
                onFailure: Effect.fail,
                onSuccess: (response) =>
                  Effect.succeed(
                    annotated(AnswerTool.inResponse(response, answerTool), changes, output.inferenceProfile)
                  )
              }
            ))
      ),
    stream: (request) =>
      Stream.unwrap(
        Effect.gen(function*() {
          const { answerTool, changes, input } = yield* prepare(request, { streaming: true })
          yield* notice(input)
          const { events, inferenceProfile, requestId } = yield* client.converseStream(input)
          const origin = { ...Failure.whereOf(client, request.model), model: request.model, requestId }
          return AnswerTool.inStream(Events.decode(events, origin), answerTool).pipe(
            Stream.map((event) => event.type === "finish" ? annotated(event, changes, inferenceProfile) : event)
          )
        })
      )
  })
})

const fields: Check.Fields<Options> = {
  model: OwnOptions.model,
  family: Check.optional(Check.filled),
  policy: OwnOptions.policy,
  history: Check.optional(Check.word(["repair", "strict"])),
  requestMetadata: Check.optional(RequestMetadata.check)
}

/**
 * The chat service of Bedrock. Needs a {@link BedrockClient}, which several services can share. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * const Chat = BedrockChat.layer({ model: "us.amazon.nova-lite-v1:0" }).pipe(Layer.provide(BedrockClient.layer()))
 */
export const layer = (
  options?: Options
): Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(ChatService.ChatService, make(options))

/**
 * {@link layer} with the model, the policy or both taken from `Config`.
 *
 * @example
 * const Chat = BedrockChat.layerConfig({ model: Config.String("CHAT_MODEL") })
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<ChatService.ChatService, Config.ConfigError | ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(ChatService.ChatService, Effect.flatMap(Configured.read(options), make))

/** Adds what was changed in the request to the metadata of the answer. */
const annotated = <Outcome extends ChatResponse.Outcome>(
  outcome: Outcome,
  changes: ReadonlyArray<History.Change>,
  inferenceProfile: string | undefined
): Outcome =>
  changes.length === 0 && inferenceProfile === undefined ? outcome : {
    ...outcome,
    providerMetadata: {
      ...outcome.providerMetadata,
      bedrock: {
        ...outcome.providerMetadata.bedrock,
        ...(changes.length > 0 && { changes }),
        ...(inferenceProfile !== undefined && { inferenceProfile })
      }
    }
  }
