/**
 * A chat request as the body of `POST /responses`.
 *
 * `store` is false in every body: nothing is kept on the server, unless `providerOptions.openai` says so.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Report, Target } from "../chat/Codec.ts"
import type * as Shape from "../schema/Shape.ts"
import * as Strict from "../schema/Strict.ts"
import * as Adjustment from "./Adjustment.ts"
import type { Unfit } from "./Content.ts"
import * as History from "./History.ts"
import * as Tools from "./Tools.ts"

/**
 * The body, and the shapes of what was made strict: of the arguments of tools, by name, and of the answer; see
 * `schema/Shape.ts`. `needsCall`: whether the answer has to have a tool call.
 */
export interface Encoded {
  readonly body: { readonly [field: string]: unknown }
  readonly shapes: ReadonlyMap<string, Shape.Shape>
  readonly shape: Shape.Shape | undefined
  readonly needsCall: boolean
}

/** Encodes a request; fails for what the API cannot do, with the place in the request. */
export const encode = (
  request: ChatRequest.Resolved,
  target: Target,
  report: Report
): Result.Result<Encoded, ProviderError.CallError> =>
  Result.mapError(fields(request, target, Adjustment.into(report)), (unfit) => errorOf(unfit, request.model, target))

const fields = (
  request: ChatRequest.Resolved,
  { profile, server, streaming }: Target,
  adjust: Adjustment.Adjust
): Result.Result<Encoded, Unfit> =>
  Result.gen(function*() {
    const { maxTokens, messages, model, parallelToolCalls, temperature, toolChoice, tools = [], topP } = request
    if (request.stopSequences !== undefined && request.stopSequences.length > 0) return yield* Result.fail(noStop)
    const { sent, shapes } = yield* Tools.encode(tools, {
      adjust,
      isStrict: profile.strict,
      providers: ["openai", profile.provider]
    })
    const conversation = yield* History.encode(messages, {
      origin: { server, model },
      role: profile.instructions,
      media: profile.media,
      adjust
    })
    const { format, shape } = formatOf(request.responseFormat, profile.strict, adjust)
    const reasoning = reasoningOf(request.reasoning, adjust)
    const body = {
      model,
      ...conversation,
      ...(sent.length > 0 && { tools: sent }),
      ...(toolChoice !== undefined && sent.length > 0 && { tool_choice: Tools.choice(toolChoice, tools) }),
      ...(parallelToolCalls !== undefined && sent.length > 0 && { parallel_tool_calls: parallelToolCalls }),
      ...(format !== undefined && { text: { format } }),
      ...(reasoning !== undefined && { reasoning }),
      ...(maxTokens !== undefined && { max_output_tokens: maxTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { top_p: topP }),
      ...(!neverReasons.test(model) && { include: ["reasoning.encrypted_content"] }),
      store: false
    }
    const own: unknown = request.providerOptions?.openai
    if (own !== undefined && !Predicate.isObject(own)) return yield* Result.fail(noFields)
    return {
      // What is given in the server's own format wins; `undefined` takes a field out, as it does in JSON. But an answer of
      // another kind than the one that is waited for could not be read.
      body: { ...body, ...own, stream: streaming },
      shape,
      shapes,
      needsCall: toolChoice === "any" || typeof toolChoice === "object"
    }
  })

/** OpenAI refuses to encrypt the reasoning of models that have none. `include` of `providerOptions.openai` overrides it. */
const neverReasons = /^(?:gpt-3|gpt-4|chatgpt-4)/

const formatOf = (
  format: ChatRequest.ResponseFormat | undefined,
  isStrict: boolean,
  adjust: Adjustment.Adjust
): { readonly format: object | undefined; readonly shape: Shape.Shape | undefined } => {
  if (format?.type !== "json") return { format: undefined, shape: undefined }
  const { description, name = "answer", schema } = format
  const strict = isStrict ? Strict.make(schema) : undefined
  if (isStrict && strict === undefined) adjust(Adjustment.laxSchema, "responseFormat.schema")
  return {
    format: {
      type: "json_schema",
      name,
      ...(description !== undefined && { description }),
      schema: strict?.schema ?? schema,
      strict: strict !== undefined
    },
    shape: strict?.shape
  }
}

const reasoningOf = (
  reasoning: ChatRequest.Reasoning | undefined,
  adjust: Adjustment.Adjust
): object | undefined => {
  if (reasoning === undefined) return undefined
  if (reasoning === false) return { effort: "none" }
  const effort = effortOf(reasoning, adjust)
  return {
    ...(effort !== undefined && { effort }),
    ...(reasoning.display === "summarized" && { summary: "auto" })
  }
}

const effortOf = (
  { budgetTokens, effort }: Exclude<ChatRequest.Reasoning, false>,
  adjust: Adjustment.Adjust
): string | undefined => {
  if (effort === "max") adjust(Adjustment.highestEffort, "reasoning.effort")
  if (effort !== undefined) return effort === "max" ? "xhigh" : effort
  if (budgetTokens === undefined) return undefined
  adjust(Adjustment.effortOfBudget, "reasoning.budgetTokens")
  return budgetTokens < 4_096 ? "low" : budgetTokens < 16_384 ? "medium" : budgetTokens < 24_576 ? "high" : "xhigh"
}

const noFields: Unfit = {
  field: "providerOptions.openai",
  problem: "it is not an object",
  remedy: "Give an object with fields of the request"
}

const noStop: Unfit = {
  field: "stopSequences",
  feature: "stop sequences",
  problem: "the Responses API has no stop sequences",
  remedy: "Leave them out, or use the API \"chat-completions\""
}

const errorOf = (
  { feature, field, problem, remedy }: Unfit,
  model: string,
  { provider, server }: Target
): ProviderError.CallError => {
  const about = { provider, model, field }
  return feature === undefined
    ? ProviderError.invalidRequest({ ...about, problem, remedy })
    : new ProviderError.UnsupportedFeatureError({
      ...about,
      server,
      feature,
      problem: `${problem}. ${remedy}.`,
      message: `${field}: ${problem}. ${remedy}.`
    })
}
