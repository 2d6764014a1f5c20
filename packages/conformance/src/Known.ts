/**
 * Known, justified differences: at most ten kinds. Exchanges with no other differences count as `listed`.
 */
import * as Result from "effect/Result"
import type { Difference } from "./Difference.ts"
import * as Recording from "./Recording.ts"
import * as Json from "./wire/Json.ts"

/** The four directions of an exchange. */
export type Direction = "decode" | "encode" | "round trip" | "emulator"

/**
 * A kind of known difference.
 *
 * - `name`: its name in the report; `reason`: why it is not a fault.
 * - `direction`: where it occurs.
 * - `matches`: whether a difference is of this kind.
 */
export interface Known {
  readonly name: string
  readonly reason: string
  readonly direction: Direction
  readonly matches: (difference: Difference, recording: Recording.Recording) => boolean
}

/** All kinds. */
export const kinds: ReadonlyArray<Known> = [
  {
    name: "empty members",
    reason: "an empty object, list or description equals a missing one, and is not sent",
    direction: "encode",
    matches: ({ expected, path, problem }) =>
      problem === "missing" && isEmpty(expected) &&
      !/^messages\[|^additionalModelRequestFields\.|inputSchema/.test(path)
  },
  {
    name: "automatic tool choice",
    reason: "`auto` is the default, and is not sent",
    direction: "encode",
    matches: ({ path }) => path === "toolConfig.toolChoice.auto"
  },
  {
    name: "embedding defaults",
    reason: "defaults of the model are sent explicitly: truncation, type of the vectors",
    direction: "encode",
    matches: ({ path, problem }, { op }) =>
      op === "invoke" && problem === "unexpected" && /^(?:truncate|embedding_types)$/.test(path)
  },
  {
    name: "reasoning is asked for in its encrypted form",
    reason: "nothing is stored on the server, so that reasoning could not go back with the next request otherwise",
    direction: "encode",
    matches: ({ path, problem }, { op }) => Recording.isMantle(op) && problem === "unexpected" && path === "include"
  },
  {
    name: "members that are newer than the recording",
    reason: "the emulator answers like today's service, which has more counters and details than earlier recordings",
    direction: "emulator",
    matches: ({ path, problem }) => problem === "unexpected" && newer.test(path)
  },
  {
    name: "answer without counters",
    reason: "the service sends counters with every answer: these recordings were edited by hand",
    direction: "emulator",
    matches: ({ path, problem }, recording) =>
      problem === "unexpected" && /^(?:usage|metrics)\b/.test(path) && isUncounted(recording)
  },
  {
    name: "policies of guardrails",
    reason: "the emulator's guardrails have words and topics, but no content filters and no PII detection",
    direction: "emulator",
    matches: ({ path, problem }) =>
      problem === "unexpected"
        ? /\b(?:word|topic)Policy$/.test(path)
        : /\b(?:content|sensitiveInformation|contextualGrounding|automatedReasoning)Policy$/.test(path)
  },
  {
    name: "models of images, video and speech",
    reason: "the emulator returns text and vectors only",
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
