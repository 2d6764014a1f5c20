/**
 * Tools and whole requests, between OpenAI's format and ours. The schemas of both sides have checked them, so nothing fails
 * here.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Messages from "./Messages.ts"
import type * as Representable from "./Representable.ts"
import type * as Wire from "./Wire.ts"

/** A function without parameters takes none. */
export const decodeTool = ({ cache_control, function: definition }: Wire.Tool): ToolDefinition.ToolDefinition => {
  const { description, name, parameters, strict } = definition
  return {
    name,
    inputSchema: parameters ?? { type: "object", properties: {} },
    ...present("description", description),
    ...present("strict", strict),
    ...Messages.cached({ cache_control: cache_control ?? definition.cache_control })
  }
}

export const encodeTool = ({ description, inputSchema, name, strict }: Representable.ToolDefinition): Wire.Tool => ({
  type: "function",
  function: { name, parameters: inputSchema, ...present("description", description), ...present("strict", strict) }
})

export const decodeToolChoice = (choice: Wire.ToolChoice): ToolDefinition.ToolChoice =>
  typeof choice === "object" ? { name: choice.function.name } : choice === "required" ? "any" : choice

export const encodeToolChoice = (choice: ToolDefinition.ToolChoice): Wire.ToolChoice =>
  typeof choice === "object"
    ? { type: "function", function: { name: choice.name } }
    : choice === "any"
    ? "required"
    : choice

export const decode = (request: Wire.Request): ChatRequest.ChatRequest => {
  const { functions, function_call, reasoning_effort, response_format, stop, tool_choice } = request
  const tools = request.tools ?? functions?.map((definition) => ({ type: "function" as const, function: definition }))
  return {
    ...present("model", request.model),
    messages: Messages.decode(request.messages),
    ...present("maxTokens", request.max_completion_tokens ?? request.max_tokens),
    ...present("temperature", request.temperature),
    ...present("topP", request.top_p),
    ...present("stopSequences", typeof stop === "string" ? [stop] : stop),
    ...present("tools", tools?.map(decodeTool)),
    ...present("toolChoice", tool_choice ? decodeToolChoice(tool_choice) : function_call),
    ...present("parallelToolCalls", request.parallel_tool_calls),
    ...present("responseFormat", response_format && decodeFormat(response_format)),
    ...present("reasoning", reasoning_effort && decodeEffort(reasoning_effort))
  }
}

export const encode = (request: Representable.Request): Wire.Request => {
  const { messages, reasoning, responseFormat, toolChoice } = request
  return {
    ...present("model", request.model),
    messages: Messages.encode(typeof messages === "string" ? [{ role: "user", content: messages }] : messages),
    ...present("max_completion_tokens", request.maxTokens),
    ...present("temperature", request.temperature),
    ...present("top_p", request.topP),
    ...present("stop", request.stopSequences),
    ...present("tools", request.tools?.map(encodeTool)),
    ...present("tool_choice", toolChoice && encodeToolChoice(toolChoice)),
    ...present("parallel_tool_calls", request.parallelToolCalls),
    ...present("response_format", responseFormat && encodeFormat(responseFormat)),
    ...present("reasoning_effort", reasoning === false ? "none" as const : reasoning?.effort)
  }
}

/** JSON mode asks for any object: the one JSON Schema that says just that stands for it. */
const decodeFormat = (format: NonNullable<Wire.Request["response_format"]>): ChatRequest.ResponseFormat => {
  switch (format.type) {
    case "text":
      return format
    case "json_object":
      return { type: "json", schema: anyObject }
    case "json_schema": {
      const { description, name, schema } = format.json_schema
      return { type: "json", schema: schema ?? anyObject, name, ...present("description", description) }
    }
  }
}

const encodeFormat = (format: ChatRequest.ResponseFormat): NonNullable<Wire.Request["response_format"]> => {
  if (format.type === "text") return format
  const { description, name, schema } = format
  return name === undefined && description === undefined && isAnyObject(schema)
    ? { type: "json_object" }
    : { type: "json_schema", json_schema: { name: name ?? "answer", schema, ...present("description", description) } }
}

const anyObject = { type: "object" }

const isAnyObject = (schema: { readonly [key: string]: unknown }) =>
  schema["type"] === "object" && Object.keys(schema).length === 1

const decodeEffort = (
  effort: NonNullable<Wire.Request["reasoning_effort"]>
): NonNullable<Representable.Request["reasoning"]> =>
  effort === "none" ? false : { effort: effort === "minimal" ? "low" : effort }

/** A field that is there only when it has a value. */
const present = <Key extends string, A>(key: Key, value: A | null | undefined) =>
  value === undefined || value === null
    ? undefined
    // A computed key widens to `string`; here it is known.
    : { [key]: value } as { readonly [K in Key]: A }
