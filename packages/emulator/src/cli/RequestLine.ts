/**
 * One line per finished request: time, status, duration, tokens and operation, and why it was refused. Never its content.
 */
import * as DateTime from "effect/DateTime"
import type * as Statistics from "../Statistics.ts"

/** The header of the columns of {@link fromRequest}. */
export const head = [
  "time".padEnd(12),
  "status",
  ...["ms", "in", "out"].map((name) => name.padStart(7)),
  "operation".padEnd(14),
  "model"
].join("  ")

/** Formatting options: `zone` of the times, and whether the terminal supports colours. */
export interface Style {
  readonly zone: DateTime.TimeZone
  readonly colors: boolean
}

/** The line of a request, such as `16:40:12.345  200  12  7  3  Converse amazon.nova-lite-v1:0  throttle`, aligned. */
export const fromRequest = (request: Statistics.ReceivedRequest, { colors, zone }: Style): string => {
  const { faults, inputTokens, millis = 0, modelId, operation, outcome, outputTokens, path, receivedAt, status } =
    request
  // a fault says it all
  const refusal = faults.length === 0 ? request.refusal : undefined
  const paint = (color: Color, text: string) => colors ? `\x1b[${color}m${text}\x1b[0m` : text
  const events = [...faults, ...(outcome === "aborted" ? ["aborted"] : [])].join(", ")
  return [
    paint(dim, timeOf(receivedAt + millis, zone)),
    paint(colorOf(status), String(status ?? "-").padStart(6)),
    ...[millis, inputTokens ?? "-", outputTokens ?? "-"].map((count) => String(count).padStart(7)),
    (operation ?? "?").padEnd(14),
    printable(modelId ?? path.replace(/\?.*$/s, "")),
    ...(events === "" ? [] : [paint(yellow, events)]),
    ...(refusal === undefined ? [] : [paint(dim, reasonOf(refusal))])
  ].join("  ")
}

/** The exception with its message, and the rule. */
const reasonOf = ({ exception, message, rule }: Statistics.Refusal): string => {
  const text = message === undefined ? exception : `${exception}: ${message}`
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text
  return printableText(rule === undefined ? short : `${short} [rule: ${rule.refuses} (${rule.source})]`)
}

const longest = 400

/** A message may quote what a client sent. */
const printableText = (text: string): string => text.replace(/\p{C}/gu, "?")

type Color = typeof dim | typeof red | typeof yellow | typeof green

const dim = 2
const red = 31
const green = 32
const yellow = 33

const colorOf = (status: number | undefined): Color =>
  status === undefined || status >= 500 ? red : status >= 400 ? yellow : green

const timeOf = (milliseconds: number, zone: DateTime.TimeZone): string =>
  DateTime.formatIsoOffset(DateTime.makeZonedUnsafe(milliseconds, { timeZone: zone })).slice(11, 23)

/** Names are chosen by clients and must not contain control characters. */
const printable = (name: string): string => name.replace(/[\p{C}\s]/gu, "?")
