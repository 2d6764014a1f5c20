/**
 * The bodies of Cohere Command: R and R+ take a `message` and the `chat_history` before it, the others a `prompt`.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Message from "@strata/core/chat/Message"
import type * as Usage from "@strata/core/Usage"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Wire from "../../converse/Wire.ts"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"

const optional = Schema.optionalKey

const Call = Schema.Struct({ name: Schema.String, parameters: Family.JsonObject })

/** Amazon Bedrock User Guide, "Cohere Command R and Command R+ models". */
const ChatBody = Schema.Struct({
  message: Schema.String,
  chat_history: optional(Schema.Array(Schema.Struct({
    role: Body.oneOf(["USER", "CHATBOT"]),
    message: Schema.String
  }))),
  documents: optional(Schema.Array(Schema.Record(Schema.String, Schema.String))),
  search_queries_only: optional(Schema.Boolean),
  preamble: optional(Schema.String),
  max_tokens: optional(Family.Tokens),
  temperature: optional(Family.Share),
  p: optional(Schema.Finite.check(Family.between(0.01, 0.99))),
  k: optional(Schema.Finite.check(Family.between(0, 500))),
  prompt_truncation: optional(Body.oneOf(["OFF", "AUTO_PRESERVE_ORDER"])),
  frequency_penalty: optional(Family.Share),
  presence_penalty: optional(Family.Share),
  seed: optional(Schema.Int),
  return_prompt: optional(Schema.Boolean),
  tools: optional(Schema.Array(Schema.Struct({
    name: Schema.String,
    description: optional(Schema.String),
    parameter_definitions: optional(Schema.Record(
      Schema.String,
      Schema.Struct({
        description: optional(Schema.String),
        type: Schema.String,
        required: optional(Schema.Boolean)
      })
    ))
  }))),
  tool_results: optional(Schema.Array(Schema.Struct({ call: Call, outputs: Schema.Array(Family.JsonObject) }))),
  stop_sequences: optional(Schema.Array(Schema.String)),
  raw_prompting: optional(Schema.Boolean)
})
interface ChatBody extends Schema.Schema.Type<typeof ChatBody> {}

const read = Body.reader(ChatBody)

/** Command R and R+. */
export const commandR: Family.Family = (body, model) =>
  Result.map(read(body), (asked) => ({
    request: toRequest(asked),
    check: () => Family.tooManyTokens("max_tokens", asked.max_tokens, model),
    whole: (response, { id }) => answerOf(asked, response, response, id),
    pieces: ({ id }) => {
      const textOf = Family.makeTextOf()
      let text = ""
      const toolCalls: Array<Message.ToolCallPart> = []
      return (event) => {
        if (event.type === "finish") {
          // only a stream has counters in its body
          const response = { ...answerOf(asked, { text, toolCalls }, event, id), meta: metaOf(event.usage) }
          return [
            ...(toolCalls.length === 0
              ? []
              : [{ is_finished: false, event_type: "tool-calls-generation", tool_calls: toolCalls.map(fromCall) }]),
            { is_finished: true, event_type: "stream-end", response, finish_reason: response.finish_reason }
          ]
        }
        if (event.type === "tool-call") toolCalls.push(event)
        const more = textOf(event)
        text += more
        return more === "" ? [] : [{ is_finished: false, event_type: "text-generation", text: more }]
      }
    }
  }))

const toRequest = (asked: ChatBody): Wire.Request => {
  const { chat_history = [], documents = [], message, preamble, tools = [] } = asked
  const { max_tokens: maxTokens, p: topP, stop_sequences: stopSequences, temperature } = asked
  return {
    ...(preamble === undefined || preamble === "" ? undefined : { system: [{ text: preamble }] }),
    messages: [
      ...chat_history.map((turn): Wire.Message => ({
        role: turn.role === "USER" ? "user" : "assistant",
        content: [{ text: turn.message }]
      })),
      {
        role: "user",
        content: [
          ...documents.map(({ snippet, text = snippet, title }, index) => ({
            document: { name: title ?? `doc_${index}`, source: { text: text ?? "" } }
          })),
          ...(message === "" ? [] : [{ text: message }])
        ]
      },
      ...resultsOf(asked)
    ],
    ...(tools.length === 0 ? undefined : { toolConfig: { tools: tools.map(toTool) } }),
    inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP })
  }
}

