/**
 * The body of Responses.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Reading from "../request/Reading.ts"
import * as Tools from "../request/Tools.ts"

const { decimal, flag, integer, json, list, object, oneOf, optional, tagged, text, textOr } = Reading

const detail = optional(oneOf(["auto", "low", "high", "original"]))

const file = {
  file_data: optional(text()),
  file_id: optional(text()),
  file_url: optional(text()),
  filename: optional(text())
}

const inputParts = {
  input_text: object({ type: oneOf(["input_text"]), text: text() }),
  input_image: object({
    type: oneOf(["input_image"]),
    image_url: optional(text()),
    file_id: optional(text()),
    detail
  }),
  input_file: object({ type: oneOf(["input_file"]), ...file })
}

const InputPart = tagged("type", inputParts)

const MessagePart = tagged("type", {
  ...inputParts,
  input_audio: object({
    type: oneOf(["input_audio"]),
    input_audio: object({ data: text(), format: oneOf(["wav", "mp3"]) })
  }),
  output_text: object({
    type: oneOf(["output_text"]),
    text: text(),
    annotations: optional(list(json)),
    logprobs: optional(list(json))
  }),
  refusal: object({ type: oneOf(["refusal"]), refusal: text() })
})

/** The place of an item of an earlier answer. */
const returned = {
  id: optional(text({ min: 1, max: 128 })),
  status: optional(oneOf(["in_progress", "completed", "incomplete"]))
}

/** A message may leave its type out. */
const Untyped: Reading.Reader<"message"> = (value, at) => oneOf(["message"])(value ?? "message", at)

const Item = tagged("type", {
  message: object({
    type: Untyped,
    role: oneOf(["user", "assistant", "system", "developer"]),
    content: textOr(MessagePart),
    phase: optional(text()),
    ...returned
  }),
  function_call: object({
    type: oneOf(["function_call"]),
    call_id: text({ min: 1, max: 64 }),
    name: Tools.Name,
    arguments: text(),
    ...returned
  }),
  function_call_output: object({
    type: oneOf(["function_call_output"]),
    call_id: text({ min: 1, max: 64 }),
    output: textOr(InputPart),
    ...returned
  }),
  reasoning: object({
    type: oneOf(["reasoning"]),
    summary: list(object({ type: oneOf(["summary_text"]), text: text() })),
    content: optional(list(object({ type: oneOf(["reasoning_text"]), text: text() }))),
    encrypted_content: optional(text()),
    ...returned
  }),
  item_reference: object({ type: oneOf(["item_reference"]), id: text({ min: 1 }) })
}, "message")

const Choice: Reading.Reader<Tools.Choice> = (value, at) =>
  Predicate.isObject(value)
    ? Result.map(object({ type: oneOf(["function"]), name: Tools.Name })(value, at), ({ name }) => ({ name }))
    : oneOf(["none", "auto", "required"])(value, at)

const Format = tagged("type", {
  text: object({ type: oneOf(["text"]) }),
  json_object: object({ type: oneOf(["json_object"]) }),
  json_schema: object({ type: oneOf(["json_schema"]), ...Tools.schemaFields })
})

const fields = {
  model: optional(text()),
  input: textOr(Item, 1),
  background: optional(flag),
  context_management: optional(list(json)),
  conversation: optional(Reading.anything),
  include: optional(list(oneOf([
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources"
  ]))),
  instructions: optional(text()),
  max_output_tokens: optional(integer(16)),
  max_tool_calls: optional(integer(1)),
  metadata: optional(json),
  parallel_tool_calls: optional(flag),
  previous_response_id: optional(text()),
  prompt: optional(json),
  prompt_cache_key: optional(text()),
  prompt_cache_retention: optional(text()),
  reasoning: optional(object({
    effort: optional(oneOf(["none", "minimal", "low", "medium", "high", "xhigh"])),
    summary: optional(oneOf(["auto", "concise", "detailed"])),
    generate_summary: optional(oneOf(["auto", "concise", "detailed"]))
  })),
  safety_identifier: optional(text()),
  service_tier: optional(oneOf(["auto", "default", "flex", "scale", "priority"])),
  store: optional(flag),
  stream: optional(flag),
  stream_options: optional(object({ include_obfuscation: optional(flag) })),
  temperature: optional(decimal(0, 2)),
  text: optional(object({ format: optional(Format), verbosity: optional(oneOf(["low", "medium", "high"])) })),
  tool_choice: optional(Choice),
  tools: optional(list(tagged("type", { function: object({ type: oneOf(["function"]), ...Tools.functionFields }) }))),
  top_logprobs: optional(integer(0, 20)),
  top_p: optional(decimal(0, 1)),
  truncation: optional(oneOf(["auto", "disabled"])),
  user: optional(text())
}

/** As the service reads it. */
export const strict = object(fields)

/** As local servers read it: what they do not know they ignore. */
export const lenient = object(fields, "ignored")

/** A body that was read. */
export interface Body extends Reading.Type<typeof strict> {}

/** One item of its input. */
export type Item = Reading.Type<typeof Item>

/** A part of a message, or of the output of a function. */
export type Part = Reading.Type<typeof MessagePart>
