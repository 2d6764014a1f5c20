import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import type { BedrockChatOptions } from "../../src/BedrockOptions.ts"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Request from "../../src/converse/Request.ts"

const { assistant, system, text, tool, user } = Message

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
const nova = "us.amazon.nova-lite-v1:0"

const point = { cachePoint: { type: "default" } } as const
const cached = { cache: true }
const tools = [{ name: "look", inputSchema: { type: "object", properties: {} }, cache: true }]

const encode = (model: string, request: Partial<ChatRequest.Resolved>, capabilities = ModelCatalog.lookup(model)) => {
  const whole = { model, messages: [user("Hi")], ...request }
  // a cache point is a hint: strict mode never refuses what becomes of it
  const [repaired, strict] = (["repair", "strict"] as const).map((history) =>
    Result.getOrThrow(Request.encode(whole, { capabilities, history }))
  )
  assert.deepStrictEqual(strict, repaired)
  const { changes = [], input } = repaired ?? {}
  return { input, changes: changes.map(({ field, type }) => [type, field]) }
}

const anew = { cachePoint: { type: "default", ttl: "1h" } } as const

const look = { type: "tool-call", id: "a", name: "look", params: {} } as const
const looked = { type: "tool-result", id: "a", result: "found" } as const

const document = (mediaType: string): Message.DocumentPart => ({
  type: "document",
  mediaType,
  name: "report",
  source: { bytes: new Uint8Array([1]) }
})

