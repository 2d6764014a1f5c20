/**
 * What a request asks of a model that the model cannot do.
 */
import * as AwsError from "../../AwsError.ts"
import type * as Model from "../../Model.ts"
import * as OutputFormat from "../OutputFormat.ts"
import * as Tokens from "../Tokens.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"
import { refused, refusedByModel, unsupported } from "./Finding.ts"

/** Checks the prompt against the features of the model. */
export function* check(prompt: Wire.Prompt, model: Model.ChatModel, streaming: boolean): Findings {
  const { messages = [], system = [] } = prompt
  if (!model.system && system.length > 0) {
    yield refused(
      "This model doesn't support system messages. Try again without a system message or use a model that supports system messages."
    )
  }
  if (!model.systemMessages && messages.some(({ role }) => role === "system")) {
    yield refused("This model doesn't support the system role. Remove the messages with the system role and try again.")
  }
  yield* inTools(prompt, model, streaming)
  for (const message of messages) yield* inMessage(message, model)
  yield* inPrefill(messages, model)
  yield* inCachePoints(prompt, model)
  if (model.contextTokens !== undefined && Tokens.ofPrompt(prompt) > model.contextTokens) yield AwsError.inputTooLong
  return undefined
}

/** Checks how the answer should be, against the same features. */
export function* checkOutput(request: Wire.Request, model: Model.ChatModel): Findings {
  const { inferenceConfig = {}, outputConfig } = request
  const { maxTokens = 0, temperature, topP } = inferenceConfig
  const { maxOutputTokens = Infinity } = model
  if (maxTokens > maxOutputTokens) {
    yield refused(
      `The maximum tokens you requested exceeds the model limit of ${maxOutputTokens}. Try again with a maximum tokens value that is lower than ${maxOutputTokens}.`
    )
  }
  if (!model.temperatureWithTopP && temperature !== undefined && topP !== undefined) {
    yield refusedByModel(
      "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    )
  }
  if (!model.structuredOutput && outputConfig?.textFormat !== undefined) yield unsupported("outputConfig")
  if (!model.structuredOutput && model.rules === "claude" && OutputFormat.schemaOf(request) !== undefined) {
    yield refusedByModel("output_config.format: Extra inputs are not permitted")
  }
  return undefined
}

function* inTools({ toolConfig }: Wire.Prompt, model: Model.ChatModel, streaming: boolean): Findings {
  if (toolConfig === undefined) return undefined
  if (model.tools === "never") yield refused("This model doesn't support tool use.")
  if (streaming && model.tools === "not-while-streaming") {
    yield refused("This model doesn't support tool use in streaming mode.")
  }
  for (const choice of ["any", "tool"] as const) {
    if (toolConfig.toolChoice?.[choice] !== undefined && !model.toolChoices.includes(choice)) {
      yield unsupported(`toolConfig.toolChoice.${choice}`)
    }
  }
  if (!model.strictTools && toolConfig.tools.some(({ toolSpec }) => toolSpec?.strict !== undefined)) {
    yield unsupported("strict")
  }
  return undefined
}

function* inMessage({ content, role }: Wire.Message, model: Model.ChatModel): Findings {
  const where = ` for ${role} messages`
  for (const block of content) {
    const items = [block, ...(block.toolResult?.content ?? [])]
    for (const kind of ["image", "document", "video", "searchResult"] as const) {
      if (!model.inputs.includes(kind) && items.some((item) => item[kind] !== undefined)) {
        yield unsupported(kind, where)
      }
    }
    if (!model.inputs.includes("audio") && block.audio !== undefined) yield unsupported("audio", where)
    if (!model.inputs.includes("image") && block.guardContent?.image !== undefined) yield unsupported("image", where)
    const reasoning = block.reasoningContent
    if (reasoning !== undefined && model.reasoning === "never") yield unsupported("reasoningContent", where)
    if (reasoning?.reasoningText?.signature !== undefined && model.reasoning === "unsigned") {
      yield unsupported("reasoningContent.reasoningText.signature")
    }
  }
  return undefined
}

function* inPrefill(messages: ReadonlyArray<Wire.Message>, model: Model.ChatModel): Findings {
  const last = messages.at(-1)
  const text = last?.role === "assistant" ? last.content.at(-1)?.text : undefined
  if (model.rules === "claude" && text !== undefined && text !== text.trimEnd()) {
    yield refusedByModel("messages: final assistant content cannot end with trailing whitespace")
  }
  return undefined
}

const maxCachePoints = 4

function* inCachePoints({ messages = [], system = [], toolConfig }: Wire.Prompt, model: Model.ChatModel): Findings {
  const blocks = [...(toolConfig?.tools ?? []), ...system, ...messages.flatMap(({ content }) => content)]
  const points = blocks.flatMap(({ cachePoint }) => cachePoint ?? [])
  if (points.length === 0) return undefined
  if (model.caching === false) {
    yield AwsError.make(
      "AccessDeniedException",
      "You invoked an unsupported model or your request did not allow prompt caching."
    )
  }
  if (model.rules !== "claude") return undefined
  for (const { content } of messages) {
    if (content.some((block, index) => block.cachePoint && content[index - 1]?.reasoningContent)) {
      yield refused(
        "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again."
      )
    }
  }
  if (points.length > maxCachePoints) {
    yield refusedByModel(
      `A maximum of ${maxCachePoints} blocks with cache_control may be provided. Found ${points.length}.`
    )
  }
  const firstShort = points.findIndex(({ ttl }) => ttl !== "1h")
  if (firstShort >= 0 && points.slice(firstShort).some(({ ttl }) => ttl === "1h")) {
    yield refusedByModel(
      "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`."
    )
  }
  return undefined
}
