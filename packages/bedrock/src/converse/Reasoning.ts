/**
 * Encodes a request for reasoning as the model takes it: a budget of tokens, a level of effort, or nothing.
 *
 * The catalogue says which, and in which field. Contradictions within a request are refused before anything is sent,
 * because the service's own messages are vague.
 */
import type { ConverseStreamCommandInput, OutputConfig } from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Capabilities, Effort, Path, Reasoning, ReasoningRequest, RequestFields } from "../catalog/Capabilities.ts"
import { providerName } from "../internal/provider.ts"
import type { Report } from "./history/Change.ts"

/** Fields of the model's own, as a Converse request holds them. */
export type Fields = Exclude<ConverseStreamCommandInput["additionalModelRequestFields"], undefined>

/** What a request for reasoning adds to a Converse request. */
export interface Encoded {
  readonly additionalModelRequestFields?: Fields
  readonly outputConfig?: OutputConfig
}

/**
 * Reasoning tokens of each level, for models that take only a budget. The highest is below the 32,000 tokens that
 * Claude Opus 4 can write, the lowest is the minimum Claude accepts.
 */
export const budgets: Readonly<Record<Effort, number>> = {
  low: 1_024,
  medium: 4_096,
  high: 16_384,
  xhigh: 24_576,
  max: 31_999
}

/**
 * Encodes `reasoning`, and merges the `additionalModelRequestFields` and the `outputConfig` of the request over it: on
 * a conflict those of the request win.
 *
 * - A budget goes unchanged to a model that takes one; it must be less than `maxTokens` and not below the model's
 *   minimum. An effort becomes the number in {@link budgets}, but not more than four fifths of `maxTokens`.
 * - An effort goes unchanged to a model that takes one, or as the next lower level it supports. A budget becomes the
 *   highest level that costs no more.
 * - Without either, an adaptive model decides by itself; others get the effort `medium`.
 * - An unknown model gets `outputConfig.effort`, which is Converse's own field for it.
 * - `false` is sent to a model that reasons unless told not to; other models that can answer without reasoning do so
 *   anyway.
 *
 * Reasoning that is always on, or that cannot start in this turn, is left out and reported. Fails with
 * `UnsupportedFeatureError` when the model cannot reason, or cannot answer without reasoning, and with
 * `InvalidRequestError` when the budget does not fit, or conflicts with another option of the request.
 */
export const encode = (
  request: ChatRequest.Resolved,
  capabilities: Capabilities,
  report: Report
): Result.Result<Encoded, ProviderError.CallError> => {
  const own = request.providerOptions?.bedrock
  return Result.gen(function*() {
    const asked = yield* encodeRequested(request, capabilities, report)
    const fields = merge(asked.additionalModelRequestFields, own?.additionalModelRequestFields)
    const outputConfig = own?.outputConfig ?? asked.outputConfig
    return {
      ...(fields === undefined ? undefined : { additionalModelRequestFields: fields }),
      ...(outputConfig === undefined ? undefined : { outputConfig: { ...asked.outputConfig, ...outputConfig } })
    }
  })
}

/** Merges JSON over JSON: objects are merged, a list of betas is extended, anything else is replaced. */
export const merge = (under: Fields | undefined, over: Fields | undefined): Fields | undefined => {
  if (!isPlain(under) || !isPlain(over)) return over ?? under
  const merged: Record<string, Fields> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    merged[key] = key === betas && Array.isArray(before) && Array.isArray(value)
      ? [...before, ...value.filter((beta) => !before.includes(beta))]
      : merge(before, value) ?? value
  }
  return merged
}

const betas = "anthropic_beta"

const isPlain = (json: Fields | undefined): json is Record<string, Fields> => Predicate.isObject(json)

type Asked = Exclude<ChatRequest.Reasoning, false>

