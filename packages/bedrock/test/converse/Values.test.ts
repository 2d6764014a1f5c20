import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Change from "../../src/converse/history/Change.ts"
import * as Request from "../../src/converse/Request.ts"
import * as Values from "../../src/converse/Values.ts"

const { assistant, text, tool, user } = Message

const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const settle = (request: Partial<ChatRequest.Resolved>) => {
  const { changes, report } = Change.collect()
  const settled = Values.settle({ model, messages: [user("Hi")], ...request }, report)
  return { settled, replaced: changes.map(({ field, type }) => type === "replaced-surrogates" ? field : type) }
}

const called = (params: unknown, result: unknown = "ok") => [
  user("Q"),
  assistant([{ type: "tool-call", id: "a", name: "look", params }]),
  tool([{ type: "tool-result", id: "a", result }])
]

const encoded = (messages: ReadonlyArray<Message.Message>, history: "repair" | "strict" = "repair") =>
  Request.encode({ model, messages, tools: [{ name: "look", inputSchema: { type: "object" } }] }, {
    capabilities: ModelCatalog.lookup(model),
    history
  })

/** The arguments and the result of a call as they are sent. */
const sent = (params: unknown, result?: unknown) => {
  const { input } = Result.getOrThrow(encoded(called(params, result)))
  return [
    input.messages?.[1]?.content?.[0]?.toolUse?.input,
    input.messages?.[2]?.content?.[0]?.toolResult?.content?.[0]
  ]
}

const refused = (params: unknown, result?: unknown) => {
  const outcome = encoded(called(params, result))
  assert(Result.isFailure(outcome) && outcome.failure._tag === "InvalidRequestError")
  assert.isString(outcome.failure.remedy)
  return outcome.failure.field
}

const half = "bad \ud83d text"
const whole = "bad \ufffd text"

