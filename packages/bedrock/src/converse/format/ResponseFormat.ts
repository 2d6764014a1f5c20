/**
 * How a model is made to answer in JSON: natively where supported, else by a tool whose call is the answer, else by an
 * instruction.
 *
 * In each case the caller gets JSON as text: `AnswerTool` converts the call. The schema sent may be looser than the
 * requested one, against which the answer is decoded.
 */
import type { ConverseStreamCommandInput, OutputConfig, Tool, ToolChoice } from "@aws-sdk/client-bedrock-runtime"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ProviderError from "@strata/core/ProviderError"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Capabilities } from "../../catalog/Capabilities.ts"
import { providerName } from "../../internal/provider.ts"
import * as Arguments from "../../schema/Arguments.ts"
import * as Reading from "../../schema/Reading.ts"
import type * as Room from "../../schema/Room.ts"
import * as Strict from "../../schema/Strict.ts"
import * as Block from "../Block.ts"
import type { Report } from "../history/Change.ts"
import * as Label from "../history/Label.ts"

/** The model's capabilities, the remaining limits of strict schemas, and where changes are reported. */
export interface Circumstances {
  readonly capabilities: Capabilities
  readonly streaming: boolean
  readonly room: Room.Room
  readonly report: Report
}

/**
 * The additions to a request that make its answer JSON; empty where it asks for text.
 *
 * - `outputConfig`: the service enforces the schema.
 * - `answerTool`: the model answers by calling it.
 * - `instruction`: the instruction, where it is sent.
 */
export interface Plan {
  readonly outputConfig?: OutputConfig
  readonly answerTool?: AnswerTool
  readonly instruction?: { readonly text: string; readonly to: "system" | "user" }
}

/** `choice` forces the call, where it can be forced. `besideOthers`: the request's own tools are offered too. */
export interface AnswerTool {
  readonly name: string
  readonly tool: Tool
  readonly choice: ToolChoice | undefined
  readonly besideOthers: boolean
}

/**
 * Decides how to request JSON.
 *
 * - Natively, where the model supports it, the schema can be expressed within the limits, and no citations are
 *   requested: citations and native JSON exclude each other.
 * - Else by a tool, forced unless the model reasons: a model that is forced to call a tool cannot reason first.
 * - With tools of its own in the request the model must call one of them or the answer tool, so a tool loop ends with
 *   the answer. A request that forces a call of its own tools gets that call, not an answer.
 * - Else, where there are no tools, by an instruction.
 *
 * Fails with `InvalidRequestError` when the schema is invalid, or not of an object.
 */
export const plan = (
  request: ChatRequest.Resolved,
  { capabilities, report, room, streaming }: Circumstances
): Result.Result<Plan, ProviderError.InvalidRequestError> => {
  const { model, responseFormat, toolChoice, tools = [] } = request
  if (responseFormat?.type !== "json") return Result.succeed({})
  return Result.gen(function*() {
    const field = "responseFormat.schema"
    const read = yield* Result.mapError(
      Reading.read(responseFormat.schema, field),
      (problem) => ProviderError.invalidRequest({ provider: providerName, model, ...problem })
    )
    if (read.told) {
      report("told-schema", field)
    }
    const format = { ...responseFormat, schema: read.schema }
    const own = request.providerOptions?.bedrock
    const mayBeHeld = capabilities.nativeJson === true || capabilities.strictTools === true
    const strict = mayBeHeld ? Strict.make(format.schema) : undefined
    if (strict !== undefined && capabilities.nativeJson === true && !cites(request) && room.takes(strict, "answer")) {
      return { outputConfig: outputConfig(format, strict) }
    }
    const besideOthers = tools.length > 0 && toolChoice !== "none"
    if (besideOthers && (toolChoice === "any" || typeof toolChoice === "object")) {
      return {}
    }
    const hasTools = capabilities.tools !== false && !(streaming && capabilities.toolsWhileStreaming === false)
    const to = capabilities.systemPrompt === false ? "user" : "system"
    if (!hasTools || own?.toolConfig !== undefined) {
      return { instruction: { text: instruct(format), to } }
    }
    const name = nameOf(format, tools)
    const choice = isReasoning(request, capabilities) && capabilities.forcedToolWithReasoning !== true
      ? undefined
      : force(name, besideOthers, capabilities)
    const held = strict !== undefined && capabilities.strictTools === true && room.takes(strict, "tool")
      ? strict
      : undefined
    const { told, tool } = answerTool(name, format, held, capabilities)
    if (told && !read.told) {
      report("told-schema", field)
    }
    return {
      answerTool: { name, tool, choice, besideOthers },
      ...(choice === undefined ? { instruction: { text: instructCall(name, besideOthers), to } } : undefined)
    }
  })
}

