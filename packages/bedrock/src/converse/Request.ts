/**
 * Encodes our request for Converse: system prompts separate, content in blocks, alternating roles.
 *
 * `Values` and `History` normalize the content first; here it is encoded. What cannot be sent is refused before
 * anything is sent.
 */
import type {
  ContentBlock,
  ConverseStreamCommandInput,
  InferenceConfiguration,
  Message as ConverseMessage,
  SystemContentBlock
} from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as Room from "../schema/Room.ts"
import * as Block from "./Block.ts"
import * as ResponseFormat from "./format/ResponseFormat.ts"
import * as History from "./History.ts"
import * as Change from "./history/Change.ts"
import * as Limits from "./Limits.ts"
import * as Reasoning from "./Reasoning.ts"
import * as ToolConfig from "./ToolConfig.ts"
import * as Values from "./Values.ts"

/**
 * - `capabilities`: those of the model.
 * - `history`: what to do with a conversation that Bedrock would refuse.
 * - `streaming`: whether the answer is to be streamed, `false` when missing: some models support less then.
 */
export interface Options {
  readonly capabilities: Capabilities
  readonly history: History.Mode
  readonly streaming?: boolean | undefined
}

/**
 * The encoded request, and how it differs from the given one. A call of the `answerTool` is the answer, not a tool
 * call.
 */
export interface Encoded {
  readonly input: ConverseStreamCommandInput
  readonly changes: ReadonlyArray<Change.Change>
  readonly answerTool: string | undefined
}

/** Encodes a request. Fails with `InvalidRequestError` or `UnsupportedFeatureError`, naming the field. */
export const encode = (
  asked: ChatRequest.Resolved,
  { capabilities, history, streaming = false }: Options
): Result.Result<Encoded, ProviderError.CallError> => {
  const { changes, report } = Change.collect()
  const settled = Values.settle(asked, report)
  if (Result.isFailure(settled)) return Result.fail(settled.failure)
  const checked = Limits.checkOptions(settled.success)
  if (Result.isFailure(checked)) return Result.fail(checked.failure)
  const normalized = History.normalize(settled.success, { capabilities, mode: history })
  if (Result.isFailure(normalized)) return Result.fail(normalized.failure)
  const { conversation } = normalized.success
  const request = dropBlankStops(normalized.success.request, capabilities, report)
  const room = Room.make(capabilities.strictLimits)
  // the response format goes first: if it does not fit the limits of strict schemas, it needs a tool
  const plan = ResponseFormat.plan(request, { capabilities, streaming, room, report })
  if (Result.isFailure(plan)) return Result.fail(plan.failure)
  const toolConfig = ToolConfig.encode(request, { capabilities, room, report })
  if (Result.isFailure(toolConfig)) return Result.fail(toolConfig.failure)
  const { family: _, inferenceConfig, requestMetadata = {}, system: ownSystem, toolConfig: __, ...rest } =
    request.providerOptions?.bedrock ?? {}
  const system = encodeParts(request, conversation.system, capabilities)
  if (Result.isFailure(system)) return Result.fail(system.failure)
  const messages: Array<ConverseMessage> = []
  for (const { parts, role } of conversation.turns) {
    const content = encodeParts(request, parts, capabilities)
    if (Result.isFailure(content)) return Result.fail(content.failure)
    messages.push({ role, content: content.success })
  }
  const reasoning = Reasoning.encode(request, capabilities, report)
  if (Result.isFailure(reasoning)) return Result.fail(reasoning.failure)
  const input: ConverseStreamCommandInput = {
    modelId: request.model,
    messages,
    // the parts of a system prompt encode to these
    ...filled("system", ownSystem ?? system.success as Array<SystemContentBlock>),
    ...defined("inferenceConfig", encodeInference(request, inferenceConfig)),
    ...defined("toolConfig", toolConfig.success),
    ...(Object.keys(requestMetadata).length > 0 && { requestMetadata }),
    ...rest,
    ...reasoning.success
  }
  return Result.map(Change.settle(changes, history, request.model), () => ({
    input: disableParallelCalls(ResponseFormat.apply(input, plan.success), request, capabilities),
    changes: [...changes, ...normalized.success.changes],
    answerTool: plan.success.answerTool?.name
  }))
}

