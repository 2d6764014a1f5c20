/**
 * Answers a body of InvokeModel or of Converse that came in no request: a record of a batch job.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as AwsError from "../AwsError.ts"
import * as Converse from "../converse/Converse.ts"
import type * as Guardrail from "../guardrail/Guardrail.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as InvokeModel from "../invoke/InvokeModel.ts"
import * as Json from "../Json.ts"
import * as Model from "../model/Model.ts"
import type * as Quota from "../quota/Quota.ts"

/** A body for a model, in the format of an operation. `model`: where it is known already. */
export interface Question {
  readonly region: string
  readonly model?: Model.Model | undefined
  readonly modelId: string
  readonly type: "InvokeModel" | "Converse"
  readonly input: unknown
}

/** The body of the response, and what it cost. */
export interface Answer {
  readonly output: unknown
  readonly inputTokens: number
  readonly outputTokens: number
}

/** - `regions`: the models of each. `answering`: the model name passed to the services for a model. */
export interface Options {
  readonly regions: ReadonlyMap<string, { readonly catalog: Model.Catalog; readonly memory: Converse.Memory }>
  readonly guardrails: ReadonlyArray<Guardrail.Guardrail>
  readonly countInput: boolean
  readonly answering: (model: Model.Model) => string | undefined
}

/** Answers; batch work has quotas of its own, so that it takes nothing of those of single requests. */
export const make = (options: Options) =>
  Effect.fnUntraced(
    function*(
      { input, model: known, modelId, region, type }: Question
    ): Effect.fn.Return<
      Answer,
      AwsError.AwsError,
      ChatService.ChatService | EmbeddingService.EmbeddingService | Scope.Scope
    > {
      const state = options.regions.get(region)
      if (state === undefined) return yield* AwsError.validation("The provided model identifier is invalid.")
      const model = known ?? (yield* Effect.fromResult(Model.resolve(state.catalog, modelId)))
      const random = yield* Random.Random
      const clock = yield* Clock.Clock
      const now = clock.currentTimeMillisUnsafe()
      const spent = { inputTokens: 0, outputTokens: 0 }
      const reserve: Quota.Reserve = () =>
        Effect.succeed({
          cached: () => {},
          wrote: () => {},
          settle: ({ cacheWriteTokens, inputTokens, outputTokens }) => {
            spent.inputTokens += inputTokens + cacheWriteTokens
            spent.outputTokens += outputTokens
          }
        })
      const call: InvokeModel.Call = {
        ...options,
        region,
        model,
        reserve,
        now,
        body: input,
        memory: state.memory,
        headers: {},
        answering: options.answering(model),
        requestId: String(random.nextIntUnsafe() >>> 0),
        elapsed: () => Math.max(0, Math.round(clock.currentTimeMillisUnsafe() - now)),
        random: (below) => Math.floor(random.nextDoubleUnsafe() * below)
      }
      const response = type === "InvokeModel"
        ? yield* InvokeModel.invoke(call)
        : model.kind === "chat"
        ? yield* Converse.converse({ ...call, model })
        : yield* notChat
      return { output: yield* bodyOf(response), ...spent }
    },
    Effect.scoped,
    Effect.catchDefect((defect) =>
      Effect.andThen(
        Effect.logError("A record failed with a defect", defect),
        Effect.fail(AwsError.make("InternalServerException", AwsError.texts.InternalServerException))
      )
    )
  )

const bodyOf = (response: HttpResponse.HttpResponse) =>
  response.type === "whole"
    ? Effect.fromResult(Json.parse(new TextDecoder().decode(response.body)))
    : Effect.die("A whole answer was asked for")

const notChat = AwsError.validation(
  "This action doesn't support the model that you provided. Try again with a supported text or chat model"
)
