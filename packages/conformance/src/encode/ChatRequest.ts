/**
 * Converts the body of a Converse request back to the `ChatRequest` that should be encoded as that body.
 */
import type { ChatRequest, ToolDefinition } from "@strata/core"
import { Message } from "@strata/core"
import * as Result from "effect/Result"
import type { Recording } from "../Recording.ts"
import * as Json from "../wire/Json.ts"
import * as Content from "./Content.ts"

/**
 * - `request`: the request.
 * - `places`: for each of its messages, the index of its source in the body; -1 for the system prompt.
 * - `unsupported`: paths in the body without a counterpart in the API.
 */
export interface Reversed {
  readonly request: ChatRequest.ChatRequest
  readonly places: ReadonlyArray<number>
  readonly unsupported: ReadonlyArray<string>
}

/** The request for a body. */
export const reverse = (model: Recording["model"], body: Json.JsonObject): Reversed => {
  const unsupported: Array<string> = []
  const note = (path: string) => void unsupported.push(path)
  const said: ReadonlyArray<readonly [place: number, message: Message.Message]> = [
    ...systemPrompt(body, note).map((message) => [-1, message] as const),
    ...Json.list(body, "messages").flatMap((message, index) =>
      messagesOf(message, `messages[${index}]`, note).map((message) => [index, message] as const)
    )
  ]
  const { inferenceConfig, messages: _, outputConfig, system: __, toolConfig, ...rest } = body
  const format = formatOf(Json.object(outputConfig))
  const own = { ...rest, ...ownOutput(Json.object(outputConfig), format !== undefined) }
  const request = {
    model,
    messages: said.map(([, message]) => message),
    ...inference(Json.object(inferenceConfig), note),
    ...tools(Json.object(toolConfig), note),
    ...(format !== undefined && { responseFormat: format }),
    ...(Object.keys(own).length > 0 && { providerOptions: { bedrock: own } })
  }
  return {
    // options in the service's own format may be any recorded JSON
    request: request as ChatRequest.ChatRequest,
    places: said.map(([place]) => place),
    unsupported
  }
}

const systemPrompt = (body: Json.JsonObject, unsupported: Content.Unsupported): ReadonlyArray<Message.Message> => {
  const system = Json.list(body, "system")
  return system.length === 0
    ? []
    // blocks of a system prompt are text, guardrail content and cache points: all of them are parts of it
    : [Message.system(Content.parts(system, "system", unsupported) as ReadonlyArray<Message.SystemPart>)]
}

/** Tool results are messages of their own. */
const messagesOf = (
  message: Json.Json,
  path: string,
  unsupported: Content.Unsupported
): ReadonlyArray<Message.Message> => {
  const role = Json.text(message, "role")
  const said = role === "assistant" ? role : "user"
  const parts = Content.parts(Json.list(message, "content"), `${path}.content`, unsupported, said)
  switch (role) {
    // blocks of a Converse message are parts of that role
    case "assistant":
      return [Message.assistant(parts as ReadonlyArray<Message.AssistantPart>)]
    case "system":
      return [Message.system(parts as ReadonlyArray<Message.SystemPart>)]
    default:
      return userMessages(parts)
  }
}

const userMessages = (parts: ReadonlyArray<Message.Part>): ReadonlyArray<Message.Message> => {
  const runs: Array<Array<Message.Part>> = []
  for (const part of parts) {
    const run = runs[runs.length - 1]
    if (run !== undefined && (run[0]?.type === "tool-result") === (part.type === "tool-result")) run.push(part)
    else runs.push([part])
  }
  if (runs.length === 0) return [Message.user([])]
  return runs.map((run) =>
    run[0]?.type === "tool-result"
      ? Message.tool(run as ReadonlyArray<Message.ToolResultPart>) // a run is of one kind
      : Message.user(run as ReadonlyArray<Message.UserPart>)
  )
}

const inference = (config: Json.JsonObject | undefined, unsupported: Content.Unsupported) => {
  if (config === undefined) return {}
  const { maxTokens, stopSequences, temperature, topP, ...others } = config
  for (const name of Object.keys(others)) unsupported(`inferenceConfig.${name}`)
  return {
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stopSequences !== undefined && { stopSequences }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP })
  }
}

const tools = (config: Json.JsonObject | undefined, unsupported: Content.Unsupported) => {
  if (config === undefined) return {}
  const offered: Array<ToolDefinition.RequestTool> = []
  for (const [index, tool] of Json.list(config, "tools").entries()) {
    const cache = Content.cacheOf(Json.object(tool, "cachePoint") ?? {})
    const last = offered.pop()
    if (cache !== undefined && last !== undefined) offered.push({ ...last, cache })
    else {
      if (last !== undefined) offered.push(last)
      const known = toolOf(tool)
      if (known === undefined) unsupported(`toolConfig.tools[${index}]`)
      else offered.push(known)
    }
  }
  const choice = Json.object(config, "toolChoice")
  // the default without a choice
  if (choice !== undefined && "auto" in choice) unsupported("toolConfig.toolChoice.auto")
  return { tools: offered, ...toolChoice(choice) }
}

const toolOf = (tool: Json.Json): ToolDefinition.RequestTool | undefined => {
  const system = Json.text(tool, "systemTool", "name")
  if (system !== undefined) return { type: "provider", provider: "aws.bedrock", name: system }
  const { description, inputSchema, name, strict, ...others } = Json.object(tool, "toolSpec") ?? {}
  const schema = Json.object(inputSchema, "json")
  if (typeof name !== "string" || schema === undefined || Object.keys(others).length > 0) return undefined
  return {
    name,
    inputSchema: schema,
    ...(typeof description === "string" && { description }),
    ...(typeof strict === "boolean" && { strict })
  }
}

const toolChoice = (choice: Json.JsonObject | undefined): { readonly toolChoice?: ToolDefinition.ToolChoice } => {
  const name = Json.text(choice, "tool", "name")
  if (name !== undefined) return { toolChoice: { name } }
  if (choice === undefined) return {}
  return { toolChoice: "any" in choice ? "any" : "auto" }
}

/** Our response format for a JSON schema. */
const formatOf = (config: Json.JsonObject | undefined): ChatRequest.JsonFormat | undefined => {
  const { description, name, schema, ...others } = Json.object(config, "textFormat", "structure", "jsonSchema") ?? {}
  const json = typeof schema === "string" ? Result.getOrUndefined(Json.parse(schema)) : undefined
  if (!Json.isObject(json) || Object.keys(others).length > 0) return undefined
  return {
    type: "json",
    schema: json,
    ...(typeof name === "string" && { name }),
    ...(typeof description === "string" && { description })
  }
}

const ownOutput = (config: Json.JsonObject | undefined, hasFormat: boolean) => {
  const { textFormat, ...rest } = config ?? {}
  const output = { ...rest, ...(textFormat !== undefined && !hasFormat && { textFormat }) }
  return Object.keys(output).length > 0 ? { outputConfig: output } : {}
}
