import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { read } from "./support/Reading.ts"

const blocksOf = (text: string) =>
  Effect.map(
    read("a.md", text),
    ({ blocks }) =>
      blocks.map(({ headings, kind, position: { first, last }, text }) => [kind, text, `${first}-${last}`, ...headings])
  )

describe("Markdown", () => {
  it.effect("gives headings, paragraphs, items, quotes, code and tables with their lines", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* blocksOf(
          "# A\n\nfirst\nparagraph\n\n- one\n  goes on\n  - inner\n- two\n\n> quoted\n\n```ts\ncode\n\n# no heading\n```\n\n" +
            "    indented\n\n| a | b |\n|---|---|\n| c | d |\n\n<div>\nraw\n</div>\n"
        ),
        [
          ["heading", "# A", "1-1"],
          ["paragraph", "first\nparagraph", "3-4", "A"],
          ["list-item", "- one\n  goes on", "6-7", "A"],
          ["list-item", "  - inner", "8-8", "A"],
          ["list-item", "- two", "9-9", "A"],
          ["quote", "> quoted", "11-11", "A"],
          ["code", "```ts\ncode\n\n# no heading\n```", "13-17", "A"],
          ["code", "    indented", "19-19", "A"],
          ["table", "| a | b |\n|---|---|\n| c | d |", "21-23", "A"],
          ["html", "<div>\nraw\n</div>", "25-27", "A"]
        ]
      )
    }))

  it.effect("knows all headings that a block stands under, without markup (jobs 70)", () =>
    Effect.gen(function*() {
      const { blocks } = yield* read(
        "a.md",
        "# The *whole* [guide](x) to `code`\n\nA\n=\n\n### Deep & *er*\n\nb\n\n## Two\n\nc\n\n# Last ![logo](x.png) #\n\nd"
      )
      assert.deepStrictEqual(
        blocks.filter(({ kind }) => kind === "paragraph").map(({ headings, text }) => [text, ...headings]),
        [["b", "A", "Deep & er"], ["c", "A", "Two"], ["d", "Last logo"]]
      )
      assert.deepStrictEqual(blocks[0]?.headings, [])
      assert.strictEqual(blocks[0]?.title, "The whole guide to code")
    }))

  it.effect("has no headings from quotes, items and code", () =>
    Effect.gen(function*() {
      const blocks = yield* blocksOf("# A\n\n> # B\n\n- # C\n\n```\n# D\n```\n\nend")
      assert.deepStrictEqual(blocks.map(([kind]) => kind), ["heading", "quote", "list-item", "code", "paragraph"])
      assert.deepStrictEqual(blocks.at(-1), ["paragraph", "end", "11-11", "A"])
    }))

  it.effect("reads front matter as metadata with the title, and two rules as rules", () =>
    Effect.gen(function*() {
      const document = yield* read("a.md", "---\ntitle: \"The Handbook\"\ntags: [a]\n---\n# A\n\nb")
      assert.strictEqual(document.title, "The Handbook")
      assert.deepStrictEqual(document.blocks.map(({ kind }) => kind), ["metadata", "heading", "paragraph"])
      assert.deepStrictEqual(document.blocks[2]?.headings, ["A"])
      const rules = yield* read("a.md", "---\nNo metadata\n\n---\n\nb")
      assert.isUndefined(rules.title)
    }))

  it.effect("leaves no line out: definitions of links, and what is nested deeper than the parser goes (jobs 70)", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* blocksOf("a [b][c]\n\n[c]: https://example.com\n\n---\n\nd"), [
        ["paragraph", "a [b][c]", "1-1"],
        ["paragraph", "[c]: https://example.com", "3-3"],
        ["paragraph", "d", "7-7"]
      ])
      const { blocks } = yield* read("a.md", `${">".repeat(1000)} deep\n\nend`)
      assert.deepStrictEqual(blocks.map(({ text }) => text.replaceAll(">", "")), [" deep", "end"])
    }))

  it.effect("is the same however long the document is: blocks are not cut between steps", () =>
    Effect.gen(function*() {
      const part = (index: number) =>
        `# H${index}\n\n${"word ".repeat(200)}\n\n- item\n- item\n\n\`\`\`\n# code ${index}\n\n${
          "x = 1\n".repeat(3000)
        }\`\`\`\n\n`
      const count = 60
      const document = yield* read("a.md", Array.from({ length: count }, (_, index) => part(index)).join(""))
      assert.isAbove(document.text.length, 1_000_000)
      assert.deepStrictEqual(
        document.blocks.map(({ headings, kind }) => [kind, ...headings]),
        Array.from({ length: count }, (_, index) => {
          const heading = `H${index}`
          return [["heading"], ["paragraph", heading], ["list-item", heading], ["list-item", heading], [
            "code",
            heading
          ]]
        }).flat()
      )
    }))
})
