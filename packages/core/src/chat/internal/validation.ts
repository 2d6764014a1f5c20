/** Validates chat requests, for all providers. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Check from "../../Check.ts"
import * as CheckWords from "../../internal/check/words.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as ChatRequest from "../ChatRequest.ts"
import type * as Message from "../Message.ts"
import type * as ToolDefinition from "../ToolDefinition.ts"
import * as MessageShape from "./messageShape.ts"

/** Validates a request and fills in its model and messages. */
export const resolve = (
  { defaultModel, provider }: { readonly provider: string; readonly defaultModel?: string | undefined },
  given: unknown
): Effect.Effect<ChatRequest.Resolved, ProviderError.InvalidRequestError> =>
  Effect.flatMap(settle(provider, given, defaultModel), (asked) => {
    const { model = defaultModel } = asked
    const invalid = (problem: Check.Problem) =>
      Effect.fail(ProviderError.invalidRequest({ provider, model, ...problem }))
    if (model === undefined || model.trim() === "") {
      const remedy = "Set `model` in the request, or once in the options of the layer"
      return invalid(found("model", "no model is named", remedy))
    }
    const messages = ChatRequest.messagesOf(asked)
    const problem = messagesProblem(messages) ?? toolsProblem(asked)
    return problem === undefined ? Effect.succeed({ ...asked, model, messages }) : invalid(problem)
  })

/** Validates the shape of a request only, for decorators that read it. */
export const settle = (
  provider: string,
  given: unknown,
  defaultModel?: string
): Effect.Effect<ChatRequest.ChatRequest, ProviderError.InvalidRequestError> =>
  Result.match(Check.settle(input, given, { whole: "request" }), {
    onFailure: (problem) => {
      const model = ChatRequest.modelOf(given) ?? defaultModel
      return Effect.fail(ProviderError.invalidRequest({ provider, model, ...problem }))
    },
    onSuccess: Effect.succeed
  })

const messageList = Check.list(MessageShape.message, { remedy: "Give text, or an array of messages" })

const messages: Check.Check<string | ReadonlyArray<Message.Message>> = (given, at) =>
  typeof given === "string" ? given : messageList(given, at)

const optionalText = Check.optional(Check.text)

const schema = Check.jsonObject("Give a JSON Schema of the type `object`")

const ownTool = Check.struct<ToolDefinition.ToolDefinition>({
  name: Check.text,
  description: optionalText,
  inputSchema: schema,
  strict: Check.optional(Check.flag),
  cache: Check.optional(MessageShape.cache)
}, {
  others: "ignored",
  remedy: "Give a tool, such as { name, description, inputSchema }",
  instead: {
    function: "This is OpenAI's format: read it with `OpenAi.Tools` of @strata/openai",
    parameters: "Write `inputSchema`",
    input_schema: "Write `inputSchema`",
    cache_control: "Write `cache`",
    handler: "Give it to `ToolLoop`, made with `Tool.make`",
    prepare: "This is a tool with its handler: give it to `ToolLoop`, or use `Tool.definition`"
  }
})

const providerTool = Check.struct<ToolDefinition.ProviderTool>({
  type: Check.word(["provider"], {
    function: "This is OpenAI's format: read it with `OpenAi.Tools` of @strata/openai"
  }),
  provider: Check.text,
  name: Check.text,
  cache: Check.optional(MessageShape.cache)
}, { others: "ignored" })

const tool: Check.Check<ToolDefinition.RequestTool> = (given, at) =>
  typeof given === "object" && given !== null && "type" in given && given.type !== undefined
    ? providerTool(given, at)
    : ownTool(given, at)

const choices = ["auto", "any", "none"] as const

const choice = Check.word(choices, { required: "Use `any`" })

const namedChoice = Check.struct<Exclude<ToolDefinition.ToolChoice, string>>({ name: Check.text }, {
  remedy: `Use ${CheckWords.list(choices)}, or { name }`,
  instead: { function: "Write { name }; OpenAI's `tool_choice` is read with `OpenAi.ToolChoice` of @strata/openai" }
})

const toolChoice: Check.Check<ToolDefinition.ToolChoice> = (given, at) =>
  typeof given === "string" ? choice(given, at) : namedChoice(given, at)

