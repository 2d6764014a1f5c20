import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Compiler from "./support/Compiler.ts"
import { expected } from "./support/expected.ts"
import * as Files from "./support/Files.ts"
import * as Links from "./support/Links.ts"
import * as Pages from "./support/Pages.ts"
import * as Programs from "./support/Programs.ts"
const pages = Pages.all().filter(({ name }) =>
  name.includes("/recipes/") || name.includes("packages/emulator/README") ||
  name.includes("packages/persistence/README")
)
describe("tmp", () => {
  it("compile", async () => {
    const errors = await Compiler.errors(pages, "tmprecipes")
    assert.deepStrictEqual([...errors.values()].flat(), [])
  }, 300_000)
  const folder = Files.make("tmp-programs")
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))
  for (const program of pages.filter(({ name }) => name.includes("/recipes/")).flatMap(Programs.of)) {
    it.live(`${program.page.name}:${program.snippet.line}`, () => expected(program, folder), 120_000)
  }
  for (const page of pages) it(`links ${page.name}`, () => assert.deepStrictEqual(Links.broken(page), []))
})