describe("converse/history/CachePoints", () => {
  it("keeps those of Claude: on tools, in the system prompt, in messages", () => {
    const { changes, input } = encode(claude, {
      tools,
      messages: [system([text("Manual", cached)]), user([text("Book", { cache: { ttl: "5m" } }), text("Question")])]
    })
    assert.deepStrictEqual(changes, [])
    assert.deepStrictEqual(input?.toolConfig?.tools?.[1], point)
    assert.deepStrictEqual(input?.system, [{ text: "Manual" }, point])
    assert.deepStrictEqual(input?.messages?.[0]?.content, [
      { text: "Book" },
      { cachePoint: { type: "default", ttl: "5m" } },
      { text: "Question" }
    ])
  })

  it.each([
    "nvidia.nemotron-super-3-120b",
    "minimax.minimax-m2",
    "google.gemma-3-27b-it",
    "global.openai.gpt-5.6-terra",
    "qwen.qwen3-32b-v1:0",
    "acme.oracle-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl"
  ])("sends none to %s, which is not known to cache", (model) => {
    const own: BedrockChatOptions = {
      system: [{ text: "Manual" }, point],
      toolConfig: { tools: [{ toolSpec: { name: "look", inputSchema: { json: { type: "object" } } } }, point] }
    }
    const ours = encode(model, { tools, messages: [system([text("Manual", cached)]), user([text("Book", cached)])] })
    const theirs = encode(model, { providerOptions: { bedrock: own } })
    for (const { input } of [ours, theirs]) assert.notInclude(JSON.stringify(input), "cachePoint")
    assert.deepStrictEqual(ours.changes.map(([, field]) => field), [
      "tools[0]",
      "messages[0].content[0]",
      "messages[1].content[0]"
    ])
    assert.deepStrictEqual(theirs.changes, [
      ["omitted-cache-point", "providerOptions.bedrock.toolConfig.tools[1]"],
      ["omitted-cache-point", "providerOptions.bedrock.system[1]"]
    ])
  })

  it("sends them to a model that a program knows to cache", () => {
    const messages = [user([text("Book", { cache: { ttl: "1h" } }), text("Chapter", cached)])]
    const { changes, input } = encode("acme.oracle-v1:0", { messages }, { caching: { supported: true } })
    assert.deepStrictEqual(input?.messages?.[0]?.content, [{ text: "Book" }, anew, { text: "Chapter" }, point])
    assert.deepStrictEqual(changes, [])
  })

  it("does not count tools that are not sent", () => {
    const messages = Array.from({ length: 4 }, (_, index) => text(String(index), cached))
    const { changes, input } = encode(claude, { tools, toolChoice: "none", messages: [user(messages)] })
    assert.isUndefined(input?.toolConfig)
    assert.deepStrictEqual(changes, [])
  })

  it("drops those among tools that are only sent because the conversation calls them", () => {
    const { changes, input } = encode(nova, {
      tools,
      toolChoice: "none",
      messages: [user("Q"), assistant([text("Let me look."), look]), tool([looked]), user("And?")]
    })
    assert.strictEqual(input?.toolConfig?.tools?.length, 1)
    assert.deepStrictEqual(changes, [["omitted-cache-point", "tools[0]"]])
  })

  it("drops those among the tools of Nova", () => {
    const { changes, input } = encode(nova, { tools, messages: [user([text("Book", cached)])] })
    assert.strictEqual(input?.toolConfig?.tools?.length, 1)
    assert.deepStrictEqual(input?.messages?.[0]?.content, [{ text: "Book" }, point])
    assert.deepStrictEqual(changes, [["omitted-cache-point", "tools[0]"]])
    for (const own of [undefined, { tools: undefined }, { tools: [] }]) {
      const { input } = encode(nova, { tools, providerOptions: { bedrock: { toolConfig: own } } })
      assert.strictEqual(input?.toolConfig?.tools?.length, 1)
    }
    assert.strictEqual(encode(nova, { tools }).input?.toolConfig?.tools?.length, 1)
  })

  it("keeps the longest prefixes, up to the model's maximum", () => {
    const messages = ["a", "b", "c", "d", "e", "f"].map((word, index) =>
      index % 2 === 0 ? user([text(word, cached)]) : assistant([text(word, cached)])
    )
    const { changes, input } = encode(claude, { messages: [...messages, user("g")] })
    assert.deepStrictEqual(input?.messages?.map(({ content }) => content?.length), [1, 1, 2, 2, 2, 2, 1])
    assert.deepStrictEqual(changes, [
      ["omitted-cache-point", "messages[0].content[0]"],
      ["omitted-cache-point", "messages[1].content[0]"]
    ])
  })

  it("sends nothing in place of one that is beyond the maximum", () => {
    const { changes, input } = encode(claude, {
      tools: [{ ...tools[0]!, cache: false }],
      messages: [
        user("Q"),
        assistant([look, { type: "provider", provider: "aws.bedrock", value: point }]),
        tool([looked]),
        user(Array.from({ length: 4 }, (_, index) => text(String(index), cached)))
      ]
    })
    assert.lengthOf(input?.messages?.[1]?.content ?? [], 1)
    assert.deepStrictEqual(changes, [["omitted-cache-point", "messages[1].content[1]"]])
  })

  it("counts those of tools and of the system prompt as the shortest prefixes", () => {
    const long = user(Array.from({ length: 4 }, (_, index) => text(String(index), cached)))
    const { changes } = encode(claude, { tools, messages: [system([text("Manual", cached)]), long] })
    assert.deepStrictEqual(changes.map(([, field]) => field), ["tools[0]", "messages[0].content[0]"])
  })

  it("sends a time to live only where supported, and never a longer one after a shorter", () => {
    const hour = { cache: { ttl: "1h" } } as const
    const ttls = (model: string, ...parts: ReadonlyArray<Message.TextPart>) => {
      const { changes, input } = encode(model, { messages: [user(parts)] })
      return [
        input?.messages?.[0]?.content?.flatMap(({ cachePoint }) => cachePoint ? [cachePoint.ttl] : []),
        changes.map(([type]) => type)
      ]
    }
    assert.deepStrictEqual(ttls(nova, text("a", hour)), [[undefined], ["changed-cache-ttl"]])
    assert.deepStrictEqual(ttls(claude, text("a", hour), text("b", cached)), [["1h", undefined], []])
    assert.deepStrictEqual(ttls(claude, text("a", cached), text("b", hour)), [
      [undefined, undefined],
      ["changed-cache-ttl"]
    ])
  })

  it("moves one before documents other than PDF, and drops it at the beginning", () => {
    const of = (...parts: ReadonlyArray<Message.UserPart>) => {
      const { changes, input } = encode(claude, { messages: [user(parts)] })
      return [input?.messages?.[0]?.content?.map((block) => Object.keys(block)[0]), changes.map(([type]) => type)]
    }
    const sheet = document("text/csv")
    assert.deepStrictEqual(of(text("See"), { ...document("application/pdf"), ...cached }), [
      ["text", "document", "cachePoint"],
      []
    ])
    assert.deepStrictEqual(of(text("See"), sheet, { ...sheet, name: "other", ...cached }), [
      ["text", "cachePoint", "document", "document"],
      ["moved-cache-point"]
    ])
    assert.deepStrictEqual(of({ ...sheet, ...cached }, text("See")), [["document", "text"], ["omitted-cache-point"]])
  })

  it("puts none after reasoning", () => {
    const value = { cachePoint: { type: "default" } }
    const { changes, input } = encode(claude, {
      messages: [
        user("Q"),
        assistant([
          text("Hm"),
          { type: "reasoning", text: "t", signature: "s" },
          { type: "provider", provider: "aws.bedrock", value }
        ]),
        user("R")
      ]
    })
    assert.deepStrictEqual(input?.messages?.[1]?.content?.map((block) => Object.keys(block)[0]), [
      "text",
      "cachePoint",
      "reasoningContent"
    ])
    assert.deepStrictEqual(changes, [["moved-cache-point", "messages[1].content[2]"]])
  })

  it("puts a mark inside the result of a tool behind the result", () => {
    const parts = [text("a", { cache: true }), text("b")]
    const { changes, input } = encode(claude, {
      tools: [{ name: "look", inputSchema: { type: "object" } }],
      messages: [
        user("Q"),
        assistant([look]),
        tool([{ type: "tool-result", id: "a", parts }])
      ]
    })
    assert.deepStrictEqual(input?.messages?.[2]?.content, [
      { toolResult: { toolUseId: "a", content: [{ text: "a" }, { text: "b" }] } },
      point
    ])
    assert.deepStrictEqual(changes, [["moved-cache-point", "messages[2].content[0].parts[0]"]])
  })

  it("keeps that of blank text, and the text too for Claude, which was recorded to take it", () => {
    const messages = [user([text("Book"), text(" ", cached), text("Question")])]
    const sent = (model: string) => {
      const { changes, input } = repaired(model, messages)
      return [input.messages?.[0]?.content, changes]
    }
    assert.deepStrictEqual(sent(claude), [[{ text: "Book" }, { text: " " }, point, { text: "Question" }], []])
    assert.deepStrictEqual(sent(nova), [[{ text: "Book" }, point, { text: "Question" }], ["dropped-blank"]])
    assert.deepStrictEqual(repaired(claude, [user([text(" ", cached)])]).input.messages?.[0]?.content, [{ text: "…" }])
  })

  it("keeps that of blank text in an answer, without the text", () => {
    const { changes, input } = repaired(claude, [user("Q"), assistant([text("A"), text(" ", cached)]), user("R")])
    assert.deepStrictEqual(input.messages?.[1]?.content, [{ text: "A" }, point])
    assert.deepStrictEqual(changes, ["dropped-blank"])
  })

  it("drops that of blank text at the beginning, behind which nothing is cached", () => {
    const { changes, input } = repaired(nova, [user([text(" ", cached), text("Question")])])
    assert.deepStrictEqual(input.messages?.[0]?.content, [{ text: "Question" }])
    assert.deepStrictEqual(changes, ["dropped-blank"])
  })

  it("leaves blank text beside signed reasoning where it is", () => {
    const { changes, input } = repaired(claude, [
      user([text("Book", cached)]),
      assistant([{ type: "reasoning", text: "t", signature: "s" }, text(" ")]),
      user("R")
    ])
    assert.deepStrictEqual(input.messages?.[1]?.content?.[1], { text: " " })
    assert.deepStrictEqual(changes, [])
  })

  it("keeps that of an answer that has only blank text beside signed reasoning", () => {
    const answer = { ...assistant([{ type: "reasoning", text: "t", signature: "s" }, text(" ")]), cache: true } as const
    const { changes, input } = repaired(claude, [user("Q"), answer, user("R")])
    assert.deepStrictEqual(input.messages?.[1]?.content?.slice(1), [{ text: " " }, point])
    assert.deepStrictEqual(changes, [])
  })

  it("leaves blank text out with its point", () => {
    const points = Array.from({ length: 4 }, (_, index) => text(String(index), cached))
    const { changes, input } = repaired(claude, [user([text("Book"), text(" ", cached), ...points])])
    assert.notInclude(JSON.stringify(input), "\" \"")
    assert.sameMembers(changes, ["omitted-cache-point", "dropped-blank"])
  })

  const toolSpec = { name: "look", inputSchema: { json: { type: "object" } } }

  it("keeps those of `providerOptions`, and what is beside them", () => {
    const bedrock: BedrockChatOptions = {
      system: [{ text: "Manual" }, anew, { text: "Today" }],
      toolConfig: { tools: [{ toolSpec }, anew], toolChoice: { any: {} } },
      additionalModelRequestFields: { top_k: 5 }
    }
    const { changes, input } = encode(claude, {
      providerOptions: { bedrock },
      messages: [user([text("a", cached), { type: "provider", provider: "aws.bedrock", value: point }])]
    })
    assert.deepStrictEqual(input?.system, bedrock.system)
    assert.deepStrictEqual(input?.toolConfig, bedrock.toolConfig)
    assert.deepStrictEqual(input?.additionalModelRequestFields, { top_k: 5 })
    assert.deepStrictEqual(input?.messages?.[0]?.content, [{ text: "a" }, point])
    assert.deepStrictEqual(changes, [["omitted-cache-point", "messages[0].content[1]"]])
  })

  it("does not count those that `providerOptions` replace", () => {
    const texts = Array.from({ length: 4 }, (_, index) => text(String(index), cached))
    const { changes, input } = encode(claude, {
      tools,
      messages: [system([text("Manual", cached)]), user(texts)],
      providerOptions: { bedrock: { system: [{ text: "own" }], toolConfig: { tools: [{ toolSpec }] } } }
    })
    assert.deepStrictEqual(changes, [])
    assert.strictEqual(input?.messages?.[0]?.content?.length, 8)
  })

  it("keeps those of tools where the conversation changes", () => {
    const long = { ...tools[0]!, cache: { ttl: "1h" } } as const
    const messages = [user("a"), user([text("b", { cache: { ttl: "1h" } })])]
    const { changes, input } = encode(claude, { tools: [long, { ...long, name: "find" }], messages })
    assert.deepStrictEqual(input?.toolConfig?.tools?.map((tool) => tool.cachePoint ?? tool.toolSpec?.name), [
      "look",
      anew.cachePoint,
      "find",
      anew.cachePoint
    ])
    assert.deepStrictEqual(changes, [["joined-message", "messages[1]"]])
  })

  it("keeps one at the beginning of a message", () => {
    const { changes, input } = encode(claude, {
      messages: [
        user("a"),
        assistant("b"),
        user([{ type: "provider", provider: "aws.bedrock", value: point }, text("c")])
      ]
    })
    assert.deepStrictEqual(input?.messages?.[2]?.content, [point, { text: "c" }])
    assert.deepStrictEqual(changes, [])
  })

  it("sees none where it is off", () => {
    const off = { cache: false }
    const { changes } = encode(nova, {
      tools: [{ ...tools[0]!, ...off }],
      messages: [
        user([text("a", off)]),
        assistant([look]),
        tool([{ type: "tool-result", id: "a", parts: [text("b", off)] }])
      ]
    })
    assert.deepStrictEqual(changes, [])
  })

  it("does not report as moved what it drops", () => {
    const { changes } = encode("acme.oracle-v1:0", {
      tools: [{ name: "look", inputSchema: { type: "object" } }],
      messages: [
        user("a"),
        assistant([look]),
        tool([{ type: "tool-result", id: "a", parts: [text("b", cached)] }])
      ]
    })
    assert.deepStrictEqual(changes.map(([type]) => type), ["omitted-cache-point"])
  })
})

const repaired = (model: string, messages: ReadonlyArray<Message.Message>) => {
  const { changes, input } = Result.getOrThrow(
    Request.encode({ model, messages }, { capabilities: ModelCatalog.lookup(model), history: "repair" })
  )
  return { input, changes: changes.map(({ type }) => type) }
}
