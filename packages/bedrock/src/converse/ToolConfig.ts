/**
 * The tools of a request, as Converse wants them.
 */
import type { Tool as ConverseTool, ToolConfiguration } from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Tool from "@strata/core/Tool"
import * as Result from "effect/Result"
import type { Capabilities } from "../catalog/Capabilities.ts"
import { providerName } from "../internal/provider.ts"
import * as Block from "./Block.ts"

/**
 * Encodes tools and the choice among them; nothing when there are none to offer.
 *
 * `strict` is a request where the model has it, and is left out where the model is known not to.
 *
 * Converse has no word for the choice `none`: the tools are left out, unless the history calls some. Then Bedrock
 * demands that they be declared, and the model is free to call them again.
 */
export const encode = (
  request: ChatRequest.Resolved,
  { strictTools }: Pick<Capabilities, "strictTools"> = {}
): Result.Result<ToolConfiguration | undefined, ProviderError.ProviderError> => {
  const { messages, toolChoice, tools = [] } = request
  if (tools.length === 0 || toolChoice === "none" && !mentionsTools(messages)) return Result.succeed(undefined)
  return Result.map(
    Result.all(tools.map((tool, index) => encodeTool(request.model, tool, `tools[${index}]`, strictTools !== false))),
    (encoded) => ({ tools: encoded.flat(), ...encodeChoice(toolChoice) })
  )
}

const encodeTool = (
  model: string,
  tool: Tool.RequestTool,
  field: string,
  strictly: boolean
): Result.Result<ReadonlyArray<ConverseTool>, ProviderError.ProviderError> => {
  if (!toolName.test(tool.name)) {
    return Result.fail(ProviderError.invalidRequest({
      provider: providerName,
      model,
      field: `${field}.name`,
      problem: `"${tool.name}" is no name for a tool`,
      remedy: "Use 1 to 64 letters, digits, underscores and hyphens"
    }))
  }
  if ("type" in tool) {
    return tool.provider === providerName
      ? Result.succeed([{ systemTool: { name: tool.name } }, ...Block.cachePoint(tool.cache)])
      : Result.fail(
        new ProviderError.UnsupportedFeatureError({
          provider: providerName,
          model,
          feature: `tools of ${tool.provider}`,
          message: `${field}: this tool belongs to "${tool.provider}"; Bedrock does not have it. Leave it out.`
        })
      )
  }
  const { cache, description, inputSchema, name, strict } = tool
  return Result.succeed([
    {
      toolSpec: {
        name,
        inputSchema: { json: Block.asJson(inputSchema) },
        ...(description === undefined || description.trim() === "" ? undefined : { description }),
        ...(strict === undefined || !strictly ? undefined : { strict })
      }
    },
    ...Block.cachePoint(cache)
  ])
}

const toolName = /^[a-zA-Z0-9_-]{1,64}$/

const encodeChoice = (choice: Tool.ToolChoice | undefined): Pick<ToolConfiguration, "toolChoice"> => {
  if (choice === "any") return { toolChoice: { any: {} } }
  return typeof choice === "object" ? { toolChoice: { tool: { name: choice.name } } } : {}
}

const mentionsTools = (messages: ChatRequest.Resolved["messages"]): boolean =>
  messages.some(({ content }) =>
    typeof content !== "string" && content.some(({ type }) => type === "tool-call" || type === "tool-result")
  )
