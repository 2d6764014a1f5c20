/**
 * What Bedrock checks of a conversation after its shape: blocks that say something, roles that alternate, tools that
 * are declared and answered, features the model has.
 */
import * as AwsError from "../AwsError.ts"
import type * as Model from "../Model.ts"
import type * as Wire from "./Wire.ts"

/** The first thing wrong with a request, in the order the service finds it; `undefined` when nothing is. */
export const validate = (
  request: Wire.Request,
  model: Model.ChatModel,
  streaming: boolean
): AwsError.AwsError | undefined => findings(request, model, streaming).next().value

type Findings = Generator<AwsError.AwsError, undefined>

function* findings(request: Wire.Request, model: Model.ChatModel, streaming: boolean): Findings {
  const messages = request.messages ?? []
  yield* inSystem(request.system ?? [])
  for (const [index, message] of messages.entries()) yield* inMessage(message, `messages.${index}`)
  yield* inOrderOfRoles(messages)
  yield* inTools(request, messages)
  yield* inFeatures(request, model, streaming)
  if (model.contextTokens !== undefined && estimateTokens(request) > model.contextTokens) yield AwsError.inputTooLong
  return undefined
}

function* inSystem(system: ReadonlyArray<Wire.SystemBlock>): Findings {
  for (const [index, block] of system.entries()) {
    const at = `system.${index}`
    if (Object.keys(block).length !== 1) yield mustSetOne("SystemContentBlock", at, "text, guardContent, cachePoint")
    if (block.text !== undefined && isBlank(block.text)) yield blankText("SystemContentBlock", at)
  }
  return undefined
}

const blockKeys =
  "text, image, document, video, audio, toolUse, toolResult, guardContent, cachePoint, reasoningContent, citationsContent, searchResult"

function* inMessage(message: Wire.Message, at: string): Findings {
  if (message.content.length === 0) {
    yield AwsError.validation(
      `The content field in the Message object at ${at} is empty. Add a ContentBlock object to the content field and try again.`
    )
  }
  for (const [index, block] of message.content.entries()) yield* inBlock(block, `${at}.content.${index}`)
  const has = (key: keyof Wire.ContentBlock) => message.content.some((block) => block[key] !== undefined)
  if (has("document") && !has("text")) {
    yield AwsError.validation("A text block must be included when using documents.")
  }
  return undefined
}

function* inBlock(block: Wire.ContentBlock, at: string): Findings {
  if (Object.keys(block).length !== 1) yield mustSetOne("ContentBlock", at, blockKeys)
  const { document, image, reasoningContent, text, toolResult, toolUse } = block
  if (text !== undefined && isBlank(text)) yield blankText("ContentBlock", at)
  if (toolUse !== undefined && !isJsonObject(toolUse.input)) yield notAnObject(`${at}.toolUse.input`)
  if (image !== undefined && Object.keys(image.source).length !== 1) {
    yield mustSetOne("ImageSource", `${at}.image.source`, "bytes, s3Location")
  }
  if (document !== undefined) yield* inDocument(document, `${at}.document`)
  if (reasoningContent !== undefined && Object.keys(reasoningContent).length !== 1) {
    yield mustSetOne("ReasoningContentBlock", `${at}.reasoningContent`, "reasoningText, redactedContent")
  }
  if (toolResult === undefined) return undefined
  if (toolResult.status === "error" && toolResult.content.length === 0) {
    yield AwsError.validation(`The content field at ${at}.toolResult cannot be empty when status value is error.`)
  }
  for (const [index, item] of toolResult.content.entries()) {
    const inside = `${at}.toolResult.content.${index}`
    if (Object.keys(item).length !== 1) {
      yield mustSetOne("ToolResultContentBlock", inside, "json, text, image, document, video, searchResult")
    }
    if (item.text !== undefined && isBlank(item.text)) yield blankText("ContentBlock", inside)
    if ("json" in item && !isJsonObject(item.json)) yield notAnObject(`${inside}.json`)
    if (item.document !== undefined) yield* inDocument(item.document, `${inside}.document`)
  }
  return undefined
}

// Underscores are not in the documented set, but the service takes them.
const documentName = /^(?!.* {2})[A-Za-z0-9_ \-()[\]]+$/