const encodeParts = (
  { model }: ChatRequest.Resolved,
  parts: ReadonlyArray<History.Placed>,
  { limits }: Capabilities
): Result.Result<Array<ContentBlock>, ProviderError.CallError> => {
  const blocks: Array<ContentBlock> = []
  for (const { field, part } of parts) {
    const place = { model, field }
    const encoded = Block.encode(part, place)
    if (Result.isFailure(encoded)) return Result.fail(encoded.failure)
    const checked = Limits.checkPart(part, place, limits)
    if (Result.isFailure(checked)) return Result.fail(checked.failure)
    blocks.push(...encoded.success)
  }
  return Result.succeed(blocks)
}

/** Drops blank stop sequences, ours and those in `providerOptions.bedrock`, for a model that does not accept them. */
const dropBlankStops = (
  request: ChatRequest.Resolved,
  { blankStopSequences }: Capabilities,
  report: Change.Report
): ChatRequest.Resolved => {
  const own = request.providerOptions?.bedrock
  const { stopSequences = [] } = request
  const { stopSequences: ownStops = [], ...inference } = own?.inferenceConfig ?? {}
  if (blankStopSequences !== false || [...stopSequences, ...ownStops].every(isSaid)) return request
  const fit = (stops: ReadonlyArray<string>, field: string): { readonly stopSequences?: Array<string> } => {
    stops.forEach((stop, index) => {
      if (!isSaid(stop)) report("omitted-stop-sequence", `${field}[${index}]`)
    })
    return filled("stopSequences", stops.filter(isSaid))
  }
  return {
    ...request,
    stopSequences: undefined,
    ...fit(stopSequences, "stopSequences"),
    providerOptions: {
      ...request.providerOptions,
      bedrock: {
        ...own,
        inferenceConfig: { ...inference, ...fit(ownStops, "providerOptions.bedrock.inferenceConfig.stopSequences") }
      }
    }
  }
}

const isSaid = (stop: string): boolean => stop.trim() !== ""

/**
 * Converse has no field for it, and Claude's own field is one of the model's: beside the tool choice of Converse, or
 * with the choice `auto` where there is none, because the model requires one.
 */
const disableParallelCalls = (
  input: ConverseStreamCommandInput,
  { parallelToolCalls, providerOptions, tools = [] }: ChatRequest.Resolved,
  { disableParallelToolUse }: Capabilities
): ConverseStreamCommandInput => {
  if (parallelToolCalls !== false || disableParallelToolUse !== true || input.toolConfig === undefined) return input
  // an answer tool of ours is called only once anyway
  if (tools.length === 0 && providerOptions?.bedrock?.toolConfig === undefined) return input
  const { any, tool } = input.toolConfig.toolChoice ?? {}
  const isForced = any !== undefined || tool !== undefined
  return {
    ...input,
    ...defined(
      "additionalModelRequestFields",
      Reasoning.merge(
        { tool_choice: { ...(isForced ? undefined : { type: "auto" }), disable_parallel_tool_use: true } },
        input.additionalModelRequestFields
      )
    )
  }
}

const encodeInference = (
  { maxTokens, stopSequences, temperature, topP }: ChatRequest.Resolved,
  own: InferenceConfiguration | undefined
): InferenceConfiguration | undefined => {
  const config: InferenceConfiguration = {
    ...defined("maxTokens", maxTokens),
    ...defined("temperature", temperature),
    ...defined("topP", topP),
    ...defined("stopSequences", stopSequences === undefined ? undefined : [...stopSequences]),
    ...own
  }
  return Object.keys(config).length > 0 ? config : undefined
}

const filled = <Key extends string, Item>(key: Key, items: Array<Item>): { readonly [K in Key]?: Array<Item> } =>
  defined(key, items.length > 0 ? items : undefined)

const defined = <Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } =>
  value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value } // a computed key loses its type
