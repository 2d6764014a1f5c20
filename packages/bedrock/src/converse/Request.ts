/**
 * Our request, in the words of Converse: system prompts apart, content in blocks, roles alternating.
 *
 * `History` sees to it that the service takes the conversation; here it is written down. What cannot be sent is refused
 * before any network.
 */
import type {
  ContentBlock,
  ConverseStreamCommandInput,
  InferenceConfiguration,
  Message as ConverseMessage,
  SystemContentBlock
} from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/ChatRequest"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Capabilities } from "../catalog/Capabilities.ts"
import * as Room from "../schema/Room.ts"
import * as Block from "./Block.ts"
import * as History from "./History.ts"
import * as Limits from "./Limits.ts"
import * as Reasoning from "./Reasoning.ts"
import * as ResponseFormat from "./ResponseFormat.ts"
import * as ToolConfig from "./ToolConfig.ts"

/**
 * - `capabilities`: what is known of the model.
 * - `history`: what to do with a conversation that Bedrock would refuse.
 * - `streaming`: whether the answer is to be streamed, `false` when missing: some models take less then.
 */
export interface Options {
  readonly capabilities: Capabilities
  readonly history: History.Mode
  readonly streaming?: boolean | undefined
}

/** What to send, and how it differs from what was asked. A call of the `answerTool` is the answer, not a call. */
export interface Encoded {
  readonly input: ConverseStreamCommandInput
  readonly changes: ReadonlyArray<History.Change>
  readonly answerTool: string | undefined
}

/** Encodes a request. Fails with `InvalidRequestError` or `UnsupportedFeatureError`, naming the field. */
export const encode = (
  asked: ChatRequest.Resolved,
  { capabilities, history, streaming = false }: Options
): Result.Result<Encoded, ProviderError.ProviderError> =>
  Result.gen(function*() {
    const { changes, conversation, request } = yield* History.normalize(asked, { capabilities, mode: history })
    yield* Limits.checkOptions(request)
    const room = Room.make(capabilities.strictLimits)
    // the answer is given room before the tools: without, it needs a tool of its own
    const plan = yield* ResponseFormat.plan(asked, { capabilities, streaming, room })
    const tools = yield* ToolConfig.encode(request, { capabilities, room })
    const { family: _, inferenceConfig, ...rest } = request.providerOptions?.bedrock ?? {}
    const system = yield* encodeParts(request, conversation.system.map(withoutCitations), capabilities)
    const messages: Array<ConverseMessage> = []
    for (const { parts, role } of conversation.turns) {
      messages.push({ role, content: yield* encodeParts(request, parts, capabilities) })
    }
    const input: ConverseStreamCommandInput = {
      modelId: request.model,
      messages,
      // the parts of a system prompt encode to these
      ...(system.length > 0 ? { system: system as Array<SystemContentBlock> } : undefined),
      ...defined("inferenceConfig", encodeInference(request, inferenceConfig)),
      ...rest,
      ...defined("toolConfig", tools.toolConfig),
      ...yield* Reasoning.encode(request, capabilities)
    }
    const formatted = ResponseFormat.apply(input, plan)
    return {
      input: capabilities.caching?.supported === false ? withoutCachePoints(formatted) : formatted,
      changes: [...changes, ...tools.changes, ...plan.changes ?? []],
      answerTool: plan.answerTool?.name
    }
  })

const encodeParts = (
  { model }: ChatRequest.Resolved,
  parts: ReadonlyArray<History.Placed>,
  { limits }: Capabilities
): Result.Result<Array<ContentBlock>, ProviderError.ProviderError> =>
  Result.map(
    Result.all(parts.map(({ field, part }) => {
      const place = { model, field }
      return Result.flatMap(
        Block.encode(part, place),
        (blocks) => Result.map(Limits.checkPart(part, place, limits), () => blocks)
      )
    })),
    (blocks) => blocks.flat()
  )

/** Where nothing is cached a cache point is no mistake: the same prompt may be meant for several models. */
const withoutCachePoints = (input: ConverseStreamCommandInput): ConverseStreamCommandInput => ({
  ...input,
  ...defined(
    "messages",
    input.messages?.map((message) => ({ ...message, content: message.content?.filter(isContent) }))
  ),
  ...defined("system", input.system?.filter(isContent)),
  ...defined(
    "toolConfig",
    input.toolConfig && { ...input.toolConfig, tools: input.toolConfig.tools?.filter(isContent) }
  )
})

const isContent = (block: { readonly cachePoint?: unknown }): boolean => block.cachePoint === undefined

/** A system prompt holds text only, not the block that text with citations is. */
const withoutCitations = ({ field, part }: History.Placed): History.Placed => {
  if (part.type !== "text") return { field, part }
  const { citations: _, ...text } = part
  return { field, part: text }
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

const defined = <Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } =>
  value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value } // a computed key loses its type