describe("converse/Values", () => {
  it("returns a valid request unchanged", () => {
    const request: ChatRequest.Resolved = {
      model,
      messages: [
        Message.system("S"),
        user([text("😀"), { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }]),
        ...called({ a: [1, null, { b: "c" }] }, { d: true })
      ],
      tools: [{ name: "look", inputSchema: { type: "object" } }],
      stopSequences: ["END"],
      providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 5 }, system: [{ text: "own" }] } }
    }
    for (const given of [request, { ...request, providerOptions: {} }]) {
      assert.strictEqual(Result.getOrThrow(Values.settle(given, () => {})), given)
    }
  })

  describe("text", () => {
    it("replaces lone surrogates, and names their field", () => {
      const { replaced, settled } = settle({
        messages: [
          Message.system(half),
          user([
            text(half),
            { type: "document", mediaType: "text/plain", name: half, context: half, source: { pieces: ["a", half] } },
            { type: "search-result", source: "s", title: half, content: [half] }
          ]),
          assistant([
            { ...text("x"), citations: [{ title: half }] },
            { type: "tool-call", id: "a", name: "look", params: { [half]: [{ city: half }] } },
            { type: "provider", provider: "aws.bedrock", value: { text: half } }
          ]),
          tool([{ type: "tool-result", id: "a", result: half, parts: [{ type: "json", value: half }, text(half)] }])
        ],
        tools: [{ name: "look", description: half, inputSchema: { description: half } }],
        stopSequences: ["a", half],
        responseFormat: { type: "json", schema: { title: half }, name: half },
        providerOptions: { bedrock: { promptVariables: { x: { text: half } }, system: [{ text: half }] } }
      })
      assert.sameMembers(replaced, [
        "messages[0].content",
        "messages[1].content[0].text",
        "messages[1].content[1].name",
        "messages[1].content[1].context",
        "messages[1].content[1].source.pieces[1]",
        "messages[1].content[2].title",
        "messages[1].content[2].content[0]",
        "messages[2].content[0].citations[0].title",
        "messages[2].content[1].params",
        `messages[2].content[1].params[${JSON.stringify(half)}][0].city`,
        "messages[2].content[2].value.text",
        "messages[3].content[0].result",
        "messages[3].content[0].parts[0].value",
        "messages[3].content[0].parts[1].text",
        "tools[0].description",
        "tools[0].inputSchema.description",
        "stopSequences[1]",
        "responseFormat.schema.title",
        "responseFormat.name",
        "providerOptions.bedrock.promptVariables.x.text",
        "providerOptions.bedrock.system[0].text"
      ])
      const said = JSON.stringify(Result.getOrThrow(settled))
      assert.notInclude(said, "\\ud83d")
      assert.include(said, whole)
    })

    const bytes = new Uint8Array([1])
    const plain = { id: "a", result: "r", name: "look" }
    const search = { type: "provider", provider: "aws.bedrock", name: "search" } as const
    const bare = (value: object): object => Object.assign(Object.create(null), value)
    const alone: ReadonlyArray<
      readonly [place: string, request: (text: string) => Partial<ChatRequest.Resolved>, field: string]
    > = [
      [
        "the id of a call",
        (id) => ({ messages: [assistant([{ type: "tool-call", ...plain, id, params: {} }])] }),
        "messages[0].content[0].id"
      ],
      [
        "the id of a result",
        (id) => ({ messages: [tool([{ type: "tool-result", ...plain, id }])] }),
        "messages[0].content[0].id"
      ],
      [
        "the parts of a result",
        (said) => ({ messages: [tool([{ type: "tool-result", id: "a", parts: [text(said)] }])] }),
        "messages[0].content[0].parts[0].text"
      ],
      [
        "the result without parts",
        (result) => ({ messages: [tool([{ type: "tool-result", id: "a", result }])] }),
        "messages[0].content[0].result"
      ],
      [
        "a result of the provider, whose bytes are kept",
        (text) => ({
          messages: [
            assistant([{ type: "tool-result", id: "a", result: [{ text, bytes }], providerExecuted: true }])
          ]
        }),
        "messages[0].content[0].result[0].text"
      ],
      [
        "an object without a prototype",
        (text) => ({
          messages: [user([{ type: "provider", provider: "aws.bedrock", value: { of: bare({ text }) } }])]
        }),
        "messages[0].content[0].value.of.text"
      ],
      [
        "a tool of the provider",
        (name) => ({ tools: [{ ...search, name }] }),
        "tools[0].name"
      ],
      [
        "the description of a tool",
        (description) => ({ tools: [{ name: "look", description, inputSchema: { type: "object" } }] }),
        "tools[0].description"
      ],
      [
        "the schema of a tool",
        (description) => ({ tools: [search, { name: "look", inputSchema: { description } }] }),
        "tools[1].inputSchema.description"
      ],
      [
        "the system prompt of the options",
        (text) => ({ providerOptions: { bedrock: { system: [{ text }], serviceTier: { type: "flex" } } } }),
        "providerOptions.bedrock.system[0].text"
      ],
      [
        "other options",
        (text) => ({ providerOptions: { bedrock: { promptVariables: { x: { text } } } } }),
        "providerOptions.bedrock.promptVariables.x.text"
      ],
      [
        "other options, beside a system prompt",
        (text) => ({ providerOptions: { bedrock: { system: [{ text: "S" }], promptVariables: { x: { text } } } } }),
        "providerOptions.bedrock.promptVariables.x.text"
      ],
      [
        "a stop sequence, beside options of others",
        (stop) => ({
          stopSequences: [stop],
          providerOptions: { openai: { user: "u" } } as ChatRequest.ProviderOptions
        }),
        "stopSequences[0]"
      ]
    ]

    it.each(alone)("is replaced in %s, and nothing else", (_, request, field) => {
      const { replaced, settled } = settle(request(half))
      assert.deepStrictEqual(replaced, [field])
      assert.deepStrictEqual(Result.getOrThrow(settled), { model, messages: [user("Hi")], ...request(whole) })
    })

    it("is all that is looked at in a block of the provider's own", () => {
      const value = { n: 1n, at: new Date(0), f: () => 1, i: Infinity }
      const messages = [user([{ type: "provider", provider: "aws.bedrock", value }])]
      assert.strictEqual(Result.getOrThrow(settle({ messages }).settled).messages, messages)
    })

    it("is refused in strict mode where half of a pair is missing", () => {
      const outcome = encoded([user(half)], "strict")
      assert(Result.isFailure(outcome) && outcome.failure._tag === "InvalidRequestError")
      assert.strictEqual(outcome.failure.field, "messages[0].content")
    })
  })

  describe("JSON", () => {
    it.each([
      [{ at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
      [{ n: Number.NaN, i: Infinity }, { n: null, i: null }],
      [{ list: [undefined, () => 1, Symbol("s"), 1] }, { list: [null, null, null, 1] }],
      [{ none: undefined, f: () => 1, kept: null }, { kept: null }],
      // oxlint-disable-next-line no-sparse-arrays -- a hole is what is tried
      [{ holes: [1, , 2] }, { holes: [1, null, 2] }],
      [{ map: new Map([[1, 2]]), set: new Set([1]) }, { map: {}, set: {} }],
      // oxlint-disable-next-line no-new-wrappers -- boxed values are what is tried
      [{ boxed: [new Number(1), new String("a"), new Boolean(false)] }, { boxed: [1, "a", false] }],
      [{ url: new URL("https://example.org") }, { url: "https://example.org/" }],
      [{ own: { toJSON: (key: string) => ({ key }) } }, { own: { key: "own" } }],
      [{ own: { toJSON: () => null } }, { own: null }],
      [{ own: { toJSON: 5 } }, { own: { toJSON: 5 } }],
      [Object.assign(Object.create({ inherited: 1 }), { own: 1 }), { own: 1 }]
    ])("is what `JSON.stringify` would write of %o", (value, expected) => {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(value)), expected)
      const [params, result] = sent(value, value)
      assert.deepStrictEqual(params, expected)
      assert.deepStrictEqual(result, { json: expected })
    })

    it.prop("is what `JSON.stringify` would write of anything", [Schema.Unknown], ([value]) => {
      const json = Result.try((): unknown => JSON.parse(JSON.stringify({ value })))
      const { settled } = settle({ messages: called({ value }) })
      if (Result.isFailure(json)) assert.isTrue(Result.isFailure(settled))
      else {
        const call = Message.parts(Result.getOrThrow(settled).messages[1]!)[0]
        assert(call?.type === "tool-call")
        const expected = JSON.stringify(json.success).replaceAll(/\\ud[89a-f]../g, "\ufffd")
        // keys that are told apart by the replaced halves alone get other names
        const isUnambiguous = JSON.stringify(JSON.parse(expected)) === expected
        if (isUnambiguous) assert.strictEqual(JSON.stringify(call.params), expected)
      }
    })

    it("keeps members whose keys differ in halves of pairs alone", () => {
      const params = { "a\ud800": 1, "a\ud801": 2, "a\ufffd\ufffd": 3 }
      assert.deepStrictEqual(sent(params)[0], { "a\ufffd": 1, "a\ufffd\ufffd\ufffd": 2, "a\ufffd\ufffd": 3 })
    })

    it("is text for a text result, and an object for any other", () => {
      assert.deepStrictEqual(sent({}, new Date(0))[1], { text: "1970-01-01T00:00:00.000Z" })
      assert.deepStrictEqual(sent({}, [1])[1], { json: { result: [1] } })
      assert.deepStrictEqual(sent({}, null)[1], { json: { result: null } })
      assert.deepStrictEqual(sent(new Date(0))[0], { value: "1970-01-01T00:00:00.000Z" })
    })

    it("refuses a cycle, a bigint and throwing getters, with their path", () => {
      const cycle: Record<string, unknown> = { deep: [{}] }
      cycle["deep"] = [{ again: cycle }]
      assert.strictEqual(refused(cycle), "messages[1].content[0].params.deep[0].again")
      assert.strictEqual(refused({ ids: [1, 2n] }), "messages[1].content[0].params.ids[1]")
      assert.strictEqual(refused({}, { n: 1n }), "messages[2].content[0].result.n")
      const thrower = {
        a: {
          get b(): string {
            throw new Error("no")
          }
        }
      }
      assert.strictEqual(refused(thrower), "messages[1].content[0].params.a")
      let deep: unknown = 1
      for (let level = 0; level < 100_000; level++) deep = [deep]
      assert.match(refused({ deep }) ?? "", /^messages\[1\]\.content\[0\]\.params\.deep\[0\]/)
    })

    it("is made of all values that are JSON: JSON parts, lists of results and schemas", () => {
      const at = new Date(0)
      const json = at.toJSON()
      const { settled } = settle({
        messages: [tool([
          { type: "tool-result", id: "a", result: [{ at }] },
          { type: "tool-result", id: "b", parts: [{ type: "json", value: { at } }] }
        ])],
        tools: [{ name: "look", inputSchema: { const: at } }]
      })
      const { messages, tools } = Result.getOrThrow(settled)
      assert.deepStrictEqual(messages, [tool([
        { type: "tool-result", id: "a", result: [{ at: json }] },
        { type: "tool-result", id: "b", parts: [{ type: "json", value: { at: json } }] }
      ])])
      assert.deepStrictEqual(tools, [{ name: "look", inputSchema: { const: json } }])
    })

    it("is refused with the reason and a remedy", () => {
      const nested = (levels: number): unknown => levels === 0 ? 1 : [nested(levels - 1)]
      const reason = (value: unknown) => {
        const { settled } = settle({ messages: called(value) })
        return Result.isSuccess(settled) ? undefined : settled.failure.message
      }
      const cycle: Array<unknown> = []
      cycle.push(cycle)
      const thrower = { toJSON: () => Result.getOrThrow(Result.fail("no")) }
      assert.match(reason({ n: 1n }) ?? "", /JSON has no bigint\. Use a number, or text/)
      assert.match(reason(cycle) ?? "", /it contains itself\. Break the cycle/)
      assert.match(reason(thrower) ?? "", /it cannot be converted to JSON\. Use plain objects, lists/)
      assert.isUndefined(reason(nested(1_000)))
      assert.match(reason(nested(1_001)) ?? "", /it is nested more than 1000 levels deep\. Flatten it/)
    })

    it("is what `toJSON` gives of a bigint, where a program has added it", () => {
      Object.defineProperty(BigInt.prototype, "toJSON", { value: () => "big", configurable: true })
      const outcome = Result.try(() => [sent({ n: 1n })[0], sent(2n)[0]])
      Reflect.deleteProperty(BigInt.prototype, "toJSON")
      assert.deepStrictEqual(Result.getOrThrow(outcome), [{ n: "big" }, { value: "big" }])
    })

    it("reads an object once that is held twice", () => {
      let reads = 0
      const shared = {
        get a(): number {
          return reads += 1
        }
      }
      settle({ messages: called({ one: shared, two: [shared] }) })
      assert.strictEqual(reads, 1)
    })

    it("may hold the same object twice", () => {
      const shared = { a: 1 }
      assert.deepStrictEqual(sent({ one: shared, two: shared })[0], { one: { a: 1 }, two: { a: 1 } })
    })
  })

  it("answers for the options of Bedrock, whatever they are", () => {
    for (const bedrock of [null, 5, "x", [], { system: 5 }, { toolConfig: { tools: "x" } }, { unheardOf: 1 }]) {
      const outcome = Request.encode(
        // anything may come from JavaScript
        { model, messages: [user("Hi")], providerOptions: { bedrock } as unknown as ChatRequest.ProviderOptions },
        { capabilities: ModelCatalog.lookup(model), history: "repair" }
      )
      if (bedrock === null) assert.isTrue(Result.isSuccess(outcome))
      else {
        assert(Result.isFailure(outcome) && outcome.failure._tag === "InvalidRequestError")
        assert.match(outcome.failure.field ?? "", /^providerOptions\.bedrock/)
      }
    }
  })
})
