/**
 * The details of one request: why it was refused, how its answer went, and what was sent.
 */

/** @import { Detail } from "../RequestLog.ts" */
/** @import { Refusal } from "../../Statistics.ts" */

import { element } from "./element.js"
import * as Format from "./format.js"

/** @type {(detail: Detail) => ReadonlyArray<Node>} */
export const describe = (detail) => [
  ...why(detail),
  element(
    "dl",
    { class: "facts" },
    ...fact("Outcome", outcomeOf(detail)),
    ...(detail.millis === undefined ? [] : fact("Took", Format.duration(detail.millis))),
    ...(detail.events === 0 ? [] : fact("Events", `${Format.count(detail.events)} were sent`)),
    ...fact("Sent", Format.bytes(detail.sentBytes)),
    ...(detail.outputTokens === undefined ? [] : fact("Tokens", tokensOf(detail))),
    ...fact("Model", detail.model ?? "none"),
    ...fact("Region", detail.region),
    ...fact("Request id", detail.requestId)
  ),
  ...bodies(detail),
  element(
    "details",
    {},
    element("summary", {}, "Path and headers"),
    element(
      "dl",
      { class: "facts" },
      ...fact("Path", detail.path),
      ...fact("Protocol", `HTTP/${detail.protocol}`),
      ...fact("Signed by", detail.scheme ?? "no accepted credentials"),
      ...Object.entries(detail.headers).filter(([name]) => !name.startsWith(":")).flatMap(([name, value]) =>
        fact(name, value)
      )
    )
  )
]

/** Why it was refused, or struck. */
const why = (/** @type {Detail} */ { faults, refusal, status }) => {
  if (refusal === undefined && faults.length === 0) return []
  return [element(
    "section",
    { class: "why", "aria-label": "Why" },
    element("h4", {}, refusal === undefined ? "A fault struck it" : "Why it was refused"),
    element(
      "dl",
      { class: "facts" },
      ...(refusal === undefined ? [] : refusedBy(refusal, status)),
      ...(faults.length === 0 ? [] : fact("Fault", `${faults.join(", ")}, injected here`))
    )
  )]
}

/** @type {(refusal: Refusal, status: number | undefined) => ReadonlyArray<Node>} */
const refusedBy = ({ exception, field, message, quota, retryMillis, rule }, status) => [
  ...fact("Status", `${status ?? "in the stream"} ${exception}`),
  ...(message === undefined
    ? fact("Message", "Not shown: it may quote a prompt. Turn capture on to see it.")
    : fact("Message", message)),
  ...(field === undefined ? [] : fact("Field", field)),
  ...(rule === undefined ? [] : fact("Rule", `It refuses ${rule.refuses}. Evidence: ${rule.source}.`)),
  ...(quota === undefined ? [] : [
    ...fact("Quota", `${quota.name}: ${Format.count(quota.limit)} ${quota.unit} per ${windowOf(quota.windowMillis)}`),
    ...fact("Needed", `${Format.count(quota.needed)}, but ${Format.count(Math.max(0, quota.left))} were left`)
  ]),
  ...(quota === undefined ? [] : fact(
    "Retry",
    retryMillis === undefined
      ? "Never accepted: it needs more than the quota allows at all."
      : `Accepted ${Format.duration(retryMillis)} later, if no other request takes it.`
  ))
]

const windowOf = (/** @type {number} */ millis) => {
  if (millis === 60_000) return "minute"
  return millis === 86_400_000 ? "day" : Format.duration(millis)
}

const tokensOf = (/** @type {Detail} */ { inputTokens, outputTokens = 0 }) =>
  `${inputTokens === undefined ? "" : `${Format.count(inputTokens)} in, `}${Format.count(outputTokens)} out`

/** @type {(detail: Detail) => string} */
const outcomeOf = ({ events, outcome, status }) => {
  const after = events === 0 ? "" : `, after ${Format.count(events)} events`
  switch (outcome) {
    case "in-flight":
      return status === undefined ? "The answer has not begun" : `The answer is being sent${after}`
    case "aborted":
      return `Stopped by the client${after}`
    case "dropped":
      return `Cut off by a fault${after}`
    case "failed":
      return "The emulator could not send its answer"
    default:
      return `${status ?? ""} sent completely`
  }
}

/** @type {(detail: Detail) => ReadonlyArray<Node>} */
const bodies = ({ answer, body }) =>
  body === undefined && answer === undefined
    ? [element(
      "p",
      { class: "note" },
      "Bodies may hold prompts and are not kept. Turn on “Keep bodies” to see those of later requests."
    )]
    : [...shown("Request", body), ...shown("Answer", answer)]

/** @type {(name: string, body: unknown) => ReadonlyArray<Node>} */
const shown = (name, body) =>
  body === undefined ? [] : [
    element("h4", {}, name),
    element(
      "pre",
      { tabindex: 0, role: "region", "aria-label": `${name}: body` },
      typeof body === "string" ? body : JSON.stringify(body, null, 2)
    )
  ]

/** @type {(name: string, value: string) => ReadonlyArray<Node>} */
const fact = (name, value) => [element("dt", {}, name), element("dd", {}, value)]
