/**
 * Tools, the choice among them, and the form of an answer: what Chat Completions and Responses have in common.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import type * as AwsError from "../../AwsError.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Reading from "./Reading.ts"
import * as StrictSchema from "./StrictSchema.ts"

const { fail } = Reading

/** The name of a tool or of a schema. */
export const Name = Reading.text({ min: 1, max: 64, pattern: /^[a-zA-Z0-9_-]+$/ })

/** The members of a function. */
export const functionFields = {
  name: Name,
  description: Reading.optional(Reading.text({ max: 1024 * 1024 })),
  parameters: Reading.optional(Reading.json),
  strict: Reading.optional(Reading.flag)
}

/** A function with its place in the request. */
export interface Declared {
  readonly name: string
  readonly description: string | undefined
  readonly parameters: Reading.JsonObject | undefined
  readonly strict: boolean | undefined
  readonly at: string
}

/** How a request may choose: a mode, or a function of this name. */
export type Choice = "auto" | "none" | "required" | { readonly name: string }

/** What of a request is about tools. */
export interface Options {
  readonly tools: ReadonlyArray<Declared>
  readonly choice: Choice | undefined
  readonly parallel: boolean | undefined
}

/** The tools of a chat request, or why they are refused. */
export const read = (
  { choice, parallel, tools }: Options
): Result.Result<Partial<ChatRequest.ChatRequest>, AwsError.AwsError> => {
  const problem = problemOf(tools) ?? problemOfChoice(tools, choice, parallel)
  if (problem !== undefined) return Result.fail(problem)
  if (tools.length === 0) return Result.succeed({})
  return Result.succeed({
    tools: tools.map(({ description, name, parameters = noParameters, strict }): ToolDefinition.ToolDefinition => ({
      name,
      inputSchema: parameters,
      ...(description === undefined ? undefined : { description }),
      ...(strict === true ? { strict } : undefined)
    })),
    ...(choice === undefined ? undefined : { toolChoice: choice === "required" ? "any" : choice }),
    ...(parallel === undefined ? undefined : { parallelToolCalls: parallel })
  })
}

const noParameters = { type: "object", properties: {} }

const problemOf = (tools: ReadonlyArray<Declared>): AwsError.AwsError | undefined => {
  const names = new Set<string>()
  for (const { at, name, parameters, strict } of tools) {
    const code = "invalid_function_parameters"
    const invalid = (problem: string) =>
      OpenAiError.invalid(`Invalid schema for function '${name}': ${problem}`, `${at}.parameters`, code)
    if (names.has(name)) return OpenAiError.invalid(`Duplicate tool name: '${name}'.`, `${at}.name`, "invalid_value")
    names.add(name)
    if (parameters !== undefined && parameters["type"] !== "object") {
      return invalid(
        `schema must be a JSON Schema of 'type: "object"', got 'type: "${String(parameters["type"] ?? "None")}"'.`
      )
    }
    const found = strict === true && parameters !== undefined ? StrictSchema.problem(parameters) : undefined
    if (found !== undefined) return invalid(found)
  }
  return undefined
}

const problemOfChoice = (
  tools: ReadonlyArray<Declared>,
  choice: Choice | undefined,
  parallel: boolean | undefined
): AwsError.AwsError | undefined => {
  if (tools.length === 0) {
    if (choice !== undefined && choice !== "none" && choice !== "auto") {
      return OpenAiError.invalid(
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        "tool_choice"
      )
    }
    return parallel === undefined ? undefined : OpenAiError.invalid(
      "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
      "parallel_tool_calls"
    )
  }
  return typeof choice === "object" && !tools.some(({ name }) => name === choice.name)
    ? OpenAiError.invalid(`Tool choice '${choice.name}' not found in 'tools' parameter.`, "tool_choice")
    : undefined
}

/** The members of a JSON schema for the answer. */
export const schemaFields = {
  name: Name,
  description: Reading.optional(Reading.text()),
  schema: Reading.optional(Reading.json),
  strict: Reading.optional(Reading.flag)
}

/** A JSON schema for the answer, with its place in the request. */
export interface Format extends Omit<Declared, "parameters"> {
  readonly schema: Reading.JsonObject | undefined
}

/** The form of the answer in a chat request, or why it is refused. */
export const readFormat = (
  { at, description, name, schema, strict }: Format
): Result.Result<ChatRequest.JsonFormat, AwsError.AwsError> => {
  if (schema === undefined) return Reading.mistyped("an object", undefined, `${at}.schema`)
  const problem = strict === true ? StrictSchema.problem(schema) : undefined
  return problem === undefined
    ? Result.succeed({ type: "json", schema, name, ...(description === undefined ? undefined : { description }) })
    : fail(`Invalid schema for response_format '${name}': ${problem}`, at, "invalid_json_schema")
}
