/**
 * Reads a chunk of a stream, or a whole answer, which has the same shape but for `message` in the place of `delta`. Total: what is
 * not as expected is missing.
 */
import * as Predicate from "effect/Predicate"

/** What one chunk holds of the first choice, and beside it. */
export interface Chunk {
  readonly id?: string | undefined
  readonly model?: string | undefined
  readonly systemFingerprint?: string | undefined
  readonly serviceTier?: string | undefined
  readonly usage?: Fields | undefined
  readonly promptFilter?: Fields | undefined
  readonly choice?: Choice | undefined
}

/**
 * - `reasoning`: with the name of the field that held it.
 * - `calls`: members of `tool_calls`, of any shape.
 * - `stop`: the stop sequence, where the server says it.
 */
export interface Choice {
  readonly hasMessage: boolean
  readonly text: string
  readonly reasoning: string
  readonly reasoningField: "reasoning" | "reasoning_content" | undefined
  readonly refusal: string
  readonly calls: ReadonlyArray<unknown>
  readonly citations: ReadonlyArray<Fields>
  readonly finishReason: string | undefined
  readonly stop: string | undefined
  readonly filter: Fields | undefined
  readonly logprobs: Fields | undefined
  readonly error: Fields | undefined
}

/** An object of unknown fields. */
export interface Fields {
  readonly [name: string]: unknown
}

/** Reads JSON; `undefined` for what is no object. */
export const read = (json: unknown): Chunk | undefined => {
  const body = fieldsOf(json)
  if (body === undefined) return undefined
  const [filter] = listOf(body["prompt_filter_results"])
  const choices = listOf(body["choices"])
  const choice = choices.find((choice) => (fieldsOf(choice)?.["index"] ?? 0) === 0)
  return {
    id: textOf(body["id"]),
    model: textOf(body["model"]),
    systemFingerprint: textOf(body["system_fingerprint"]),
    serviceTier: textOf(body["service_tier"]),
    usage: fieldsOf(body["usage"]),
    promptFilter: fieldsOf(fieldsOf(filter)?.["content_filter_results"]),
    choice: fieldsOf(choice) && choiceOf(fieldsOf(choice)!)
  }
}

const choiceOf = (choice: Fields): Choice => {
  const message = fieldsOf(choice["delta"]) ?? fieldsOf(choice["message"])
  const { reasoning, reasoningField } = reasoningOf(message)
  const content = contentOf(message?.["content"])
  const call = fieldsOf(message?.["function_call"])
  return {
    hasMessage: message !== undefined,
    text: content.text,
    reasoning: reasoning === "" ? content.thinking : reasoning,
    reasoningField,
    refusal: textOf(message?.["refusal"]) ?? "",
    calls: [
      ...listOf(message?.["tool_calls"]),
      ...(call === undefined ? [] : [{ index: 0, function: call }])
    ],
    citations: listOf(message?.["annotations"]).flatMap((annotation) => {
      const citation = fieldsOf(fieldsOf(annotation)?.["url_citation"])
      return citation === undefined ? [] : [citation]
    }),
    finishReason: textOf(choice["finish_reason"]),
    stop: textOf(choice["stop_reason"]),
    filter: fieldsOf(choice["content_filter_results"]),
    logprobs: fieldsOf(choice["logprobs"]),
    error: fieldsOf(choice["error"])
  }
}

/** Once where both names are present. */
const reasoningOf = (message: Fields | undefined): Pick<Choice, "reasoning" | "reasoningField"> => {
  for (const reasoningField of ["reasoning_content", "reasoning"] as const) {
    const reasoning = textOf(message?.[reasoningField])
    if (reasoning !== undefined) return { reasoning, reasoningField }
  }
  return { reasoning: "", reasoningField: undefined }
}

/** Text, or parts of text and of thinking. */
const contentOf = (content: unknown): { readonly text: string; readonly thinking: string } => {
  if (typeof content === "string") return { text: content, thinking: "" }
  let text = ""
  let thinking = ""
  for (const part of listOf(content)) {
    const { refusal, text: said, thinking: thought } = fieldsOf(part) ?? {}
    if (typeof said === "string") text += said
    else if (typeof refusal === "string") text += refusal
    else if (thought !== undefined) thinking += typeof thought === "string" ? thought : contentOf(thought).text
  }
  return { text, thinking }
}

const fieldsOf = (value: unknown): Fields | undefined =>
  Predicate.isObject(value) && !Array.isArray(value) ? value : undefined

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined
