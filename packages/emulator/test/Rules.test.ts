import { assert, describe, it } from "@effect/vitest"
import { Rules } from "@strata/emulator"
import * as Fs from "node:fs"
import { markdown } from "./rules/markdown.ts"

describe("Rules", () => {
  it("are the same as in RULES.md", () => {
    assert.strictEqual(Fs.readFileSync(new URL("../RULES.md", import.meta.url), "utf8").trimEnd(), markdown)
  })

  it("occur once in their group", () => {
    for (const { of, rules } of Rules.all) {
      assert.strictEqual(new Set(rules.map(({ refuses }) => refuses)).size, rules.length, of)
    }
  })
})
