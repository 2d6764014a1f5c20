/**
 * Differences that are known and justified: at most ten kinds. A table counts what has no other as `listed`.
 */
import * as Result from "effect/Result"
import type { Difference } from "./Difference.ts"
import * as Recording from "./Recording.ts"
import * as Json from "./wire/Json.ts"

/** The four questions that are asked of an exchange. */
export type Direction = "decode" | "encode" | "round trip" | "emulator"

/**
 * One kind.
 *
 * - `name`: how the report calls it; `reason`: why it is no fault.
 * - `direction`: where it can be.
 * - `matches`: how it is recognised.
 */
export interface Known {
  readonly name: string
  readonly reason: string
  readonly direction: Direction
  readonly matches: (difference: Difference, recording: Recording.Recording) => boolean
}

/** All of them. */
export const kinds: ReadonlyArray<Known> = [
  {
    name: "empty members",
    reason: "an empty object, list or description says what none says, and is not sent",
    direction: "encode",
    matches: ({ expected, path, problem }) =>
      problem === "missing" && isEmpty(expected) &&
      !/^messages\[|^additionalModelRequestFields\.|inputSchema/.test(path)
  },
  {
    name: "automatic tool choice",
    reason: "`auto` is what a request without a choice means, and is not sent",
    direction: "encode",
    matches: ({ path }) => path === "toolConfig.toolChoice.auto"
  },
  {
    name: "embedding defaults",
    reason: "what a body leaves to the model is said: how texts are cut, which type the vectors have",
    direction: "encode",
    matches: ({ path, problem }, { op }) =>
      op === "invoke" && problem === "unexpected" && /^(?:truncate|embedding_types)$/.test(path)
  },
  {
    name: "members that are newer than the recording",
    reason: "the emulator speaks as the service does today; which counters and details there are has grown with time",
    direction: "emulator",
    matches: ({ path, problem }) => problem === "unexpected" && newer.test(path)
  },
  {
    name: "answer without counters",
    reason: "the service counts every answer: these were altered by hand",
    direction: "emulator",
    matches: ({ path, problem }, recording) =>
      problem === "unexpected" && /^(?:usage|metrics)\b/.test(path) && isUncounted(recording)
  },
  {
    name: "policies of guardrails",
    reason: "the emulator's guardrails have words and topics, no filters and no personal data",
    direction: "emulator",
    matches: ({ path, problem }) =>
      problem === "unexpected"
        ? /\b(?:word|topic)Policy$/.test(path)
        : /\b(?:content|sensitiveInformation|contextualGrounding|automatedReasoning)Policy$/.test(path)
  },
  {
    name: "models of images, video and speech",
    reason: "the emulator answers text and vectors",
    direction: "emulator",
    matches: ({ problem }, { model }) =>
      problem === "refused" && /canvas|image-generator|stability\.|reel|luma\.|pegasus|sonic/.test(model)
  }
]

const isEmpty = (value: unknown): boolean =>
  value === "" || typeof value === "object" && value !== null && Object.keys(value).length === 0

const newer =
  /\b(?:serverToolUsage|stop_details|cache_creation|cache_(?:creation|read)_input_tokens|service_tier|inference_geo)$/

const isUncounted = ({ body }: Recording.Recording): boolean => {
  const usage = Json.object(Result.getOrUndefined(Json.parseBytes(body)), "usage")
  return Json.number(usage, "inputTokens") === undefined && Json.number(usage, "input_tokens") === undefined
}

/** The kind of a difference, if it is known. */
export const find = (
  difference: Difference,
  direction: Direction,
  recording: Recording.Recording
): Known | undefined => kinds.find((kind) => kind.direction === direction && kind.matches(difference, recording))
