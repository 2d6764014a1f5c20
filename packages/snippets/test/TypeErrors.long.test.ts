import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as ModuleCompiler from "./support/ModuleCompiler.ts"

const imports = [
  "import { BedrockChat } from \"@strata/bedrock\"",
  "import { Breaker, Budget, ChatService, Policy, Quota, Retry, Tool } from \"@strata/core\"",
  "import { Effect, Schema } from \"effect\""
]

/** A mistake, and what the compiler has to say of it within some lines: names of types, what is there instead. */
const mistakes: Readonly<
  Record<string, { readonly code: string; readonly says: ReadonlyArray<RegExp>; readonly lines?: number }>
> = {
  "a role that is misspelt": {
    code: "ChatService.generate({ messages: [{ role: \"usr\", content: \"x\" }] })",
    says: [
      /not assignable to type 'Message'/,
      /'"assistant" \| "system" \| "tool" \| "user"'\. Did you mean '"user"'\?/
    ],
    lines: 7
  },
  "a role that is misspelt, in a list of messages": {
    code: "ChatService.generate([{ role: \"usr\", content: \"x\" }])",
    says: [/'"assistant" \| "system" \| "tool" \| "user"'\. Did you mean '"user"'\?/],
    lines: 1
  },
  "content that is no text": {
    code: "ChatService.generate({ messages: [{ role: \"user\", content: 42 }] })",
    says: [
      /not assignable to type 'Message'/,
      /'number' is not assignable to type 'string \| readonly \(.*TextPart.*\)\[\]'/
    ],
    lines: 7
  },
  "a message with another member": {
    code: "ChatService.generate({ messages: [{ role: \"user\", text: \"x\" }] })",
    says: [/'text' does not exist in type 'UserMessage'/],
    lines: 1
  },
  "a part with another member": {
    code: "ChatService.stream({ messages: [{ role: \"user\", content: [{ type: \"text\", txt: \"x\" }] }] })",
    says: [/'txt' does not exist in type 'TextPart'\. Did you mean to write 'text'\?/],
    lines: 1
  },
  "a request with another member": {
    code: "ChatService.generate({ messages: \"x\", maxToken: 3 })",
    says: [/'maxToken' does not exist in type 'ChatRequest \| readonly Message\[\]'/],
    lines: 1
  },
  "a tool with another member": {
    code:
      "Tool.make(\"weather\", { input: Schema.Struct({ city: Schema.String }), handlr: () => Effect.succeed(\"x\") })",
    says: [/'handlr' does not exist in type 'Options</, /Did you mean to write 'handler'\?/],
    lines: 1
  },
  "a tool whose handler gives no effect": {
    code: "Tool.make(\"weather\", { input: Schema.Struct({ city: Schema.String }), handler: () => \"x\" })",
    says: [/'\(input: \{ readonly city: string; \}\) => Effect</],
    lines: 2
  },
  "an option of a policy that it does not have": {
    code: "Policy.make({ retries: Retry.standard })",
    says: [/'retries' does not exist in type 'Options'/],
    lines: 1
  },
  "a timeout that a policy does not have": {
    code: "Policy.make({ timeouts: { atempt: \"1 minute\" } })",
    says: [/'atempt' does not exist in type 'TimeoutOptions'\. Did you mean to write 'attempt'\?/],
    lines: 1
  },
  "an option of retries": {
    code: "Retry.exponential({ time: 3 })",
    says: [/'time' does not exist in type 'Options'\. Did you mean to write 'times'\?/],
    lines: 1
  },
  "an option of a quota": {
    code: "Quota.make({ tokensPerMinut: 3 })",
    says: [/'tokensPerMinut' does not exist in type 'Options'\. Did you mean to write 'tokensPerMinute'\?/],
    lines: 1
  },
  "an option of a budget": {
    code: "Budget.make({ perDai: 3 })",
    says: [/'perDai' does not exist in type '.*Budget.*'\. Did you mean to write 'perDay'\?/],
    lines: 1
  },
  "an option of a breaker": {
    code: "Breaker.consecutive(5, { opn: \"1 minute\" })",
    says: [/'opn' does not exist in type 'Options'\. Did you mean to write 'open'\?/],
    lines: 1
  },
  "an option of a layer": {
    code: "BedrockChat.layer({ model: \"x\", polcy: Policy.none })",
    says: [/'polcy' does not exist in type 'Options'\. Did you mean to write 'policy'\?/],
    lines: 1
  }
}

describe("The compiler says of", () => {
  const said = new Map<string, ReadonlyArray<string>>()

  beforeAll(async () => {
    const text = [
      ...imports,
      ...Object.values(mistakes).map(({ code }, index) => `export const mistake${index} = ${code}`)
    ]
    const problems = await ModuleCompiler.compile({ mistakes: text.join("\n") })
    Object.keys(mistakes).forEach((mistake, index) => {
      const at = index + imports.length + 1
      said.set(mistake, problems.filter(({ line }) => line === at).map(({ message }) => message))
    })
  }, 300_000)

  it.each(Object.entries(mistakes))("%s: the type that it breaks, in few lines", (mistake, { lines = 1, says }) => {
    const [message, ...others] = said.get(mistake) ?? []
    assert(message !== undefined, "nothing")
    assert.deepStrictEqual(others, [])
    for (const words of says) assert.match(message, words)
    assert.isAtMost(message.split("\n").length, lines, message)
  })
})