/** Calls have no ids in this format: they are numbered by position. */
const resultsOf = ({ tool_results = [] }: ChatBody): ReadonlyArray<Wire.Message> =>
  tool_results.length === 0 ? [] : [
    {
      role: "assistant",
      content: tool_results.map(({ call: { name, parameters } }, index) => ({
        toolUse: { toolUseId: `call_${index}`, name, input: parameters }
      }))
    },
    {
      role: "user",
      content: tool_results.map(({ outputs }, index) => ({
        toolResult: { toolUseId: `call_${index}`, content: outputs.map((json) => ({ json })) }
      }))
    }
  ]

const toTool = ({ description, name, parameter_definitions = {} }: NonNullable<ChatBody["tools"]>[number]) => {
  const definitions = Object.entries(parameter_definitions)
  const properties = definitions.map(([key, { description, type }]) => [
    key,
    { ...Family.present({ description }), type: jsonTypes[type] ?? type }
  ])
  return {
    toolSpec: {
      name,
      ...Family.present({ description }),
      inputSchema: {
        json: {
          type: "object",
          properties: Object.fromEntries(properties),
          required: definitions.flatMap(([key, { required }]) => required === true ? [key] : [])
        }
      }
    }
  }
}

/** Parameter types are named as in Python. */
const jsonTypes: Readonly<Record<string, string>> = {
  str: "string",
  int: "integer",
  float: "number",
  bool: "boolean",
  list: "array",
  dict: "object"
}

const answerOf = (
  { chat_history = [], message }: ChatBody,
  { text, toolCalls }: Pick<ChatResponse.ChatResponse, "text" | "toolCalls">,
  outcome: ChatResponse.Outcome,
  id: string
) => ({
  response_id: id,
  text,
  generation_id: id,
  chat_history: [...chat_history, { role: "USER", message }, { role: "CHATBOT", message: text }],
  finish_reason: finishReason(Family.stopReasonOf(outcome)),
  ...(toolCalls.length === 0 ? undefined : { tool_calls: toolCalls.map(fromCall) })
})

const metaOf = ({ inputTokens, outputTokens }: Usage.Usage) => {
  const tokens = { input_tokens: inputTokens, output_tokens: outputTokens }
  return { api_version: { version: "1" }, billed_units: tokens, tokens }
}

const fromCall = ({ name, params }: Message.ToolCallPart) => ({ name, parameters: params ?? {} })

/** Amazon Bedrock User Guide, "Cohere Command models": the same in both schemas. */
const finishReason = (reason: string): string => {
  switch (reason) {
    case "max_tokens":
      return "MAX_TOKENS"
    case "content_filtered":
      return "ERROR_TOXIC"
    case "model_context_window_exceeded":
      return "ERROR_LIMIT"
    default:
      return "COMPLETE"
  }
}

const readClassic = Body.reader(Schema.Struct({
  prompt: Schema.String.check(Body.textBetween(1, Infinity)),
  temperature: optional(Schema.Finite.check(Family.between(0, 5))),
  p: optional(Family.Share),
  k: optional(Schema.Finite.check(Family.between(0, 500))),
  max_tokens: optional(Family.Tokens),
  stop_sequences: optional(Schema.Array(Schema.String)),
  return_likelihoods: optional(Body.oneOf(["GENERATION", "ALL", "NONE"])),
  stream: optional(Schema.Boolean),
  num_generations: optional(Schema.Int.check(Family.between(1, 5))),
  logit_bias: optional(Family.JsonObject),
  truncate: optional(Body.oneOf(["NONE", "START", "END"]))
}))

/** Command and Command Light. Only one generation is returned, however many are requested. */
export const command: Family.Family = (body, model) =>
  Result.map(readClassic(body), (asked) => {
    const { max_tokens: maxTokens, p: topP, prompt, stop_sequences: stopSequences } = asked
    // Converse, whose schema is used here, limits it to 1
    const temperature = asked.temperature === undefined ? undefined : Math.min(1, asked.temperature)
    return {
      request: {
        messages: [{ role: "user", content: [{ text: prompt }] }],
        inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP })
      },
      check: () => Family.tooManyTokens("max_tokens", maxTokens, model),
      whole: (response, { id }) => ({
        id,
        prompt,
        generations: [{ id, text: response.text, finish_reason: finishReason(Family.stopReasonOf(response)) }]
      }),
      pieces: () => {
        const textOf = Family.makeTextOf()
        return (event) => {
          if (event.type === "finish") {
            return [{ is_finished: true, finish_reason: finishReason(Family.stopReasonOf(event)) }]
          }
          const text = textOf(event)
          return text === "" ? [] : [{ is_finished: false, text }]
        }
      }
    }
  })
