import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Compiler from "./support/Compiler.ts"
import * as Pages from "./support/Pages.ts"

const pages = Pages.all().filter((page) => Compiler.compiled(page).length > 0)

describe("The code blocks", () => {
  let errors: ReadonlyMap<string, ReadonlyArray<string>>
  beforeAll(async () => {
    errors = await Compiler.errors(pages, "pages")
  }, 300_000)

  for (const { name } of pages) {
    it(`of ${name} compile`, () => assert.deepStrictEqual(errors.get(name), []))
  }
})
