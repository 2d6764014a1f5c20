/**
 * The bodies of Anthropic Claude: the Messages API, version `bedrock-2023-05-31`.
 *
 * Bedrock checks the body by a JSON schema; the messages and tools in it are checked by Anthropic (`ClaudeBlock`,
 * `ClaudeRule`). Answers are encoded by `ClaudeAnswer`.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../../../AwsError.ts"
import type * as Block from "../../../converse/Block.ts"
import { isObject } from "../../../converse/rule/Finding.ts"
import * as Validation from "../../../converse/Validation.ts"
import type * as Wire from "../../../converse/Wire.ts"
import type * as Model from "../../../model/Model.ts"
import * as Body from "../../Body.ts"
import * as Family from "../Family.ts"
import * as ClaudeAnswer from "./ClaudeAnswer.ts"
import * as ClaudeBlock from "./ClaudeBlock.ts"
import * as ClaudeRule from "./ClaudeRule.ts"

const optional = Schema.optionalKey

const OutputFormat = Schema.Struct({ type: Body.oneOf(["json_schema"]), schema: Family.JsonObject })

/**
 * Amazon Bedrock User Guide, "Anthropic Claude Messages API"; `output_config` and `output_format` from Anthropic's own.
 */
const MessagesBody = Schema.Struct({
  messages: Schema.Array(Schema.Unknown),
  max_tokens: Family.Tokens,
  anthropic_version: Body.oneOf(["bedrock-2023-05-31"]),
  anthropic_beta: optional(Schema.Array(Schema.String)),
  system: optional(Schema.Unknown),
  stop_sequences: optional(Schema.Array(Schema.String)),
  temperature: optional(Family.Share),
  top_p: optional(Family.Share),
  top_k: optional(Schema.Int.check(Family.between(0, 500))),
  tools: optional(Schema.Array(Schema.Unknown)),
  tool_choice: optional(Schema.Struct({
    type: Body.oneOf(["auto", "any", "tool", "none"]),
    name: optional(Schema.String),
    disable_parallel_tool_use: optional(Schema.Boolean)
  })),
  thinking: optional(Schema.Struct({
    type: Body.oneOf(["enabled", "adaptive", "disabled"]),
    budget_tokens: optional(Schema.Int),
    display: optional(Schema.String)
  })),
  output_config: optional(Schema.Struct({
    effort: optional(Schema.String),
    format: optional(OutputFormat)
  })),
  output_format: optional(OutputFormat),
  metadata: optional(Family.JsonObject)
})
interface MessagesBody extends Schema.Schema.Type<typeof MessagesBody> {}

const decode = Body.reader(MessagesBody)

/** Claude 3 and later. */
export const family: Family.Family = (body, model) =>
  Result.flatMap(read(body, model), (asked) =>
    Result.map(toRequest(asked), (request) => ({
      request,
      forbidsTools: asked.tool_choice?.type === "none",
      check: (streaming) => Validation.first(ClaudeRule.rules, { request, model, streaming }),
      whole: (response, envelope) => ClaudeAnswer.whole(response, envelope, asked.stop_sequences),
      pieces: (envelope) => ClaudeAnswer.pieces(envelope, asked.stop_sequences)
    })))

const read = (body: unknown, model: Model.ChatModel): Result.Result<MessagesBody, AwsError.AwsError> => {
  // unknown keys are refused by the schema of Claude 3, and by Anthropic for later models
  const unknown = isObject(body) && !model.id.includes("claude-3")
    ? Object.keys(body).find((key) => !(key in MessagesBody.fields))
    : undefined
  return unknown === undefined
    ? Result.mapError(decode(body), withoutMessages)
    : Result.fail(AwsError.validation(`${unknown}: Extra inputs are not permitted`))
}

/** The schema also accepts an older body with a prompt; this is its message when both are missing. */
const withoutMessages = ({ message }: AwsError.AwsError) =>
  AwsError.validation(
    message.replace(
      "#: required key [messages] not found",
      `#: subject must not be valid against schema {"required":["messages"]}`
    )
  )

