import { assert, describe, it } from "@effect/vitest"
import * as Completion from "../src/Completion.ts"
import type * as Names from "../src/Names.ts"
import * as Snippet from "../src/Snippet.ts"
import * as Pages from "./support/Pages.ts"

describe("Snippet.of", () => {
  it("finds the code blocks of a page, with their lines", () => {
    const [first, second] = Snippet.of("# Page\n\n```ts run\n1 + 1\n```\n\n```sh\nls\n```\n")
    assert.deepInclude(first, { language: "ts", words: ["run"], code: "1 + 1\n", line: 3 })
    assert.deepInclude(second, { language: "sh", words: [], code: "ls\n", line: 7 })
  })

  it("finds those of lists, of other fences, and of files from Windows", () => {
    const [listed, tildes] = Snippet.of(
      "- a\r\n\r\n  ```ts\r\n  if (a) {\r\n    b\r\n  }\r\n  ```\r\n~~~~md\r\n```\r\n~~~~\r\n"
    )
    assert.deepInclude(listed, { code: "if (a) {\n  b\n}\n", line: 3 })
    assert.deepInclude(tildes, { language: "md", code: "```\n", line: 8 })
  })

  it("reads a title, whatever its place among the words", () => {
    const [snippet] = Snippet.of("```ts run title=\"src/chat.ts\" frame='none' {1, 3-4} continues\n```\n")
    assert.deepInclude(snippet, { title: "src/chat.ts", words: ["run", "continues"], code: "" })
  })

  it("takes an open fence to the end of the page", () => {
    assert.deepInclude(Snippet.of("```ts\n1\n2")[0], { code: "1\n2\n" })
  })

  it("gives comments directly before a block to it, and no others", () => {
    const [first, second, third] = Snippet.of(
      `<!-- lost -->
Text.

<!-- given
declare const a: number
-->

<!-- model: "Blue." -->
<!-- files: a/b.pdf
  a/c -->
<!-- needs: REDIS_URL -->
{/* given declare const b: number */}
<!-- because -->
\`\`\`ts
\`\`\`
\`\`\`ts
\`\`\`
<!-- given declare const c: number -->
Text.
\`\`\`ts
\`\`\`
`
    )
    assert.deepInclude(first, {
      given: "declare const a: number\ndeclare const b: number\n",
      model: "\"Blue.\"",
      files: ["a/b.pdf", "a/c"],
      needs: "REDIS_URL",
      comment: "because"
    })
    const nothing = { given: undefined, model: undefined, files: [], needs: undefined, comment: undefined }
    assert.deepInclude(second, nothing)
    assert.deepInclude(third, { given: undefined })
  })

  it("continues the previous block of TypeScript", () => {
    const [first, , third] = Snippet.of("```ts\n1\n```\n```sh\nls\n```\n```ts continues\n2\n```\n")
    assert.strictEqual(third?.continued, first)
    assert.isUndefined(first?.continued)
  })
})

describe("Snippet.outputOf", () => {
  it("is the next block, when it says so", () => {
    const page = Snippet.of(
      "```ts run\n```\nIt prints:\n```text output\nBlue.\n```\n```ts run\n```\n```text\nno\n```\n"
    )
    assert.strictEqual(Snippet.outputOf(page[0]!, page), "Blue.\n")
    assert.isUndefined(Snippet.outputOf(page[2]!, page))
  })
})

describe("Snippet.requestsOf", () => {
  it("is the next block of commands whose output is there", () => {
    const page = Snippet.of(
      "```sh\nnpm install\n```\n```ts serve\n```\n```sh\nls\n```\n```sh\ncurl x\n```\n```text output\nBlue.\n```\n"
    )
    assert.strictEqual(Snippet.requestsOf(page[1]!, page)?.code, "curl x\n")
    assert.isUndefined(Snippet.requestsOf(page[3]!, page))
  })
})

describe("Snippet.matches", () => {
  it("compares text, in which an ellipsis is any text", () => {
    assert.isTrue(Snippet.matches("Blue.\n", "Blue."))
    assert.isFalse(Snippet.matches("Blue.", "Bluer"))
    assert.isTrue(Snippet.matches("a … z\n", "a b\nc ( z"))
    assert.isTrue(Snippet.matches("took … ms", "took 1 ms"))
    assert.isFalse(Snippet.matches("took … ms", "took 1 s"))
  })
})

describe("Snippet.prose", () => {
  it("is the page without its blocks, with the same lines", () => {
    assert.strictEqual(Snippet.prose("a\n```sh\n[x](y)\n```\nb"), "a\n\n\n\nb")
  })
})

describe("Completion.complete", () => {
  const names: Names.Names = new Map<string, Names.Origin>([
    ...["Chat", "ChatService", "Policy"].map((name) => [name, { module: "@strata/core", type: false }] as const),
    ["Identity", { module: "@strata/core", type: true }],
    ...["Console", "Effect"].map((name) => [name, { module: "effect", type: false }] as const)
  ])
  const preamble = (markdown: string): string => Completion.ofPage(markdown, names).at(-1)!.preamble

  it("imports the names that a fragment uses", () => {
    assert.strictEqual(
      preamble("```ts\nconst who: Identity = f(...Effect.all([ChatService.text(\"Policy\")]))\n```"),
      "import { ChatService, type Identity } from \"@strata/core\"\nimport { Effect } from \"effect\"\nexport {}\n"
    )
  })

  it("imports nothing that is imported, declared, a property, or in a comment or a string", () => {
    const code = [
      "import * as Effect from \"effect/Effect\"",
      "import { type Identity, Layers as Console } from \"elsewhere\"",
      "const { ChatService, a: Chat = 1 } = thing.Policy // of Policy",
      "const text = 'Policy' /* Policy */",
      "Console.log(Effect, ChatService)"
    ].join("\n")
    assert.strictEqual(preamble(`\`\`\`ts\n${code}\n\`\`\``), "export {}\n")
    assert.strictEqual(preamble("```ts\nconst Chat = 1\nclass Policy {}\nnew Policy(Chat)\n```"), "export {}\n")
  })

  it("puts what is given, and what a block continues, before it", () => {
    const page = "<!-- given declare const q: string -->\n```ts\nconst answer = ChatService.text(q)\n```\n" +
      "<!-- given declare const n: number -->\n```ts continues\nEffect.delay(answer, n)\n```\n"
    assert.strictEqual(
      preamble(page),
      "import { ChatService } from \"@strata/core\"\nimport { Effect } from \"effect\"\nexport {}\n" +
        "declare const q: string\nconst answer = ChatService.text(q)\ndeclare const n: number\n"
    )
  })
})

describe("Names.of", () => {
  it("has namespaces and types of our packages, of Effect and of its platform", () => {
    const { names } = Pages.page("README.md")
    const module = (name: string) => names.get(name)?.module
    assert.strictEqual(module("ChatService"), "@strata/core")
    assert.strictEqual(module("TestChat"), "@strata/core/testing")
    assert.strictEqual(module("BedrockChat"), "@strata/bedrock")
    assert.strictEqual(module("Effect"), "effect")
    assert.strictEqual(module("NodeRuntime"), "@effect/platform-node")
    assert.deepStrictEqual(names.get("BedrockChatOptions"), { module: "@strata/bedrock", type: true })
  })

  it("takes a name that two packages have from the package whose page it is, or else from core", () => {
    assert.strictEqual(Pages.page("README.md").names.get("Quota")?.module, "@strata/core")
    assert.strictEqual(Pages.page("packages/emulator/README.md").names.get("Quota")?.module, "@strata/emulator")
  })
})
