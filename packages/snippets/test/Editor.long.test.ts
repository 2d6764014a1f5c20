import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Path from "node:path"
import * as LanguageServer from "./support/LanguageServer.ts"
import * as ModuleCompiler from "./support/ModuleCompiler.ts"

/** Files with a cursor, `|`. */
const files = {
  chat: "import { BedrockChat } from \"@strata/bedrock\"\nexport const chat = BedrockChat.layer({ model: \"|\" })\n",
  embedding:
    "import { BedrockEmbedding } from \"@strata/bedrock\"\nexport const embedding = BedrockEmbedding.layer({ model: \"|\" })\n",
  rerank:
    "import { BedrockRerank } from \"@strata/bedrock\"\nexport const rerank = BedrockRerank.layer({ model: \"|\" })\n",
  request: [
    "import { ChatService } from \"@strata/core\"",
    "import \"@strata/bedrock\"",
    "export const answer = ChatService.generate({ model: \"|\", messages: \"x\" })\n"
  ].join("\n"),
  openai: "import { OpenAiChat } from \"@strata/openai\"\nexport const chat = OpenAiChat.layer({ model: \"|\" })\n",
  openaiEmbedding:
    "import { OpenAiEmbedding } from \"@strata/openai\"\nexport const embedding = OpenAiEmbedding.layer({ model: \"|\" })\n",
  other:
    "import { BedrockChat } from \"@strata/bedrock\"\nexport const chat = BedrockChat.layer({ model: \"my.own-model:1|\" })\n",
  generate: "import { ChatService } from \"@strata/core\"\nexport const answer = ChatService.gene|rate(\"x\")\n",
  layer: "import { BedrockChat } from \"@strata/bedrock\"\nexport const chat = BedrockChat.lay|er({ model: \"x\" })\n",
  error: "import { ProviderError } from \"@strata/core\"\nexport const tag = ProviderError.RateLimit|Error\n"
}

const without = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text.replace("|", "")]))

describe("An editor", () => {
  const asked = new Map<string, { readonly completions: ReadonlyArray<string>; readonly hover: string }>()

  beforeAll(() =>
    ModuleCompiler.within(without, async (folder) => {
      const server = await LanguageServer.start(folder)
      try {
        for (const [name, text] of Object.entries(files)) {
          const { completions, hover } = await LanguageServer.ask(server, Path.join(folder, `${name}.ts`), text)
          const isInText = text.includes("|\"")
          asked.set(name, { completions: isInText ? await completions() : [], hover: isInText ? "" : await hover() })
        }
      } finally {
        server.close()
      }
    }), 300_000)

  afterAll(() => asked.clear())

  const completionsOf = (name: keyof typeof files) => asked.get(name)!.completions

  it("completes the ids of models inside the quotes: those of the catalogue that serve the call", () => {
    const nova = "us.amazon.nova-lite-v1:0"
    for (const name of ["chat", "request"] as const) assert.includeMembers([...completionsOf(name)], [nova])
    assert.includeMembers([...completionsOf("embedding")], ["amazon.titan-embed-text-v2:0"])
    assert.notInclude(completionsOf("embedding"), nova)
    assert.includeMembers([...completionsOf("rerank")], ["amazon.rerank-v1:0", "cohere.rerank-v3-5:0"])
    assert.includeMembers([...completionsOf("openai")], ["gpt-5.1"])
    assert.includeMembers([...completionsOf("openaiEmbedding")], ["text-embedding-3-small"])
  })

  it("takes any other id", async () => {
    assert.deepStrictEqual(await ModuleCompiler.compile({ other: without["other"]! }), [])
  }, 300_000)

  it.each(
    [
      ["generate", "The whole answer."],
      ["layer", "The chat service of Bedrock."],
      ["error", "There were too many requests or tokens within a short time."]
    ] as const
  )("shows of %s what it is, below its type", (name, sentence) => {
    const text = asked.get(name)!.hover.split("```").at(2)?.trim() ?? ""
    assert.isTrue(text.startsWith(sentence), asked.get(name)!.hover)
  })
})
