import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Sentences from "../src/Sentences.ts"

const texts = (markdown: string) => Sentences.split(markdown).map(({ text }) => text)

const wordsOf = (text: string) => text.match(/[\p{L}\p{N}]+/gu) ?? []

/** A digit comes with a blank: one with a dot begins an item of a list, and goes with its mark. */
const Markdown = Schema.Literals([
  ..."ab?!*|>-+@_ \n",
  "9 ",
  "x`y",
  ". ",
  "Then ",
  "\n\n",
  "\n- ",
  "\n* ",
  "\n> ",
  "e.g. ",
  "**",
  "/** ",
  " */",
  "---"
])

describe("Sentences", () => {
  it("splits a wrapped paragraph into its sentences", () => {
    assert.deepStrictEqual(texts("Refunds take five\ndays. They go to the card\nyou paid with."), [
      "Refunds take five days.",
      "They go to the card you paid with."
    ])
  })

  it("makes a sentence of each bullet, with what is wrapped under it", () => {
    assert.deepStrictEqual(texts("Limits:\n- 16 texts in\n  a batch\n* no blanks\n2. no images"), [
      "Limits:",
      "16 texts in a batch",
      "no blanks",
      "no images"
    ])
  })

  it("keeps a heading with the sentences under it", () => {
    assert.deepStrictEqual(Sentences.split("Before.\n# Refunds\nWithin a month."), [
      { text: "Before.", heading: "" },
      { text: "Within a month.", heading: "Refunds" }
    ])
  })

  it("leaves code blocks out", () => {
    assert.deepStrictEqual(texts("Run it:\n```ts\nconst a = 1\n```\nThat is all.\n~~~\n```\n~~~"), [
      "Run it:",
      "That is all."
    ])
  })

  it("reads the text of a documentation comment", () => {
    const comment = "/**\n * Builds a client. It is\n * shared.\n *\n * @param options how to build it\n */"
    assert.deepStrictEqual(texts(`${comment}\n/** One line. */`), [
      "Builds a client.",
      "It is shared.",
      "@param options how to build it",
      "One line."
    ])
  })

  it("does not split at abbreviations, inside code or inside bold", () => {
    for (const sentence of ["Use a provider, e.g. Bedrock.", "Set `model? Or` both.", "**Beware. Danger.** Ahead."]) {
      assert.deepStrictEqual(texts(sentence), [sentence])
    }
  })

  it.prop("loses no word and keeps their order", [Schema.Array(Markdown)], ([pieces]) => {
    const text = pieces.join("")
    assert.deepStrictEqual(texts(text).flatMap(wordsOf), wordsOf(text))
  })

  it.prop("gives no blank sentence and no line break", [Schema.Array(Markdown)], ([pieces]) => {
    for (const sentence of texts(pieces.join(""))) {
      assert.strictEqual(sentence, sentence.trim())
      assert.notStrictEqual(sentence, "")
      assert.notInclude(sentence, "\n")
    }
  })
})
