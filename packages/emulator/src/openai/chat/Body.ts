/**
 * The body of Chat Completions.
 */
import * as Result from "effect/Result"
import * as Reading from "../request/Reading.ts"
import * as Tools from "../request/Tools.ts"

const { decimal, flag, integer, json, list, object, oneOf, optional, tagged, text, textOr } = Reading

const TextPart = object({ type: oneOf(["text"]), text: text() })

const UserPart = tagged("type", {
  text: TextPart,
  image_url: object({
    type: oneOf(["image_url"]),
    image_url: object({ url: text(), detail: optional(oneOf(["auto", "low", "high"])) })
  }),
  input_audio: object({
    type: oneOf(["input_audio"]),
    input_audio: object({ data: text(), format: oneOf(["wav", "mp3"]) })
  }),
  file: object({
    type: oneOf(["file"]),
    file: object({ file_data: optional(text()), file_id: optional(text()), filename: optional(text()) })
  })
})

const AssistantPart = tagged("type", {
  text: TextPart,
  refusal: object({ type: oneOf(["refusal"]), refusal: text() })
})

/** The arguments of a call are the model's own JSON, which may be broken. */
const ToolCall = object({
  id: text({ min: 1, max: 40 }),
  type: oneOf(["function"]),
  function: object({ name: Tools.Name, arguments: text() })
})

const name = optional(text({ min: 1, max: 64 }))

const instructions = <const Role extends "system" | "developer">(role: Role) =>
  object({ role: oneOf([role]), content: textOr(TextPart, 1), name })

const assistant = {
  role: oneOf(["assistant"]),
  content: optional(textOr(AssistantPart, 1)),
  refusal: optional(text()),
  name,
  audio: optional(json),
  annotations: optional(list(json)),
  function_call: optional(json),
  tool_calls: optional(list(ToolCall, 1, 128))
}

/** `reasoning` and `reasoning_content` are of other servers than OpenAI's. */
const messages = (thinks: boolean) =>
  tagged("role", {
    system: instructions("system"),
    assistant: object({
      ...assistant,
      reasoning: thinks ? optional(text()) : absent,
      reasoning_content: thinks ? optional(text()) : absent
    }),
    user: object({ role: oneOf(["user"]), content: textOr(UserPart, 1), name }),
    tool: object({ role: oneOf(["tool"]), content: textOr(TextPart, 1), tool_call_id: text({ min: 1 }) }),
    developer: instructions("developer")
  })

const absent: Reading.Reader<string | undefined> = (value, at) =>
  value === undefined
    ? optional(text())(value, at)
    : Reading.fail(`Unknown parameter: '${at}'.`, at, "unknown_parameter")

const Choice: Reading.Reader<Tools.Choice> = (value, at) =>
  typeof value === "object" && value !== null
    ? object({ type: oneOf(["function"]), function: object({ name: Tools.Name }) })(value, at).pipe(
      Result.map(({ function: { name } }) => ({ name }))
    )
    : oneOf(["none", "auto", "required"])(value, at)

const Stop: Reading.Reader<ReadonlyArray<string>> = (value, at) =>
  Array.isArray(value) ? list(text({ min: 1 }), 1, 4)(value, at) : Result.map(text()(value, at), (stop) => [stop])

const Format = tagged("type", {
  text: object({ type: oneOf(["text"]) }),
  json_object: object({ type: oneOf(["json_object"]) }),
  json_schema: object({ type: oneOf(["json_schema"]), json_schema: object(Tools.schemaFields) })
})

const fields = (thinks: boolean) => ({
  messages: list(messages(thinks), 1),
  model: optional(text()),
  audio: optional(json),
  frequency_penalty: optional(decimal(-2, 2)),
  logit_bias: optional(json),
  logprobs: optional(flag),
  max_completion_tokens: optional(integer(1)),
  max_tokens: optional(integer(1)),
  metadata: optional(json),
  modalities: optional(list(oneOf(["text", "audio"]), 1)),
  n: optional(integer(1, 128)),
  parallel_tool_calls: optional(flag),
  prediction: optional(json),
  presence_penalty: optional(decimal(-2, 2)),
  prompt_cache_key: optional(text()),
  prompt_cache_retention: optional(text()),
  reasoning_effort: optional(oneOf(["none", "minimal", "low", "medium", "high", "xhigh"])),
  response_format: optional(Format),
  safety_identifier: optional(text()),
  seed: optional(integer()),
  service_tier: optional(oneOf(["auto", "default", "flex", "scale", "priority"])),
  stop: optional(Stop),
  store: optional(flag),
  stream: optional(flag),
  stream_options: optional(object({ include_usage: optional(flag), include_obfuscation: optional(flag) })),
  temperature: optional(decimal(0, 2)),
  tool_choice: optional(Choice),
  tools: optional(list(object({ type: oneOf(["function"]), function: object(Tools.functionFields) }), 0, 128)),
  top_logprobs: optional(integer(0, 20)),
  top_p: optional(decimal(0, 1)),
  user: optional(text()),
  verbosity: optional(oneOf(["low", "medium", "high"])),
  web_search_options: optional(json)
})

/** As OpenAI reads it. */
export const strict = object(fields(false), "unrecognized")

/** As Bedrock's endpoints read it: messages may have reasoning. */
export const thinking = object(fields(true), "unrecognized")

/** As local servers read it: what they do not know they ignore. */
export const lenient = object(fields(true), "ignored")

/** A body that was read. */
export interface Body extends Reading.Type<typeof strict> {}

/** One of its messages. */
export type Turn = Body["messages"][number]
