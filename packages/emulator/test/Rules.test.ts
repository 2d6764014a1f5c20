import { assert, describe, it } from "@effect/vitest"
import { Rules } from "@strata/emulator"
import * as Fs from "node:fs"
import { markdown } from "./rules/markdown.ts"

describe("Rules", () => {
  it("are listed in RULES.md as they are", () => {
    assert.strictEqual(Fs.readFileSync(new URL("../RULES.md", import.meta.url), "utf8").trimEnd(), markdown)
  })

  it("say each of them once in its group", () => {
    for (const { of, rules } of Rules.all) {
      assert.strictEqual(new Set(rules.map(({ refuses }) => refuses)).size, rules.length, of)
    }
  })
})
