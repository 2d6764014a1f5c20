/**
 * The tools of a request, and how an answer in JSON is asked for.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import * as CompletionRequest from "../../completions/Request.ts"
import type { Profile } from "../../profile/Profile.ts"
import type { Shape } from "../../schema/Shape.ts"
import * as Strict from "../../schema/Strict.ts"
import * as Problem from "./Problem.ts"

/**
 * - `fields`: of the body. `instructions`: what the server has to be told in words.
 * - `answerTool`, `format`, `shapes`, `names`: see `Assembly.Setup`.
 */
export interface Encoded {
  readonly fields: Readonly<Record<string, unknown>>
  readonly instructions: string | undefined
  readonly answerTool: string | undefined
  readonly format: Shape | undefined
  readonly shapes: ReadonlyMap<string, Shape>
  readonly names: ReadonlySet<string>
}

/** What encoding needs to know. */
export interface Context extends Problem.Who {
  readonly profile: Profile
  readonly report: Problem.Report
}

/** Encodes tools, the choice among them, and the format. */
export const encode = (
  request: ChatRequest.Resolved,
  context: Context
): Result.Result<Encoded, ProviderError.UnsupportedFeatureError> => {
  const { parallelToolCalls, responseFormat, toolChoice, tools = [] } = request
  const shapes = new Map<string, Shape>()
  const encoded: Array<unknown> = []
  for (const [index, tool] of tools.entries()) {
    const field = `tools[${index}]`
    if ("type" in tool) {
      return Result.fail(
        Problem.unsupported(context, field, `tool of ${tool.provider}`, "Leave it out, or use `api: \"responses\"`")
      )
    }
    encoded.push(encodeTool(context, tool, field, shapes))
  }
  const format = responseFormat?.type === "json"
    ? encodeFormat(context, responseFormat, new Set(tools.map(({ name }) => name)))
    : undefined
  if (format?.tool !== undefined) encoded.push(format.tool)
  const choice = toolChoice !== undefined && typeof toolChoice === "object"
    ? CompletionRequest.encodeToolChoice(toolChoice)
    : format?.answerTool === undefined
    ? toolChoice && CompletionRequest.encodeToolChoice(toolChoice)
    : tools.length === 0
    ? CompletionRequest.encodeToolChoice({ name: format.answerTool })
    : "required"
  return Result.succeed({
    fields: {
      ...(encoded.length > 0 && {
        tools: encoded,
        ...(choice !== undefined && { tool_choice: choice }),
        ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls })
      }),
      ...format?.fields
    },
    instructions: format?.instructions,
    answerTool: format?.answerTool,
    format: format?.shape,
    shapes,
    names: new Set(tools.map(({ name }) => name))
  })
}

/** `strict` is sent only where the schema fits: a server that is told more refuses the whole request. */
const encodeTool = (
  { profile, report }: Context,
  tool: ToolDefinition.ToolDefinition,
  field: string,
  shapes: Map<string, Shape>
): unknown => {
  const { strict: isStrict, ...rest } = tool
  const base = CompletionRequest.encodeTool({ ...rest, type: undefined, cache: undefined })
  if (isStrict !== true || !profile.strict) {
    if (isStrict === true) report.add("not-strict", `${field}.strict`, "The server has no strict schemas.")
    return base
  }
  const strict = Strict.make(tool.inputSchema)
  if (strict === undefined) {
    report.add("not-strict", `${field}.inputSchema`, "OpenAI's strict schemas cannot express this one.")
    return { ...base, function: { ...base.function, strict: false } }
  }
  shapes.set(tool.name, strict.shape)
  return { ...base, function: { ...base.function, parameters: strict.schema, strict: true } }
}

interface Format {
  readonly fields?: Readonly<Record<string, unknown>>
  readonly instructions?: string
  readonly answerTool?: string
  readonly tool?: unknown
  readonly shape?: Shape
}

const encodeFormat = (
  { profile, report }: Context,
  { description, name, schema }: ChatRequest.JsonFormat,
  taken: ReadonlySet<string>
): Format => {
  const title = name !== undefined && /^[a-zA-Z0-9_-]{1,64}$/.test(name) ? name : "answer"
  const about = description === undefined ? undefined : { description }
  switch (profile.structuredOutput) {
    case "schema": {
      const strict = profile.strict ? Strict.make(schema) : undefined
      if (strict === undefined && profile.strict) {
        report.add("not-strict", "responseFormat.schema", "OpenAI's strict schemas cannot express this one.")
      }
      const json_schema = {
        name: title,
        ...about,
        schema: strict?.schema ?? schema,
        ...(profile.strict && { strict: strict !== undefined })
      }
      return {
        fields: { response_format: { type: "json_schema", json_schema } },
        ...(strict !== undefined && { shape: strict.shape })
      }
    }
    case "object":
      return {
        fields: { response_format: { type: "json_object" } },
        instructions: instructionsOf(schema, description)
      }
    case "prompt":
      return { instructions: instructionsOf(schema, description) }
    case "tool": {
      const answerTool = free(title, taken)
      return {
        answerTool,
        tool: {
          type: "function",
          function: { name: answerTool, description: description ?? "Gives the answer.", parameters: schema }
        }
      }
    }
  }
}

/** The name, or the first of its numbered variants, that no tool has. */
const free = (name: string, taken: ReadonlySet<string>): string => {
  if (!taken.has(name)) return name
  let number = 2
  while (taken.has(`${name.slice(0, 56)}_${number}`)) number++
  return `${name.slice(0, 56)}_${number}`
}

const instructionsOf = (schema: ChatRequest.JsonFormat["schema"], description: string | undefined): string =>
  [
    "Answer with one JSON object that matches this JSON Schema, and with nothing else.",
    ...(description === undefined ? [] : [`The object: ${description}`]),
    JSON.stringify(schema)
  ].join("\n")
