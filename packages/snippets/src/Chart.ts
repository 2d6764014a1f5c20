/**
 * The chart of the README, `docs/chart.svg`, made of tables of `docs/performance.md`.
 *
 * After `pnpm bench` has measured anew, `node packages/snippets/src/Chart.ts` draws it again.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

const panels = [
  { section: "Throughput", column: "calls/s", title: "calls/s, 64 in flight (more is better)" },
  { section: "Bursts", column: "1000 cold ms", title: "ms for 1,000 calls at once (less is better)" }
]

const clients = ["Strata", "AWS SDK", "AI SDK", "LangChain"]

/** Draws the medians of a text such as `docs/performance.md`. */
export const draw = (performance: string): string => {
  const drawn = panels.map(({ column, section, title }, index) => {
    const medians = clients.map((client) => median(performance, section, column, client))
    const longest = Math.max(...medians)
    const bars = medians.map((value, row) => {
      const [y, width] = [36 + row * 22, Math.round(value / longest * 190)]
      const kind = row === 0 ? "own" : "other"
      return `<text x="72" y="${y + 12}" text-anchor="end">${clients[row]}</text>` +
        `<rect x="80" y="${y}" width="${width}" height="15" class="${kind}"/>` +
        `<text x="${86 + width}" y="${y + 12}">${value}</text>`
    })
    return `<g transform="translate(${index * 340} 0)"><text x="8" y="22" class="title">${title}</text>\n${
      bars.join("\n")
    }</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="680" height="132" viewBox="0 0 680 132" role="img">` +
    `<title>${panels.map(({ title }) => title).join("; ")}</title><style>` +
    `text{font:12px system-ui,sans-serif;fill:#555}.title{font-weight:600;fill:#222}.own{fill:#2f6fdf}.other{fill:#b8bfca}` +
    `</style><rect width="100%" height="100%" fill="#fff"/>\n${drawn.join("\n")}\n</svg>\n`
}

/** The number before the range in a cell. */
const median = (performance: string, section: string, column: string, client: string): number => {
  const rows = (performance.split(`\n## ${section}\n`)[1] ?? "").split("\n## ")[0]!.split("\n")
    .filter((line) => line.startsWith("|")).map((line) => line.split("|").map((cell) => cell.trim()))
  const cell = rows.find((cells) => cells[1] === client)?.[rows[0]?.indexOf(column) ?? -1]
  const value = Number.parseFloat(cell ?? "")
  if (Number.isNaN(value)) throw new Error(`docs/performance.md has no "${column}" of ${client}`)
  return value
}

if (import.meta.main) {
  const docs = Path.resolve(import.meta.dirname, "../../../docs")
  Fs.writeFileSync(Path.join(docs, "chart.svg"), draw(Fs.readFileSync(Path.join(docs, "performance.md"), "utf8")))
}