const responseFormat = Check.tagged<"type", ChatRequest.ResponseFormat>("type", {
  text: {},
  json: { schema, name: optionalText, description: optionalText }
}, {
  remedy: "Give { type: \"text\" } or { type: \"json\", schema }",
  instead: { json_schema: "This is OpenAI's format: read it with `OpenAi.Request` of @strata/openai" },
  unknown: (word) => [
    `there is no format ${CheckWords.quote(word)}`,
    word.startsWith("json_")
      ? "This is OpenAI's format: read it with `OpenAi.Request` of @strata/openai"
      : CheckWords.advice(word, ["text", "json"])
  ]
})

const tokens = Check.number({ min: 1, whole: true, what: "a number of tokens", remedy: "Use a whole number from 1" })

const reasoning = Check.struct<Exclude<ChatRequest.Reasoning, false>>({
  effort: Check.optional(Check.word(["low", "medium", "high", "xhigh", "max"])),
  budgetTokens: Check.optional(tokens),
  display: Check.optional(Check.word(["summarized", "omitted"])),
  interleaved: Check.optional(Check.flag)
}, { remedy: "Use false, or an object such as { effort: \"low\" }" })

const request = Check.struct<ChatRequest.ChatRequest>({
  model: optionalText,
  messages,
  maxTokens: Check.optional(tokens),
  temperature: Check.optional(
    Check.number({ min: 0, max: 2, remedy: "Use a number from 0 to 1, or to 2 where the model takes it" })
  ),
  topP: Check.optional(Check.number({ min: 0, max: 1, remedy: "Use a number from 0 to 1" })),
  stopSequences: Check.optional(
    Check.list((given, at) =>
      given === "" ? Check.refuse(at, "the text is empty", "Leave it out") : Check.text(given, at)
    )
  ),
  tools: Check.optional(Check.list(tool)),
  toolChoice: Check.optional(toolChoice),
  parallelToolCalls: Check.optional(Check.flag),
  responseFormat: Check.optional(responseFormat),
  reasoning: Check.optional((given, at) => given === false ? given : reasoning(given, at)),
  providerOptions: Check.optional(Check.providerOptions)
}, {
  remedy: "Give text, messages, or a request such as { messages }",
  instead: {
    system: "Put it first among `messages`, with the role `system`",
    prompt: "Write `messages`",
    stop: "Write `stopSequences`",
    max_completion_tokens: "Write `maxTokens`",
    tool_choice: "Write `toolChoice`",
    response_format: "Write `responseFormat`; OpenAI's is read with `OpenAi.Request` of @strata/openai",
    reasoning_effort: "Write `reasoning`: { effort }",
    thinking: "Write `reasoning`"
  }
})

const input: Check.Check<ChatRequest.ChatRequest> = (given, at) =>
  request(typeof given === "string" || Array.isArray(given) ? { messages: given } : given, at)

const found = (field: string, problem: string, remedy: string): Check.Problem => ({ field, problem, remedy })

const messagesProblem = (messages: ReadonlyArray<Message.Message>): Check.Problem | undefined => {
  if (!messages.some((message) => message.role !== "system")) {
    return found("messages", "there is no message to answer", "Add a message with the role `user`")
  }
  // An answer may be empty; providers handle it.
  const empty = messages.findIndex(({ content, role }) =>
    role !== "assistant" && (typeof content === "string" ? content.trim() : content).length === 0
  )
  return empty === -1 ? undefined : found(
    `messages[${empty}].content`,
    `the ${messages[empty]?.role} message is empty`,
    "Give it text or a part, or leave the message out"
  )
}

const toolsProblem = ({ toolChoice, tools = [] }: ChatRequest.ChatRequest): Check.Problem | undefined => {
  const names = new Set<string>()
  for (const [index, { name }] of tools.entries()) {
    if (names.has(name)) {
      return found(
        `tools[${index}].name`,
        `there is already a tool with the name "${name}"`,
        "Give each tool a unique name"
      )
    }
    names.add(name)
  }
  if (toolChoice === "any" && names.size === 0) {
    return found("toolChoice", "there is no tool to choose", "Add `tools`, or use `auto`")
  }
  return typeof toolChoice !== "object" || names.has(toolChoice.name)
    ? undefined
    : found("toolChoice", `there is no tool with the name "${toolChoice.name}"`, "Choose one of the request's `tools`")
}
