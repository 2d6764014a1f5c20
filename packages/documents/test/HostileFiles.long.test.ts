import { assert, describe, it } from "@effect/vitest"
import { Splitter } from "@strata/documents"
import * as Effect from "effect/Effect"
import { read } from "./support/Reading.ts"

const megabyte = 1_000_000

const filled = (part: string, length = megabyte) => part.repeat(Math.ceil(length / part.length))

const sentence = "The quick brown fox jumps over the lazy dog and goes on. "

/** What takes minutes where time is not in proportion to the length. */
const documents: Readonly<Record<string, readonly [name: string, content: () => string]>> = {
  "a fence of code of 1 MB": ["a.md", () => `\`\`\`\n${filled("const a = 1;\n")}\`\`\`\n`],
  "a line of code of 1 MB": ["a.md", () => `\`\`\`\n${filled("a();")}\n\`\`\`\n`],
  "a line of Chinese of 100 KB": ["a.md", () => filled("今天天气很好我们去公园玩吧", 100_000)],
  "a page of 1 MB on one line": ["a.html", () => `<body>${filled(`<div><p>${sentence}</p></div>`)}`],
  "a paragraph of 1 MB on one line": ["a.html", () => `<p>${filled(sentence)}`],
  "10,000 nested tags": ["a.html", () => `${"<div><b>".repeat(5000)}deep${"</b></div>".repeat(5000)}`],
  "200,000 nested tags": ["a.html", () => `${"<ul><li>".repeat(100_000)}deep`],
  "hidden tags, nested": ["a.html", () => `<p hidden>${filled("<span>")}</p>deep`],
  "items without an end": ["a.html", () => filled("<li>a")],
  "ends of nothing": ["a.html", () => `${filled("<ul>", 200_000)}${filled("</li>")}a`],
  "a search for ends in vain": [
    "a.html",
    () => `<li><ul>${"<blockquote>".repeat(30_000)}${"<li></li>".repeat(30_000)}a`
  ],
  "only the beginnings of tags": ["a.html", () => filled("<")],
  "a table of one row": ["a.html", () => `<table><tr>${filled("<td>a")}`],
  "nested lists": [
    "a.md",
    () => Array.from({ length: 20_000 }, (_, index) => `${"  ".repeat(index % 100)}- a`).join("\n")
  ],
  "quotes in quotes": ["a.md", () => `${filled("> ", 100_000)}a`],
  "brackets": ["a.md", () => `# ${filled("[*")}`],
  "one word": ["a.txt", () => filled("a")],
  "one character of 1 MB": ["a.txt", () => `a${filled("\u0301")}`],
  "emoji that are joined": ["a.txt", () => filled("👩\u200d")],
  "flags": ["a.txt", () => filled("🇩🇪")],
  "Thai": ["a.txt", () => filled("สวัสดีครับวันนี้อากาศดีมาก")],
  "spaces": ["a.txt", () => `a${filled(" ")}b`],
  "full stops": ["a.txt", () => filled(". ")],
  "lines": ["a.txt", () => filled("a\n")]
}

describe("A hostile document", () => {
  for (const [what, [name, content]] of Object.entries(documents)) {
    it.effect(`of ${what} is split in time that does not grow with its square, all chunks within the limit (jobs 64, 70)`, () =>
      Effect.gen(function*() {
        const text = content()
        const before = process.cpuUsage()
        const document = yield* read(name, text)
        const chunks = yield* Splitter.split(document)
        const { user } = process.cpuUsage(before)
        for (const { tokens } of chunks) assert.isAtMost(tokens, 512)
        assert.isNotEmpty(chunks)
        // Most take less than a second; what is quadratic takes minutes.
        assert.isBelow(user / 1e6, 15)
      }))
  }
})
