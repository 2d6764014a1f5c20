/**
 * The figures of a comparison as Markdown, and as a chart.
 */
import { type Figures, type WorkloadName, workloads } from "./Workload.ts"

/** The figures of each round, by client; a client without rounds could not do it. */
export type Rounds = ReadonlyMap<string, ReadonlyArray<Figures>>

const sorted = (rounds: ReadonlyArray<Figures>, figure: string): ReadonlyArray<number> =>
  rounds.flatMap((figures) => figures[figure] ?? []).sort((a, b) => a - b)

/** The middle of an odd number of rounds, the lower of the two of an even one. */
export const median = (rounds: ReadonlyArray<Figures>, figure: string): number | undefined => {
  const values = sorted(rounds, figure)
  return values[values.length - 1 >> 1]
}

const number = (value: number): string =>
  value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const cell = (rounds: ReadonlyArray<Figures>, figure: string): string => {
  const values = sorted(rounds, figure)
  const middle = median(rounds, figure)
  if (middle === undefined) return "–"
  const [least, most] = [values[0]!, values.at(-1)!]
  return least === most ? number(middle) : `${number(middle)} (${number(least)}–${number(most)})`
}

const figuresOf = (rounds: Rounds): ReadonlyArray<string> => [
  ...new Set([...rounds.values()].flat().flatMap((figures) => Object.keys(figures)))
]

/** The medians with their range, and under them what Strata's is as a multiple of every other's. */
export const table = (name: WorkloadName, rounds: Rounds): string => {
  const { about, title } = workloads[name]
  const figures = figuresOf(rounds)
  const own = rounds.get("Strata") ?? []
  const rows = Array.from(rounds, ([client, of]) => [client, ...figures.map((figure) => cell(of, figure))])
  const ratios = Array.from(rounds).filter(([client]) => client !== "Strata").map(([client, of]) => [
    `Strata ÷ ${client}`,
    ...figures.map((figure) => {
      const [ours, theirs] = [median(own, figure), median(of, figure)]
      return ours === undefined || theirs === undefined || theirs === 0 ? "–" : `**${(ours / theirs).toFixed(2)} ×**`
    })
  ])
  return [`## ${title}`, "", about, "", markdown([["", ...figures], ...rows, ...ratios])].join("\n")
}

const markdown = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.map((row, index) => `| ${row.join(" | ")} |${index === 0 ? `\n| --- |${" ---: |".repeat(row.length - 1)}` : ""}`)
    .join("\n")

/** What the chart shows of each workload. */
const charted: ReadonlyArray<readonly [WorkloadName, figure: string]> = [
  ["throughput", "calls/s"],
  ["throughput", "CPU ms/call"],
  ["burst", "1000 cold ms"],
  ["stream", "16 × 1 a write, events/s"],
  ["distance", "first token ms"],
  ["embed", "titan CPU ms"],
  ["refused", "ms"]
]

/** Bars of the medians, as SVG. */
export const chart = (results: ReadonlyMap<WorkloadName, Rounds>): string => {
  const [left, width, bar] = [150, 420, 16]
  let y = 10
  const parts = charted.flatMap(([name, figure]) => {
    const rounds = results.get(name)
    if (rounds === undefined) return []
    const values = Array.from(rounds, ([client, of]) => ({ client, value: median(of, figure) }))
      .flatMap(({ client, value }) => value === undefined ? [] : [{ client, value }])
    const most = Math.max(...values.map(({ value }) => value))
    const better = workloads[name].more.includes(figure) ? "more is better" : "less is better"
    const heading = `<text x="10" y="${y += 22}" class="h">${workloads[name].title}: ${figure} (${better})</text>`
    const bars = values.map(({ client, value }) => {
      y += bar + 4
      const long = Math.max(1, width * value / most)
      return `<text x="${left - 8}" y="${y + 4}" text-anchor="end">${client}</text>` +
        `<rect x="${left}" y="${y - 8}" width="${long.toFixed(0)}" height="${bar - 2}" class="${
          client === "Strata" ? "own" : "other"
        }"/>` +
        `<text x="${(left + long + 6).toFixed(0)}" y="${y + 4}">${number(value)}</text>`
    })
    y += 8
    return [heading, ...bars]
  })
  const style =
    "text{font:12px system-ui,sans-serif;fill:#555}.h{font-weight:600;fill:#222}.own{fill:#2f6fdf}.other{fill:#b8bfca}"
  return `<svg xmlns="http://www.w3.org/2000/svg" width="660" height="${y + 20}" viewBox="0 0 660 ${y + 20}">` +
    `<rect width="100%" height="100%" fill="#fff"/><style>${style}</style>\n${parts.join("\n")}\n</svg>\n`
}
