/**
 * Formats the results as tables or as JSON.
 */
import * as Arr from "effect/Array"
import { type Difference, OneOf } from "./Difference.ts"
import type { Result } from "./Play.ts"
import { type File, isMantle, isOperation } from "./Recording.ts"

/** Whether there are no failures beyond the known differences. */
export const isPassed = (files: ReadonlyArray<File>, results: ReadonlyArray<Result>): boolean =>
  results.every(({ failed }) => failed.length === 0) && files.every(({ unreadable }) => unreadable.length === 0)

/** The whole report; `most`: maximum of printed failures per kind. */
export const toText = (files: ReadonlyArray<File>, results: ReadonlyArray<Result>, most: number): string =>
  [
    table(summary(results)),
    ...notPlayed(files),
    ...listed(results),
    ...changed(results),
    ...failures(results, most),
    ...files.flatMap(({ name, unreadable }) => unreadable.map((problem) => `${name}: unreadable, ${problem}`))
  ].join("\n\n")

/** The same as JSON: every result, and every difference. */
export const toJson = (results: ReadonlyArray<Result>): string =>
  JSON.stringify(
    results.map(({ listed, ...result }) => ({ ...result, listed: listed.map(({ kind }) => kind.name) })),
    (_, value: unknown) => typeof value === "bigint" ? value.toString() : value,
    2
  )

const summary = (results: ReadonlyArray<Result>): ReadonlyArray<ReadonlyArray<string | number>> => {
  const rows = Arr.groupBy(results, ({ direction, file }) => `${file}\n${direction}`)
  return [
    ["file", "direction", "played", "passed", "listed", "failed"],
    ...Object.entries(rows).map(([key, group]) => [...key.split("\n"), ...counts(group)]),
    ["all", "", ...counts(results)]
  ]
}

const counts = (group: ReadonlyArray<Result>): ReadonlyArray<number> => {
  const failed = group.filter(({ failed }) => failed.length > 0).length
  const listed = group.filter((result) => result.failed.length === 0 && result.listed.length > 0).length
  return [group.length, group.length - failed - listed, listed, failed]
}

const notPlayed = (files: ReadonlyArray<File>): ReadonlyArray<string> => {
  const ops = files.flatMap(({ recordings }) => recordings.map(({ op }) => op))
  return tally("Not played, since no client has the operation:", ops.filter((op) => !isOperation(op) && !isMantle(op)))
}

const listed = (results: ReadonlyArray<Result>): ReadonlyArray<string> => [
  ...tally("Listed:", results.flatMap(({ listed }) => listed.map(({ kind }) => `${kind.name}: ${kind.reason}`))),
  ...tally(
    "Not supported by the API:",
    results.flatMap(({ listed }) =>
      listed.filter(({ difference }) => difference.problem === "unsupported").map(({ difference }) => difference.path)
    )
  )
]

const changed = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  tally(
    "Changed before sending, and reported, although the service accepted the recorded form:",
    results.flatMap(({ changes, direction }) => changes.map((change) => `${direction}: ${change}`))
  )

/** The frequency of each name, under a title; empty without names. */
const tally = (title: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const groups = Object.entries(Arr.groupBy(names, anyNumber))
  return groups.length === 0
    ? []
    : [[title, ...groups.map(([name, { length }]) => `  ${length} × ${name}`)].join("\n")]
}

const anyNumber = (text: string): string => text.replaceAll(/\[\d+\]/g, "[]")

/** Failures grouped by direction, problem and path without its indices. */
const failures = (results: ReadonlyArray<Result>, most: number): ReadonlyArray<string> => {
  const all = results.flatMap(({ direction, failed, id }) =>
    failed.map((difference) => ({ direction, id, difference }))
  )
  const kinds = Arr.groupBy(all, ({ difference, direction }) => `${direction}: ${kindOf(difference)}`)
  return Object.entries(kinds).toSorted(([, one], [, other]) => other.length - one.length).map(([kind, group]) =>
    [
      `FAILED ${kind} (${group.length})`,
      ...group.slice(0, most).map(({ difference, id }) => `  ${id}\n    ${describe(difference)}`),
      ...(group.length > most ? [`  … and ${group.length - most} more`] : [])
    ].join("\n")
  )
}

/** The group of a difference. */
export const kindOf = ({ actual, path, problem }: Difference): string => {
  const place = anyNumber(path)
  if (problem !== "refused" && problem !== "defect") return `${problem} ${place}`
  return `${problem} ${String(actual).split("\n", 1)[0]?.replaceAll(/\d+/g, "#").slice(0, 120)}`
}

/** A difference on one line. */
export const describe = ({ actual, expected, path, problem }: Difference): string =>
  [
    `${path === "" ? "(all)" : path}: ${problem}`,
    ...(expected === undefined ? [] : [`expected ${brief(expected, String)}`]),
    ...(actual === undefined ? [] : [`got ${brief(actual, (number) => `BigInt(${number})`)}`])
  ].join(", ")

const brief = (value: unknown, large: (number: bigint) => string): string => {
  const text = value instanceof Uint8Array ? `${value.length} bytes` : JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof OneOf) return inner.forms[0]
    return typeof inner === "bigint" ? large(inner) : inner
  })
  return text.length > 160 ? `${text.slice(0, 160)}… (${text.length} characters)` : text
}

const table = (rows: ReadonlyArray<ReadonlyArray<string | number>>): string => {
  const cells = rows.map((row) => row.map(String))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells
    .map((row) =>
      row.map((cell, column) => column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))
        .join("  ")
    )
    .join("\n")
}
