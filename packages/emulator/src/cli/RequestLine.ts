/**
 * One line for each request that is over: when, how it went, how long it took, what it cost, and what it asked for. Never
 * what was said in it.
 */
import * as DateTime from "effect/DateTime"
import type * as Statistics from "../Statistics.ts"

/** Names the columns of {@link fromRequest}. */
export const head = [
  "time".padEnd(12),
  "status",
  ...["ms", "in", "out"].map((name) => name.padStart(7)),
  "operation".padEnd(14),
  "model"
].join("  ")

/** How to write: `zone` of the times, and whether a terminal shows colours. */
export interface Style {
  readonly zone: DateTime.TimeZone
  readonly colors: boolean
}

/** The line of a request, such as `16:40:12.345  200  12  7  3  Converse amazon.nova-lite-v1:0  throttle`, aligned. */
export const fromRequest = (request: Statistics.ReceivedRequest, { colors, zone }: Style): string => {
  const { faults, inputTokens, millis = 0, modelId, operation, outcome, outputTokens, path, receivedAt, status } =
    request
  const paint = (color: Color, text: string) => colors ? `\x1b[${color}m${text}\x1b[0m` : text
  const fate = [...faults, ...(outcome === "aborted" ? ["aborted"] : [])].join(", ")
  return [
    paint(dim, timeOf(receivedAt + millis, zone)),
    paint(colorOf(status), String(status ?? "-").padStart(6)),
    ...[millis, inputTokens ?? "-", outputTokens ?? "-"].map((count) => String(count).padStart(7)),
    (operation ?? "?").padEnd(14),
    printable(modelId ?? path),
    ...(fate === "" ? [] : [paint(yellow, fate)])
  ].join("  ")
}

type Color = typeof dim | typeof red | typeof yellow | typeof green

const dim = 2
const red = 31
const green = 32
const yellow = 33

const colorOf = (status: number | undefined): Color =>
  status === undefined || status >= 500 ? red : status >= 400 ? yellow : green

const timeOf = (milliseconds: number, zone: DateTime.TimeZone): string =>
  DateTime.formatIsoOffset(DateTime.makeZonedUnsafe(milliseconds, { timeZone: zone })).slice(11, 23)

/** A client chooses these names: they must not move the cursor. */
const printable = (name: string): string => name.replace(/[\p{C}\s]/gu, "?")
