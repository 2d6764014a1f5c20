import { assert, describe, it } from "@effect/vitest"
import * as Words from "../src/Words.ts"

describe("Words", () => {
  it("splits camelCase and abbreviations, and leaves out stop words", () => {
    assert.deepStrictEqual(Words.split("How do I use retryPolicy of the HTTPServer?"), [
      "retri",
      "polici",
      "http",
      "server"
    ])
  })

  // From the sample vocabulary of https://tartarus.org/martin/PorterStemmer/
  it.each([
    ["caresses", "caress"],
    ["ponies", "poni"],
    ["cats", "cat"],
    ["agreed", "agre"],
    ["feed", "feed"],
    ["plastered", "plaster"],
    ["motoring", "motor"],
    ["sing", "sing"],
    ["conflated", "conflat"],
    ["hopping", "hop"],
    ["falling", "fall"],
    ["filing", "file"],
    ["happy", "happi"],
    ["sky", "sky"],
    ["relational", "relat"],
    ["conditional", "condit"],
    ["vietnamization", "vietnam"],
    ["operator", "oper"],
    ["hopefulness", "hope"],
    ["triplicate", "triplic"],
    ["electrical", "electr"],
    ["revival", "reviv"],
    ["adjustable", "adjust"],
    ["replacement", "replac"],
    ["adoption", "adopt"],
    ["effective", "effect"],
    ["probate", "probat"],
    ["rate", "rate"],
    ["controlling", "control"],
    ["roll", "roll"]
  ])("%s has the stem %s", (word, stem) => assert.strictEqual(Words.stem(word), stem))

  it("finds the same stem for the forms of a word", () => {
    for (
      const forms of ["retries retrying retried retry", "exhaustive exhaustiveness", "dependency dependencies depend"]
    ) {
      assert.lengthOf(new Set(Words.split(forms)), 1, forms)
    }
  })

  it("leaves other scripts and numbers as they are", () => {
    assert.deepStrictEqual(Words.split("Überraschung in 東京, 2026"), ["überraschung", "東京", "2026"])
  })
})