/** Adds a plan to an encoded request. Fields in `providerOptions.bedrock` win. */
export const apply = (input: ConverseStreamCommandInput, plan: Plan): ConverseStreamCommandInput => {
  const { answerTool, instruction, outputConfig } = plan
  return {
    ...input,
    ...(outputConfig === undefined ? undefined : { outputConfig: { ...outputConfig, ...input.outputConfig } }),
    ...(answerTool === undefined ? undefined : {
      toolConfig: {
        tools: [...(answerTool.besideOthers ? input.toolConfig?.tools ?? [] : []), answerTool.tool],
        ...(answerTool.choice === undefined ? undefined : { toolChoice: answerTool.choice })
      }
    }),
    ...(instruction === undefined
      ? undefined
      : instruction.to === "system"
      ? { system: [...input.system ?? [], { text: instruction.text }] }
      : { messages: instructUser(input.messages, instruction.text) })
  }
}

const outputConfig = ({ description, name }: ChatRequest.JsonFormat, schema: JsonSchema.JsonSchema): OutputConfig => ({
  textFormat: {
    type: "json_schema",
    structure: {
      jsonSchema: {
        schema: JSON.stringify(schema),
        ...(name === undefined ? undefined : { name: Reading.wellFormed(name) }),
        ...(description === undefined ? undefined : { description: Reading.wellFormed(description) })
      }
    }
  }
})

const answerTool = (
  name: string,
  format: ChatRequest.JsonFormat,
  held: JsonSchema.JsonSchema | undefined,
  { toolSchemas }: Capabilities
): { readonly tool: Tool; readonly told: boolean } => {
  const { description, title: _, ...schema } = held ?? format.schema
  const fitted = Arguments.fit(schema, toolSchemas)
  const about = [format.description ?? description, fitted.description].filter(isText).join(" ")
  return {
    tool: {
      toolSpec: {
        name,
        description: about === "" ? "Gives the answer" : `Gives the answer: ${Reading.wellFormed(about)}`,
        inputSchema: { json: Block.asJson(fitted.schema) },
        ...(held === undefined ? undefined : { strict: true })
      }
    },
    told: fitted.told
  }
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== ""

/** The name of the format as a valid tool name, different from all others. */
const nameOf = (format: ChatRequest.JsonFormat, tools: ReadonlyArray<{ readonly name: string }>): string => {
  const wanted = format.name?.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 50) ?? ""
  return Label.allocator(Label.toolName, tools.map(({ name }) => name))(wanted === "" ? "answer" : wanted)
}

const force = (name: string, besideOthers: boolean, { toolChoice }: Capabilities): ToolChoice | undefined => {
  if (!besideOthers && (toolChoice?.includes("tool") ?? true)) return { tool: { name } }
  return toolChoice?.includes("any") ?? true ? { any: {} } : undefined
}

const instruct = ({ description, schema }: ChatRequest.JsonFormat): string =>
  [
    "Answer with one JSON object that fits this JSON Schema, and with nothing else: no prose, no code fence.",
    ...(description === undefined ? [] : [description]),
    JSON.stringify(schema)
  ].join("\n")

const instructCall = (name: string, besideOthers: boolean): string =>
  besideOthers
    ? `Use the other tools as you need them. Then give your answer by calling the tool "${name}" once, not as text.`
    : `Give your answer by calling the tool "${name}" once, not as text.`

const instructUser = (messages: ConverseStreamCommandInput["messages"] = [], text: string) => {
  const first = messages.findIndex(({ role }) => role === "user")
  return messages.map((message, index) =>
    index === first ? { ...message, content: [{ text }, ...message.content ?? []] } : message
  )
}

const cites = ({ messages }: ChatRequest.Resolved): boolean =>
  messages.some(({ content }) =>
    typeof content !== "string" &&
    content.some((part) => (part.type === "document" || part.type === "search-result") && part.citations === true)
  )

/** Whether the model will reason, as far as known: requested in our options or its own, or by default. */
const isReasoning = ({ providerOptions, reasoning }: ChatRequest.Resolved, capabilities: Capabilities): boolean => {
  const known = capabilities.reasoning
  if (known?.control === "always" || known?.control === "effort" && known.alwaysOn === true) return true
  if (typeof reasoning === "object") return true
  const fields = providerOptions?.bedrock?.additionalModelRequestFields
  return Predicate.isObjectOrArray(fields) &&
    Object.entries(fields).some(([name, value]) =>
      /^(?:thinking|reasoning)/.test(name) &&
      !(Predicate.hasProperty(value, "type") && value.type === "disabled")
    )
}
