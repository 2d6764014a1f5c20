/**
 * The `DecisionModel` of `effect/ai` from a `ChatService`: one structured answer holds the probabilities of all decisions.
 *
 * The probabilities are what the model writes, scaled to a sum of 1. They are an opinion, not a measurement: compare them
 * with known cases before a threshold depends on them. Decisions that locate something in an image are not supported.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import type * as ProviderError from "@strata/core/ProviderError"
import * as DecisionModel from "effect/ai/DecisionModel"
import * as Model from "effect/ai/Model"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Media from "./internal/media.ts"
import * as Questions from "./internal/model/decisions.ts"
import * as Request from "./internal/model/request.ts"
import * as Outcome from "./internal/outcome.ts"
import * as StrataAiError from "./StrataAiError.ts"
import * as StrataLanguageModel from "./StrataLanguageModel.ts"

/** The model, with options of all its requests. It obeys `StrataLanguageModel.withOptions`, too. */
export const layer = (
  options: StrataLanguageModel.RequestOptions = {}
): Layer.Layer<DecisionModel.DecisionModel, never, ChatService.ChatService> =>
  Layer.effect(DecisionModel.DecisionModel, make(options))

/** The model as a `Model`, which also says its provider and name. */
export const model = <const Provider extends string, const Name extends string>(
  provider: Provider,
  name: Name,
  options: Omit<StrataLanguageModel.RequestOptions, "model"> = {}
): Model.Model<Provider, DecisionModel.DecisionModel, ChatService.ChatService> =>
  Model.make(provider, name, layer(Request.merged(options, { model: name })))

/** {@link layer} as an effect. */
export const make = (
  options: StrataLanguageModel.RequestOptions = {}
): Effect.Effect<DecisionModel.DecisionModel, never, ChatService.ChatService> =>
  Effect.flatMap(ChatService.ChatService, (chat) =>
    DecisionModel.make({
      supportsImages: true,
      decide: ({ decisions, images = [], state }) =>
        Effect.gen(function*() {
          const own = yield* StrataLanguageModel.Options
          const questions = Questions.make(decisions)
          const responseFormat = yield* StructuredOutput.format(questions.schema, { name: "decisions" })
          const content = yield* contentOf(state, images)
          const response = yield* chat.generate({
            ...Request.merged(options, own),
            messages: [Message.system(questions.instructions), Message.user(content)],
            responseFormat
          })
          const answers = withheld.has(response.finishReason)
            ? questions.refusals
            : questions.answers(yield* StructuredOutput.decode(anyObject, response))
          return responseOf(response, answers)
        }).pipe(Effect.mapError(failure))
    }))

const failure = (error: ProviderError.ProviderError) =>
  StrataAiError.toAiError(error, { module: "DecisionModel", method: "decide" })

/** What the model wrote is read decision by decision: one that does not fit fails alone. */
const anyObject = Schema.Record(Schema.String, Schema.Unknown)

const withheld: ReadonlySet<ChatResponse.FinishReason> = new Set(["refusal", "content-filter", "guardrail"])

/** The state as JSON, where images are named by their references, then each image after its reference. */
const contentOf = Effect.fnUntraced(function*(state: Schema.Json, images: ReadonlyArray<DecisionModel.ProviderImage>) {
  const content: Array<Message.UserPart> = [Message.text(`Input:\n${JSON.stringify(state)}`)]
  for (const { image, path, reference } of images) {
    const source = yield* Effect.fromResult(Result.mapError(
      Media.sourceOf(image.data),
      (problem) => Questions.invalid(path.join("."), problem)
    ))
    content.push(Message.text(`Image ${reference}:`), { type: "image", mediaType: image.mediaType, source })
  }
  return content
})

const responseOf = (
  response: ChatResponse.ChatResponse,
  answers: DecisionModel.ProviderResponse["answers"]
): DecisionModel.ProviderResponse => {
  const { metadata, usage } = Outcome.finish(response)
  return {
    answers,
    usage: { inputTokens: usage.inputTokens.total, outputTokens: usage.outputTokens.total },
    id: response.requestId,
    modelId: response.model,
    ...(metadata && { metadata })
  }
}
