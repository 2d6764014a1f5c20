import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Chart from "../src/Chart.ts"
import * as Pages from "./support/Pages.ts"

const readme = Pages.page("README.md")
const [smallest] = readme.snippets
const read = (file: string): string => Fs.readFileSync(Path.join(Pages.root, file), "utf8")

describe("README.md", () => {
  it("begins with a program of at most a third more lines than the same with the AI SDK", () => {
    const lines = (code: string): number => code.split("\n").filter((line) => line.trim() !== "").length
    const other = lines(Fs.readFileSync(Path.join(import.meta.dirname, "fixtures/ai-sdk.ts"), "utf8"))
    assert.isAtMost(lines(smallest!.code), other * 4 / 3)
  })

  it("has that program in its first lines, and fewer than 140 of them", () => {
    assert.isAtMost(smallest!.line, 10)
    assert.isBelow(readme.text.split("\n").length - 1, 140)
  })

  it("has the chart of what is measured now; `node packages/snippets/src/Chart.ts` draws it", () => {
    assert.strictEqual(read("docs/chart.svg"), Chart.draw(read("docs/performance.md")))
  })

  it("says what the measurements say", () => {
    const scaling = read("docs/scaling.md")
    assert.include(readme.text, "a million documents used 98 % of a quota, and no call was [refused]")
    assert.match(scaling, /Over a million documents.* used 98\.0 % over SQLite .*, none refused/s)
    assert.match(
      readme.text,
      /killed a hundred times while it embedded 20,000 documents \[lost none and wrote none\s+twice\]/
    )
    assert.match(scaling, /Killed a hundred times.*among 20,000.*\| lost, written twice +\| +0, 0 \| +0, 0 \|/s)
    assert.match(readme.text, /costs half the processor time/)
    assert.match(read("docs/performance.md"), /^\| Strata ÷ AWS SDK \| \*\*[\d.]+ ×\*\* \| \*\*0\.(4|5)\d ×\*\*/m)
  })

  it("describes the versions of other libraries that its claims were checked with", () => {
    const version = (name: string): string =>
      JSON.parse(read(`packages/snippets/node_modules/${name}/package.json`)).version
    assert.include(readme.text, `ai ${version("ai")} with @ai-sdk/amazon-bedrock ${version("@ai-sdk/amazon-bedrock")}`)
    assert.include(readme.text, `@langchain/aws ${version("@langchain/aws")}`)
    assert.include(readme.text, `effect ${version("effect").replace(/\.\d+$/, "")}`)
  })
})
