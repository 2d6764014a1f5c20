import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Snippet from "../src/Snippet.ts"
import * as Compiler from "./support/Compiler.ts"
import * as Pages from "./support/Pages.ts"

const readme = Pages.page("README.md")

const page = (...lines: ReadonlyArray<string>): Pages.Page => {
  const text = lines.join("\n")
  return { name: "page.md", text, snippets: Snippet.of(text), names: readme.names }
}

describe("The code blocks", () => {
  let errors: ReadonlyMap<string, ReadonlyArray<string>>
  const wrong = page(
    "<!-- given",
    "declare const question: string",
    "-->",
    "```ts",
    "const answer = ChatService.text(question)",
    "const policy = Policy.make({ quota: \"much\" })",
    "```",
    "",
    "```ts continues",
    "Effect.flatMap(answer, Console.log)",
    "answer.length",
    "```",
    "",
    "<!-- of another language version -->",
    "```ts nocheck",
    "accessor x",
    "```"
  )
  beforeAll(async () => {
    errors = await Compiler.errors([readme, wrong], "readme")
  }, 300_000)

  it("of README.md compile", () => assert.deepStrictEqual(errors.get("README.md"), []))

  it("are compiled with the types of the packages, and errors have the lines of the page", () => {
    const [quota, length, ...others] = errors.get("page.md")!
    assert.match(quota!, /^page\.md:6: .*not assignable.*Quota/s)
    assert.match(length!, /^page\.md:11: Property 'length' does not exist on type 'Effect<string/)
    assert.deepStrictEqual(others, [])
  })
})