function* inDocument(document: NonNullable<Wire.ContentBlock["document"]>, at: string): Findings {
  if (!documentName.test(document.name)) {
    yield AwsError.validation(
      "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request."
    )
  }
  if (Object.keys(document.source).length !== 1) {
    yield mustSetOne("DocumentSource", `${at}.source`, "bytes, s3Location, text, content")
  }
  return undefined
}

function* inOrderOfRoles(messages: ReadonlyArray<Wire.Message>): Findings {
  // a `system` message may stand anywhere
  const roles = messages.map((message) => message.role).filter((role) => role !== "system")
  if (roles[0] !== "user") {
    yield AwsError.validation(
      "A conversation must start with a user message. Try again with a conversation that starts with a user message."
    )
  }
  if (roles.some((role, index) => role === roles[index - 1])) {
    yield AwsError.validation(
      "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again."
    )
  }
  return undefined
}

function* inTools(request: Wire.Request, messages: ReadonlyArray<Wire.Message>): Findings {
  const blocks = messages.flatMap((message) => message.content)
  if (request.toolConfig === undefined && blocks.some((block) => block.toolUse ?? block.toolResult)) {
    yield AwsError.validation("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
  }
  let asked: ReadonlyArray<string> = []
  for (const [index, message] of messages.entries()) {
    const answered = message.content.flatMap((block) => block.toolResult?.toolUseId ?? [])
    if (answered.length > asked.length) {
      yield AwsError.validation(
        `The number of toolResult blocks at messages.${index}.content exceeds the number of toolUse blocks of previous turn.`
      )
    }
    const missing = asked.filter((id) => !answered.includes(id))
    if (missing.length > 0) {
      yield AwsError.validation(
        `Expected toolResult blocks at messages.${index}.content for the following Ids: ${missing.join(", ")}`
      )
    }
    asked = message.content.flatMap((block) => block.toolUse?.toolUseId ?? [])
  }
  const names = (request.toolConfig?.tools ?? []).flatMap((tool) => tool.toolSpec?.name ?? [])
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    yield AwsError.validation(`The toolConfig.tools field contains duplicate tool names: ${twice}.`)
  }
  const chosen = request.toolConfig?.toolChoice?.tool?.name
  if (chosen !== undefined && !names.includes(chosen)) {
    yield AwsError.validation(
      `The tool specified in toolConfig.toolChoice.tool.name doesn't exist in toolConfig.tools: ${chosen}.`
    )
  }
  return undefined
}

function* inFeatures(request: Wire.Request, model: Model.ChatModel, streaming: boolean): Findings {
  if (!model.system && (request.system ?? []).length > 0) {
    yield AwsError.validation(
      "This model doesn't support system messages. Try again without a system message or use a model that supports system messages."
    )
  }
  if (request.toolConfig !== undefined && model.tools === "never") {
    yield AwsError.validation("This model doesn't support tool use.")
  }
  if (request.toolConfig !== undefined && streaming && model.tools === "not-while-streaming") {
    yield AwsError.validation("This model doesn't support tool use in streaming mode.")
  }
  const last = request.messages?.at(-1)
  const text = last?.role === "assistant" ? last.content.at(-1)?.text : undefined
  if (model.id.startsWith("anthropic.") && text !== undefined && text !== text.trimEnd()) {
    yield AwsError.validation(
      "The model returned the following errors: messages: final assistant content cannot end with trailing whitespace"
    )
  }
  return undefined
}

/** About four characters a token: the emulator has no tokenizer of any model. */
export const tokensOf = (text: string): number => Math.ceil(text.length / 4)

const estimateTokens = (request: Wire.Request): number => {
  let tokens = 0
  for (const block of request.system ?? []) tokens += tokensOf(block.text ?? "")
  for (const message of request.messages ?? []) {
    for (const block of message.content) {
      tokens += tokensOf(block.text ?? block.document?.source.text ?? "")
      for (const item of block.toolResult?.content ?? []) tokens += tokensOf(item.text ?? "")
    }
  }
  return tokens
}

const isBlank = (text: string) => text.trim() === ""

const isJsonObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value)

const blankText = (object: string, at: string) =>
  AwsError.validation(
    `The text field in the ${object} object at ${at} is blank. Add text to the text field, and try again.`
  )

const notAnObject = (at: string) =>
  AwsError.validation(
    `The format of the value at ${at} is invalid. Provide a json object for the field and try again.`
  )

const mustSetOne = (object: string, at: string, keys: string) =>
  AwsError.validation(`${object} object at ${at} must set one of the following keys: ${keys}.`)
