import { afterAll, describe } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Url from "node:url"
import * as Snippet from "../src/Snippet.ts"
import * as Files from "./support/Files.ts"
import * as Pages from "./support/Pages.ts"

/** A block that declares tests. What a comment gives to one may be declarations alone, which cannot run. */
const isTest = (snippet: Snippet.Snippet): boolean =>
  Snippet.isTypeScript(snippet) && /^it\.\w+\(/m.test(snippet.code) && snippet.given === undefined

const folder = Files.make("tests")
afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

for (const page of Pages.all().filter(({ snippets }) => snippets.some(isTest))) {
  describe(`The tests of ${page.name}`, async () => {
    // Tests import the programs of their page.
    const files = page.snippets
      .filter((snippet) => isTest(snippet) || (Snippet.isTypeScript(snippet) && snippet.title !== undefined))
      .map((snippet) => ({ snippet, file: Files.write(folder, page, snippet) }))
    for (const { file } of files.filter(({ snippet }) => isTest(snippet))) await import(Url.pathToFileURL(file).href)
  })
}