const encodeRequested = (
  request: ChatRequest.Resolved,
  capabilities: Capabilities,
  report: Report
): Result.Result<Encoded, ProviderError.CallError> =>
  Result.gen(function*() {
    const { model, reasoning: asked } = request
    const { reasoning: known } = capabilities
    if (asked === undefined) return {}
    if (asked === false) {
      if (isUnavoidable(known)) return yield* Result.fail(unavoidable(model, known?.control === "effort"))
      return known?.control === "effort" ? inFields(known.off) : {}
    }
    yield* checkNumber(model, asked.budgetTokens)
    switch (known?.control) {
      case undefined:
        reportOptions(asked, {}, report)
        return { outputConfig: { effort: effortOf(asked, allEfforts) } }
      case "none":
        return yield* Result.fail(cannotReason(model))
      case "always":
        reportOptions(asked, {}, report)
        return {}
      case "budget": {
        if (known.sealsToolUse === true && isAmidToolUse(request)) {
          report("omitted-thinking", "reasoning")
          return {}
        }
        const tokens = yield* budgetOf(request, asked, known)
        yield* checkConflicts(request, capabilities)
        return placed(known, tokens, asked, report)
      }
      case "effort": {
        const isFree = asked.effort === undefined && asked.budgetTokens === undefined && known.adaptive === true
        const effort = isFree ? undefined : effortOf(asked, known.levels)
        if (effort !== undefined && known.bareLevels?.includes(effort) === true) yield* checkBareLevel(request, effort)
        yield* checkConflicts(request, capabilities)
        return placed(known, effort, asked, report)
      }
    }
  })

const allEfforts: ReadonlyArray<Effort> = ["low", "medium", "high", "xhigh", "max"]

/** The highest supported level that is not above the requested one, else the lowest. */
const effortOf = ({ budgetTokens, effort }: Asked, levels: ReadonlyArray<Effort>): Effort => {
  const most = effort !== undefined ? budgets[effort] : budgetTokens ?? budgets.medium
  const ascending = allEfforts.filter((level) => levels.includes(level))
  return ascending.filter((level) => budgets[level] <= most).at(-1) ?? ascending[0] ?? "medium"
}

const budgetOf = (
  request: ChatRequest.Resolved,
  asked: Asked,
  { interleaved, minTokens }: Extract<Reasoning, { readonly control: "budget" }>
): Result.Result<number, ProviderError.InvalidRequestError> => {
  const { model } = request
  // between tool calls the model reasons anew, and the budget covers all answers together
  const isShared = asked.interleaved === true && interleaved !== undefined || hasInterleaving(request)
  const { maxTokens = Infinity } = isShared ? {} : inferenceOf(request)
  if (maxTokens <= minTokens) {
    return Result.fail(invalid(
      model,
      "maxTokens",
      `${maxTokens} tokens are fewer than the minimum of ${minTokens} for reasoning`,
      "Raise it, or leave `reasoning` out"
    ))
  }
  if (asked.budgetTokens === undefined) {
    const share = Math.floor(maxTokens * 0.8)
    return Result.succeed(Math.max(minTokens, Math.min(budgets[asked.effort ?? "medium"], share)))
  }
  if (asked.budgetTokens < minTokens) {
    return Result.fail(invalid(
      model,
      "reasoning.budgetTokens",
      `${asked.budgetTokens} is below the model's minimum of ${minTokens} tokens`,
      "Raise it, or set `reasoning` to false"
    ))
  }
  return asked.budgetTokens < maxTokens ? Result.succeed(asked.budgetTokens) : Result.fail(invalid(
    model,
    "reasoning.budgetTokens",
    `${asked.budgetTokens} is not less than \`maxTokens\`, which is ${maxTokens} and includes reasoning`,
    "Lower it, raise `maxTokens`, or set `reasoning.interleaved` where tools are called"
  ))
}

/** Whether the request enables interleaved reasoning by Claude's own beta flag. */
const hasInterleaving = ({ providerOptions }: ChatRequest.Resolved): boolean => {
  const fields = providerOptions?.bedrock?.additionalModelRequestFields
  const asked = isPlain(fields) ? fields[betas] : undefined
  return Array.isArray(asked) &&
    asked.some((beta) => typeof beta === "string" && beta.startsWith("interleaved-thinking"))
}

/** Whether the last message answers tool calls that had no reasoning before them. */
const isAmidToolUse = ({ messages }: ChatRequest.Resolved): boolean => {
  const at = messages.findLastIndex(({ role }) => role === "assistant")
  const last = messages[at]
  if (last === undefined || !messages.slice(at).some(({ role }) => role === "tool")) return false
  return Message.parts(last)[0]?.type !== "reasoning"
}

