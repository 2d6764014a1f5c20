/**
 * Tool calls that a model wrote as the text of its answer. They are taken for calls only if they are the whole text, and each is of
 * a tool of the request.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** A call, its arguments as JSON text. */
export interface TextCall {
  readonly name: string
  readonly arguments: string
}

/** Whether a text that begins like this may be calls: until that is known it is not handed out. */
export const mayBegin = (text: string): boolean => {
  const start = text.trimStart()
  return start === "" || /^[[{]/.test(start) ||
    openings.some((opening) => start.startsWith(opening) || opening.startsWith(start))
}

const openings = ["<tool_call>", "[TOOL_CALLS]", "<|tool_call|>", "<function_call>", "```"]

/** The calls that a text consists of; `undefined` where it is anything else. */
export const read = (text: string, tools: ReadonlySet<string>): ReadonlyArray<TextCall> | undefined => {
  const bare = withoutFence(text.trim()).replace(/^(\[TOOL_CALLS\]|<\|tool_call\|>)\s*/, "")
  const tagged = bare.split(/\s*<\/(?:tool_call|function_call)>\s*/).filter((piece) => piece !== "")
  const opening = /^\s*<(?:tool_call|function_call)>\s*/
  const pieces = tagged.length > 0 && tagged.every((piece) => opening.test(piece))
    ? tagged.map((piece) => piece.replace(opening, ""))
    : [bare]
  const calls: Array<TextCall> = []
  for (const piece of pieces) {
    const json = ExactJson.parse(piece)
    if (Result.isFailure(json)) return undefined
    for (const value of Array.isArray(json.success) ? json.success as ReadonlyArray<unknown> : [json.success]) {
      const call = callOf(value)
      if (call === undefined || !tools.has(call.name)) return undefined
      calls.push(call)
    }
  }
  return calls.length === 0 ? undefined : calls
}

const withoutFence = (text: string): string => /^```\w*\s*\n([\s\S]*?)\n?```$/.exec(text)?.[1]?.trim() ?? text

/** `{ name, arguments }`, also with `parameters`, also inside of `function`. */
const callOf = (value: unknown): TextCall | undefined => {
  if (!Predicate.isObject(value) || Array.isArray(value)) return undefined
  const inner = value["function"]
  if (Predicate.isObject(inner)) return callOf(inner)
  const { name } = value
  const given = value["arguments"] ?? value["parameters"] ?? {}
  if (typeof name !== "string" || Array.isArray(given)) return undefined
  if (Predicate.isObject(given)) return { name, arguments: JSON.stringify(given) }
  const json = typeof given === "string" ? Result.getOrUndefined(ExactJson.parse(given)) : undefined
  return Predicate.isObject(json) ? { name, arguments: given as string } : undefined // only text was parsed
}
