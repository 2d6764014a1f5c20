import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Module from "node:module"
import * as Path from "node:path"
import * as Snippet from "../src/Snippet.ts"
import * as Commands from "./support/Commands.ts"
import * as Links from "./support/Links.ts"
import * as Pages from "./support/Pages.ts"

const pages = Pages.all()

/** What a block is not, as its language. */
const problems = ({ code, language }: Snippet.Snippet): ReadonlyArray<string> => {
  try {
    if (language === "json") JSON.parse(code)
    if (language === "jsonc") JSON.parse(code.replaceAll(/("(?:\\.|[^"\\])*")|\/\/.*|\/\*[\s\S]*?\*\//g, "$1"))
    if (language === "js") Module.stripTypeScriptTypes(code)
    if (language === "yaml" && /^ *\t/m.test(code)) return ["a tab"]
    return ["sh", "bash"].includes(language) ? Commands.problems(code) : []
  } catch (error) {
    return [String(error)]
  }
}

describe("Each page", () => {
  for (const page of pages) {
    it(`${page.name} has links that lead somewhere`, () => assert.deepStrictEqual(Links.broken(page), []))
  }

  for (const page of pages.filter(({ snippets }) => snippets.some((snippet) => !Snippet.isTypeScript(snippet)))) {
    it(`${page.name} has commands that exist, and data that can be read`, () =>
      assert.deepStrictEqual(
        page.snippets.flatMap((snippet) => problems(snippet).map((text) => `${page.name}:${snippet.line}: ${text}`)),
        []
      ))
  }

  it("says why a block is not compiled", () => {
    const silent = pages.flatMap(({ name, snippets }) =>
      snippets.filter(({ comment, words }) => words.includes("nocheck") && comment === undefined).map(({ line }) =>
        `${name}:${line}`
      )
    )
    assert.deepStrictEqual(silent, [])
  })

  it("runs each whole program", () => {
    const waiting = pages.flatMap(({ name, snippets }) =>
      snippets
        .filter((snippet) => /\bNodeRuntime\.runMain\b|\bLayer\.launch\b/.test(snippet.code))
        .filter((snippet) => Snippet.isTypeScript(snippet) && !Snippet.isProgram(snippet))
        .map(({ line }) => `${name}:${line}`)
    )
    assert.deepStrictEqual(waiting, [])
  })

  it("asks each server, and says what it answers", () => {
    const silent = pages.flatMap(({ name, snippets }) =>
      snippets
        .filter((snippet) => Snippet.isServer(snippet) && Snippet.requestsOf(snippet, snippets) === undefined)
        .map(({ line }) => `${name}:${line}`)
    )
    assert.deepStrictEqual(silent, [])
  })

  it("needs no server for its programs that the tests do not start", () => {
    const needs = new Set(pages.flatMap(({ snippets }) => snippets.map(({ needs }) => needs)))
    assert.sameMembers([...needs], [undefined, "DATABASE_URL", "REDIS_URL"])
  })

  it("shows one handler of Lambda: that of the example, which its tests bundle and invoke", () => {
    const file = Fs.readFileSync(Path.join(Pages.root, "examples/src/lambda/handler.ts"), "utf8")
    const handler = file.replace(/^\/\*\*.*?\*\/\n/s, "")
    const shown = (name: string) =>
      Pages.page(name).snippets.find(({ code }) => code.includes("export const handler"))?.code
    assert.strictEqual(shown("docs/src/content/docs/recipes/lambda.md"), handler)
    assert.strictEqual(shown("packages/bedrock/README.md"), handler)
    // And then invokes it.
    assert.isTrue(shown("docs/src/content/docs/guides/proxies-and-lambda.md")?.startsWith(handler))
  })

  it("uses no word after a fence that means nothing", () => {
    const known = ["run", "serve", "continues", "nocheck", "output", "wrap"]
    const unknown = pages.flatMap(({ name, snippets }) =>
      snippets.flatMap(({ line, words }) =>
        words.filter((word) => !known.includes(word)).map((word) => `${name}:${line}: ${word}`)
      )
    )
    assert.deepStrictEqual(unknown, [])
  })
})

describe("A link", () => {
  const broken = (text: string, name = "docs/page.md") => Links.broken({ ...pages[0]!, name, text })

  it("of a file, a folder or an anchor that is not there is found, with its line", () => {
    assert.deepStrictEqual(broken("a\n[x](./missing.md) [y](scaling.md#nowhere) [z](../packages/none)"), [
      "docs/page.md:2: ./missing.md",
      "docs/page.md:2: scaling.md#nowhere",
      "docs/page.md:2: ../packages/none"
    ])
    assert.deepStrictEqual(broken("[x](scaling.md) [y](../packages/core) `[z](none)` [o](https://example.com/x)"), [])
    assert.deepStrictEqual(broken("## Two `words`, here\n\n[x](#two-words-here) [y](#two)"), ["docs/page.md:3: #two"])
  })

  it("of the site leads to its pages, and to the sources on GitHub", () => {
    const page = "docs/src/content/docs/guides/page.md"
    const github = "https://github.com/strata-effect/strata/blob/main"
    assert.deepStrictEqual(broken(`[x](/guides/none/) [y](${github}/none.ts)`, page), [
      `${page}:1: /guides/none/`,
      `${page}:1: ${github}/none.ts`
    ])
    assert.deepStrictEqual(broken(`[x](/reference/scaling/) [y](${github}/README.md)`, page), [])
    assert.deepStrictEqual(broken("[x](/reference/scaling/)"), ["docs/page.md:1: /reference/scaling/"])
  })
})

describe("A command", () => {
  it("must exist, with its options and scripts", () => {
    assert.deepStrictEqual(
      Commands.problems(
        "npx --yes pnpm@12.21.0 nothing # --x\npnpm docs; strata aks x\nX=1 strata ask \"--y\" --speed 3 \\\n  --model m\nwhat | curl x"
      ),
      [
        "no script: nothing",
        "no script: docs",
        "no command: strata aks",
        "no option: --y",
        "no option: --speed",
        "unknown command: what"
      ]
    )
    assert.deepStrictEqual(
      Commands.problems("npx --yes pnpm@12.21.0 run docs\nnpx @strata/emulator --quota \"*=5\" &\nnpx pnpm@1 test"),
      ["unknown command: pnpm@1"]
    )
  })
})