/** Options that conflict with reasoning for this model at any level. */
const checkConflicts = (
  request: ChatRequest.Resolved,
  { forcedToolWithReasoning, temperatureWithReasoning }: Capabilities
): Result.Result<void, ProviderError.InvalidRequestError> => {
  const { model, toolChoice } = request
  const { temperature, topP } = inferenceOf(request)
  const remedy = "or set `reasoning` to false"
  if (temperatureWithReasoning === false && temperature !== undefined && temperature !== 1) {
    const problem = `the model supports reasoning with a temperature of 1 only, not ${temperature}`
    return Result.fail(invalid(model, "temperature", problem, `Leave it out, ${remedy}`))
  }
  // "top_p between 0.95 and 1", says Anthropic's page on extended thinking
  if (temperatureWithReasoning === false && topP !== undefined && topP < 0.95) {
    const problem = `the model supports reasoning with a topP of at least 0.95 only, not ${topP}`
    return Result.fail(invalid(model, "topP", problem, `Leave it out, ${remedy}`))
  }
  if (forcedToolWithReasoning === false && (toolChoice === "any" || typeof toolChoice === "object")) {
    const problem = "the model does not support a forced tool call with reasoning"
    return Result.fail(invalid(model, "toolChoice", problem, `Use "auto", ${remedy}`))
  }
  return Result.void
}

/** Options that conflict with one level of effort. */
const checkBareLevel = (
  request: ChatRequest.Resolved,
  effort: Effort
): Result.Result<void, ProviderError.InvalidRequestError> => {
  const set = inferenceOf(request)
  const field = (["maxTokens", "temperature", "topP"] as const).find((name) => set[name] !== undefined)
  return field === undefined ? Result.void : Result.fail(invalid(
    request.model,
    field,
    `the model does not support it with the effort "${effort}"`,
    "Leave it out, or lower `reasoning.effort`"
  ))
}

const checkNumber = (
  model: string,
  tokens: number | undefined
): Result.Result<void, ProviderError.InvalidRequestError> =>
  tokens === undefined || Number.isSafeInteger(tokens) && tokens > 0 ? Result.void : Result.fail(invalid(
    model,
    "reasoning.budgetTokens",
    `${tokens} is not a number of tokens`,
    "Use a whole number from 1"
  ))

/** The inference options as they will be sent: those in `providerOptions.bedrock` win. */
const inferenceOf = ({ maxTokens, providerOptions, temperature, topP }: ChatRequest.Resolved) => {
  const own = providerOptions?.bedrock?.inferenceConfig
  return {
    maxTokens: own?.maxTokens ?? maxTokens,
    temperature: own?.temperature ?? temperature,
    topP: own?.topP ?? topP
  }
}

const placed = (
  known: Extract<Reasoning, { readonly path: unknown }>,
  value: number | string | undefined,
  asked: Asked,
  report: Report
): Encoded => {
  reportOptions(asked, known, report)
  const fields = [
    value === undefined ? undefined : at(known.path, value),
    asked.display === undefined || known.display === undefined ? undefined : at(known.display, asked.display),
    asked.interleaved === true ? known.interleaved as Fields | undefined : undefined // plain JSON, see below
  ]
  return inFields(fields.reduce(merge, known.fields as Fields)) // plain JSON, which the SDK types as mutable
}

const reportOptions = (
  { display, interleaved }: Asked,
  known: Pick<ReasoningRequest, "display" | "interleaved">,
  report: Report
): void => {
  if (display !== undefined && known.display === undefined) report("omitted-option", "reasoning.display")
  if (interleaved === true && known.interleaved === undefined) report("omitted-option", "reasoning.interleaved")
}

const at = (path: Path, value: number | string): Fields =>
  path.reduceRight<Fields>((inner, key) => ({ [key]: inner }), value)

const inFields = (fields: Fields | RequestFields | undefined): Encoded =>
  fields === undefined || Predicate.isObject(fields) && Object.keys(fields).length === 0
    ? {}
    : { additionalModelRequestFields: fields as Fields } // plain JSON, which the SDK types as mutable

const isUnavoidable = (known: Reasoning | undefined): boolean =>
  known?.control === "always" || known?.control === "effort" && known.alwaysOn === true

const unavoidable = (model: string, hasLevels: boolean): ProviderError.UnsupportedFeatureError =>
  unsupported(
    model,
    "answers without reasoning",
    `${model} always reasons. Leave \`reasoning\` out, ${
      hasLevels ? "set `effort` to \"low\"" : "or use another model"
    }.`
  )

const cannotReason = (model: string): ProviderError.UnsupportedFeatureError =>
  unsupported(
    model,
    "reasoning",
    `${model} does not reason on request. Leave it out, or use a model that does, such as Claude 4.5 or Nova 2.`
  )

const unsupported = (model: string, feature: string, message: string) =>
  new ProviderError.UnsupportedFeatureError({
    provider: providerName,
    model,
    feature,
    message: `reasoning: ${message}`
  })

const invalid = (model: string, field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: providerName, model, field, problem, remedy })