const toRequest = (asked: MessagesBody): Result.Result<Wire.Request, AwsError.AwsError> =>
  Result.gen(function*() {
    const { max_tokens: maxTokens, stop_sequences: stopSequences, temperature, top_p: topP } = asked
    const { anthropic_beta, output_config: outputConfig, thinking, top_k } = asked
    const messages = yield* Result.all(asked.messages.map(toMessage))
    const system = yield* toSystem(asked.system)
    const tools = yield* Result.all((asked.tools ?? []).map(toTools))
    const format = outputConfig?.format ?? asked.output_format
    const request: Wire.Request = {
      messages,
      ...(system.length === 0 ? undefined : { system }),
      ...(tools.length === 0 ? undefined : { toolConfig: { tools: tools.flat(), ...toToolChoice(asked) } }),
      inferenceConfig: { maxTokens, ...Family.present({ stopSequences, temperature, topP }) },
      additionalModelRequestFields: Family.present({
        anthropic_beta,
        thinking,
        top_k,
        output_config: format === undefined ? outputConfig : { ...outputConfig, format }
      })
    }
    return request
  })

const readMessage = ClaudeBlock.reader(Schema.Struct({
  role: ClaudeBlock.oneOf(["user", "assistant"]),
  content: Schema.Unknown
}))

const toMessage = (message: unknown, index: number): Result.Result<Wire.Message, AwsError.AwsError> =>
  Result.flatMap(
    readMessage(message, `messages.${index}`),
    ({ content, role }) =>
      Result.map(ClaudeBlock.read(content, `messages.${index}.content`), (content) => ({ role, content }))
  )

const readSystem = ClaudeBlock.reader(Schema.Array(ClaudeBlock.Text))

const toSystem = (system: unknown): Result.Result<ReadonlyArray<Block.System>, AwsError.AwsError> => {
  if (system === undefined || system === "") return Result.succeed([])
  return typeof system === "string"
    ? Result.succeed([{ text: system }])
    : Result.map(
      readSystem(system, "system"),
      (blocks) => blocks.flatMap((block) => [{ text: block.text }, ...ClaudeBlock.cachePointOf(block)])
    )
}

const readTool = ClaudeBlock.reader(Schema.Struct({
  type: optional(Schema.NullOr(ClaudeBlock.oneOf(["custom"]))),
  name: Schema.String,
  description: optional(Schema.String),
  input_schema: Family.JsonObject,
  strict: optional(Schema.Boolean),
  ...ClaudeBlock.cache
}))

const readOwnTool = ClaudeBlock.reader(Schema.StructWithRest(
  Schema.Struct({ type: Schema.String, name: Schema.String, ...ClaudeBlock.cache }),
  [Schema.Record(Schema.String, Schema.Unknown)]
))

/** A tool of the program, or one of Anthropic's own, which has a type. */
const toTools = (tool: unknown, index: number): Result.Result<ReadonlyArray<Block.Tool>, AwsError.AwsError> => {
  const type = isObject(tool) ? tool["type"] : undefined
  if (typeof type === "string" && type !== "custom") {
    return Result.map(readOwnTool(tool, `tools.${index}.${type}`), (own) => [
      { systemTool: { name: own.name } },
      ...ClaudeBlock.cachePointOf(own)
    ])
  }
  return Result.map(readTool(tool, `tools.${index}.custom`), (custom) => {
    const { description, input_schema: json, name, strict } = custom
    return [
      { toolSpec: { name, inputSchema: { json }, ...Family.present({ description, strict }) } },
      ...ClaudeBlock.cachePointOf(custom)
    ]
  })
}

const toToolChoice = (
  { tool_choice: choice }: MessagesBody
): Pick<NonNullable<Wire.Request["toolConfig"]>, "toolChoice"> => {
  switch (choice?.type) {
    case "auto":
      return { toolChoice: { auto: {} } }
    case "any":
      return { toolChoice: { any: {} } }
    case "tool":
      return { toolChoice: { tool: { name: choice.name ?? "" } } }
    default:
      return {}
  }
}
