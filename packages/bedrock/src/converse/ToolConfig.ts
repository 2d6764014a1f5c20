/**
 * Encodes the tools of a request, with schemas adapted to the model.
 */
import type { Tool as ConverseTool, ToolConfiguration } from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as ProviderError from "@strata/core/ProviderError"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Capabilities } from "../catalog/Capabilities.ts"
import { providerName } from "../internal/provider.ts"
import * as Arguments from "../schema/Arguments.ts"
import * as Reading from "../schema/Reading.ts"
import type * as Room from "../schema/Room.ts"
import * as Strict from "../schema/Strict.ts"
import * as Block from "./Block.ts"
import type { Report } from "./history/Change.ts"

/** The model's capabilities, the remaining limits of strict schemas, and where changes are reported. */
export interface Circumstances {
  readonly capabilities: Capabilities
  readonly room: Room.Room
  readonly report: Report
}

type Encoding<A> = Result.Result<A, ProviderError.CallError>

/**
 * Encodes tools and tool choice; empty when there are none to offer. Tools in `providerOptions.bedrock` replace those
 * of the request, and their schemas are adapted too.
 *
 * `strict` is sent where the model supports it and the schema can be expressed in the supported subset. Otherwise it is
 * left out, and the full schema is sent. The limits of strict tools are used up in order, first come, first served.
 *
 * Converse has no tool choice `none`: the tools are left out, unless the history calls some. Then Bedrock requires them
 * to be declared, and the model may call them again.
 */
export const encode = (
  request: ChatRequest.Resolved,
  circumstances: Circumstances
): Encoding<ToolConfiguration | undefined> => {
  const { messages, model, providerOptions, toolChoice, tools = [] } = request
  const own = providerOptions?.bedrock?.toolConfig
  if (tools.length === 0 && own === undefined) return Result.succeed(undefined)
  return Result.gen(function*() {
    const fit = makeFit(model, circumstances)
    if (own?.tools !== undefined && own.tools.length > 0) return yield* encodeOwn(own, own.tools, fit)
    if (tools.length === 0 || toolChoice === "none" && !mentionsTools(messages)) return undefined
    const encoded: Array<ConverseTool> = []
    for (const [index, tool] of tools.entries()) encoded.push(...yield* encodeTool(model, tool, `tools[${index}]`, fit))
    return { tools: encoded, ...encodeChoice(toolChoice) }
  })
}

/** The schema-dependent fields of a tool. */
interface Specification {
  readonly description?: string | null | undefined
  readonly inputSchema: unknown
  readonly strict?: boolean | undefined
}

/** The fields of a tool and its schema, for errors. */
interface Place {
  readonly tool: string
  readonly schema: string
}

type Fitted = Pick<NonNullable<ConverseTool["toolSpec"]>, "description" | "inputSchema" | "strict">

type Fit = (specification: Specification, place: Place) => Encoding<Fitted>

const makeFit = (model: string, { capabilities, report, room }: Circumstances): Fit => {
  const { strictTools, toolSchemas } = capabilities

  /** The strict schema, while the limits allow it. */
  const toStrict = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema | undefined => {
    const strict = Strict.make(closed(schema))
    return strict !== undefined && room.takes(strict, "tool") ? strict : undefined
  }

  return ({ description, inputSchema, strict: asked }, place) => {
    const text = readDescription(description)
    if (text === undefined) return Result.fail(noText(model, `${place.tool}.description`))
    const read = Reading.read(inputSchema, place.schema)
    if (Result.isFailure(read)) {
      return Result.fail(ProviderError.invalidRequest({ provider: providerName, model, ...read.failure }))
    }
    const { schema, told } = read.success
    const mayBeStrict = strictTools !== false
    const held = mayBeStrict && asked === true ? toStrict(schema) : undefined
    if (mayBeStrict && asked === true && held === undefined) report("omitted-strict", `${place.tool}.strict`)
    const fitted = Arguments.fit(held ?? schema, toolSchemas)
    if (told || fitted.told) report("told-schema", place.schema)
    const about = join(text, fitted.description ?? "")
    const strict = mayBeStrict && (asked === false || held !== undefined) ? asked : undefined
    return Result.succeed({
      ...(about === "" ? undefined : { description: about }),
      inputSchema: { json: Block.asJson(fitted.schema) },
      ...(strict === undefined ? undefined : { strict })
    })
  }
}

/** A strict tool with no known arguments takes none. */
const closed = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const { additionalProperties, properties = {} } = schema
  return additionalProperties === undefined && Predicate.isObject(properties) && Object.keys(properties).length === 0
    ? { ...schema, properties, additionalProperties: false }
    : schema
}

/** `undefined` unless it is text. Bedrock refuses blank text, so it counts as missing. */
const readDescription = (description: unknown): string | undefined => {
  if (description === undefined || description === null) return ""
  return Predicate.isString(description) ? Reading.wellFormed(description.trim() === "" ? "" : description) : undefined
}

const noText = (model: string, field: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider: providerName,
    model,
    field,
    problem: "the description is not text",
    remedy: "Use text, or leave it out"
  })

/** The schema's description follows the tool's, unless the latter includes it. */
const join = (about: string, more: string): string =>
  about.includes(more) ? about : about === "" ? more : `${about} ${more}`

const encodeTool = (
  model: string,
  tool: ToolDefinition.RequestTool,
  field: string,
  fit: Fit
): Encoding<ReadonlyArray<ConverseTool>> => {
  if (!toolName.test(tool.name)) {
    return Result.fail(ProviderError.invalidRequest({
      provider: providerName,
      model,
      field: `${field}.name`,
      problem: `"${tool.name}" is not a tool name`,
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
          message: `${field}: this tool belongs to the provider "${tool.provider}". Leave it out.`
        })
      )
  }
  return Result.map(
    fit(tool, { tool: field, schema: `${field}.inputSchema` }),
    (fitted) => [{ toolSpec: { name: tool.name, ...fitted } }, ...Block.cachePoint(tool.cache)]
  )
}

/** Tools in the service's own format: only their schemas are adapted. */
const encodeOwn = (
  own: ToolConfiguration,
  ownTools: ReadonlyArray<ConverseTool>,
  fit: Fit
): Encoding<ToolConfiguration> =>
  Result.gen(function*() {
    const tools: Array<ConverseTool> = []
    for (const [index, tool] of ownTools.entries()) {
      const specification = Predicate.isObject(tool) ? tool.toolSpec : undefined
      if (!Predicate.isObject(specification) || !Predicate.isObject(specification.inputSchema)) {
        tools.push(tool)
        continue
      }
      const { description, inputSchema, strict, ...rest } = specification
      const field = `providerOptions.bedrock.toolConfig.tools[${index}].toolSpec`
      const fitted = yield* fit(
        { description, inputSchema: inputSchema.json, strict },
        { tool: field, schema: `${field}.inputSchema.json` }
      )
      tools.push({ toolSpec: { ...rest, ...fitted } })
    }
    return { ...own, tools }
  })

const toolName = /^[a-zA-Z0-9_-]{1,64}$/

const encodeChoice = (choice: ToolDefinition.ToolChoice | undefined): Pick<ToolConfiguration, "toolChoice"> => {
  if (choice === "any") return { toolChoice: { any: {} } }
  return typeof choice === "object" ? { toolChoice: { tool: { name: choice.name } } } : {}
}

const mentionsTools = (messages: ChatRequest.Resolved["messages"]): boolean =>
  messages.some(({ content }) =>
    typeof content !== "string" && content.some(({ type }) => type === "tool-call" || type === "tool-result")
  )
