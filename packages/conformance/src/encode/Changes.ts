/**
 * Removes differences between two bodies that are explained by the product's reported changes.
 */
import type { BedrockChatMetadata } from "@strata/bedrock"
import type { Difference } from "../Difference.ts"
import { compare } from "../Difference.ts"
import * as Json from "../wire/Json.ts"

/** Changes as in `providerMetadata.bedrock.changes`. */
export type Changes = NonNullable<BedrockChatMetadata["changes"]>

/** The differences that no change explains. `places`: see `ChatRequest.Reversed`. */
export const unexplained = (
  expected: Json.Json,
  actual: Json.Json,
  changes: Changes,
  places: ReadonlyArray<number>
): ReadonlyArray<Difference> => {
  if (changes.length === 0) return compare(expected, actual, "exact")
  const turns = merged(Json.list(expected, "messages"))
  const isMerged = turns.messages.length === Json.list(actual, "messages").length
  const told = isMerged && Json.isObject(expected) ? { ...expected, messages: turns.messages } : expected
  const fields = changes.flatMap(({ field, type }) => [
    placeOf(field, places, (index) => isMerged ? turns.turnOf(index) : index),
    // a system prompt that was moved to the user message
    ...(type === "folded-system" ? ["messages[0]"] : [])
  ])
  return compare(told, actual, "exact").filter(({ path }) => !fields.some((field) => isAt(path, field)))
}

/** Joins consecutive messages of one role; `turnOf` gives the turn of each message. */
const merged = (messages: ReadonlyArray<Json.Json>) => {
  const turns: Array<{ readonly role: Json.Json; readonly content: Array<Json.Json> }> = []
  const turnOf = messages.map((message) => {
    const role = Json.member(message, "role") ?? null
    const last = turns[turns.length - 1]
    if (last?.role === role) last.content.push(...Json.list(message, "content"))
    else turns.push({ role, content: [...Json.list(message, "content")] })
    return turns.length - 1
  })
  return {
    messages: turns.map(({ content, role }) => ({ role, content })),
    turnOf: (index: number) => turnOf[index] ?? index
  }
}

/** The path in a body for a field of our request. */
const placeOf = (
  field: string,
  places: ReadonlyArray<number>,
  turnOf: (index: number) => number
): string => {
  const message = /^messages\[(\d+)\]/.exec(field)?.[1]
  if (message !== undefined) {
    const place = places[Number(message)] ?? -1
    return place < 0 ? "system" : `messages[${turnOf(place)}]`
  }
  const [name = ""] = field.split(/[.[]/, 1)
  return written[name] ?? name
}

const written: Readonly<Record<string, string>> = {
  maxTokens: "inferenceConfig",
  reasoning: "additionalModelRequestFields",
  responseFormat: "outputConfig",
  stopSequences: "inferenceConfig",
  temperature: "inferenceConfig",
  toolChoice: "toolConfig",
  tools: "toolConfig",
  topP: "inferenceConfig"
}

const isAt = (path: string, place: string): boolean =>
  path.startsWith(place) && /^(?:$|[.[])/.test(path.slice(place.length))
