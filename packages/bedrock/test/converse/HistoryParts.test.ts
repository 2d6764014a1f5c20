import { assert, describe, it } from "@effect/vitest"
import type { CacheControl } from "@strata/core/chat/Message"
import * as Message from "@strata/core/chat/Message"
import type { Capabilities } from "../../src/catalog/Capabilities.ts"
import { call, claude, common, document, repair, repaired, result, titan, tools } from "./HistoryFixture.ts"

const { assistant, system, text, tool, user } = Message

const own = (value: unknown): Message.ProviderPart => ({ type: "provider", provider: "aws.bedrock", value })
const cachePoint = (ttl?: string) => own({ cachePoint: { type: "default", ...(ttl !== undefined && { ttl }) } })
const cited: Message.TextPart = { ...text("So it is. "), citations: [{ title: "t" }] }
const signed: Message.ReasoningPart = { type: "reasoning", text: "r", signature: "s" }
const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: { uri: "s3://bucket/i" } }
const video: Message.VideoPart = { type: "video", mediaType: "video/mp4", source: { uri: "s3://bucket/v" } }
const audio: Message.AudioPart = { type: "audio", mediaType: "audio/wav", source: { uri: "s3://bucket/a" } }
const found: Message.SearchResultPart = { type: "search-result", source: "s", title: "t", content: ["c"] }

type Case = readonly [
  name: string,
  given: ReadonlyArray<Message.Message>,
  sent: ReadonlyArray<Message.Message>,
  changes?: ReadonlyArray<readonly [type: string, field: string]>,
  capabilities?: Capabilities
]

const named = (cases: ReadonlyArray<Case>) => cases.map((given) => ({ name: given[0], given }))

const outcome = ([, messages, , , capabilities]: Case) => repaired({ messages, tools }, capabilities)

const expected = ([, , messages, changes = []]: Case): unknown => ({ messages, changes })

describe("converse/History, part by part", () => {
  const marked = <Role extends Message.Message>(message: Role, cache: CacheControl = true): Role => ({
    ...message,
    cache
  })
  const joined = (field: string): readonly [string, string] => ["joined-message", field]

  it.each(named([
    [
      "is put behind its last part",
      [marked(user([text("a"), text("b")])), user("c")],
      [user([text("a"), text("b", { cache: true }), text("c")])],
      [joined("messages[1]")]
    ],
    [
      "is put behind its text, not behind blank text",
      [marked(user([text("a"), text(" ")])), user("c")],
      [user([text("a", { cache: true }), text("c")])],
      [["dropped-blank", "messages[0].content[1]"], joined("messages[1]")]
    ],
    [
      "is put behind its text, where blank text could hold it too",
      [marked(user([text("a"), text(" ")])), user("c")],
      [user([text("a", { cache: true }), text("c")])],
      [["dropped-blank", "messages[0].content[1]"], joined("messages[1]")],
      claude
    ],
    [
      "is put before reasoning",
      [user("Q"), marked(assistant([text("a"), signed])), user([text("c"), text(" ")])],
      [user([text("Q")]), assistant([text("a", { cache: true }), signed]), user([text("c")])],
      [["dropped-blank", "messages[2].content[1]"]],
      claude
    ],
    [
      "is left out where there is reasoning only",
      [user("Q"), marked(assistant([signed])), user([text("c"), text(" ")])],
      [user([text("Q")]), assistant([signed]), user([text("c")])],
      [["dropped-blank", "messages[2].content[1]"]],
      claude
    ],
    [
      "does not replace that of its last part",
      [marked(user([text("a", { cache: { ttl: "1h" } })])), assistant("b"), user("c "), user("d")],
      [user([text("a", { cache: { ttl: "1h" } })]), assistant([text("b")]), user([text("c "), text("d")])],
      [joined("messages[3]")],
      claude
    ],
    [
      "is a block behind a part that cannot hold it",
      [user("Q"), marked(assistant([own({ text: "a" })])), user("c"), user("d")],
      [user([text("Q")]), assistant([own({ text: "a" }), cachePoint()]), user([text("c"), text("d")])],
      [joined("messages[3]")]
    ],
    [
      "is none when it is off",
      [marked(user("a"), false), user("b")],
      [user([text("a"), text("b")])],
      [joined("messages[1]")]
    ]
  ]))("the cache control of a message $name", ({ given }) => {
    assert.deepStrictEqual(outcome(given), expected(given))
  })

  it("keeps the cache control of parts that have a field for it", () => {
    const parts = [text("a"), image, { ...document("a"), mediaType: "application/pdf" }, video, audio, found].map(
      (part) => ({ ...part, cache: true })
    )
    const { messages } = repaired({
      messages: [user([...parts, text(" ")]), assistant([call("a")]), tool([{ ...result("a"), cache: true }])],
      tools
    }, { caching: { supported: true } })
    assert.deepStrictEqual(messages[0], user(parts))
    assert.deepStrictEqual(messages[2], tool([{ ...result("a"), cache: true }]))
  })

  it("keeps the cache control of a single question", () => {
    const { conversation } = repair([marked(user("Q"))])
    assert.deepStrictEqual(conversation.turns[0]?.parts, [{
      part: text("Q", { cache: true }),
      field: "messages[0].content"
    }])
  })

  it.each(named([
    ["a blank question", [user(" ")], [user([text("…")])], [
      ["dropped-blank", "messages[0].content"],
      ["filled-message", "messages[0]"]
    ]],
    ["a blank question beside a system prompt", [system("S"), user(" ")], [system([text("S")]), user([text("…")])], [
      ["dropped-blank", "messages[1].content"],
      ["filled-message", "messages[1]"]
    ]],
    ["a blank system prompt", [system(" "), user("Q")], [user([text("Q")])], [[
      "dropped-blank",
      "messages[0].content"
    ]]],
    ["a system prompt without support", [system("S"), user("Q")], [user([text("S"), text("Q")])], [[
      "folded-system",
      "messages[0].content"
    ]], titan],
    ["no messages", [], [user([text("…")])], [["inserted-user", "messages"]]],
    ["instructions alone", [system("S")], [system([text("S")]), user([text("…")])], [["inserted-user", "messages"]]]
  ]))("repairs $name, of a request with nothing else", ({ given: [, given, sent, changes = [], capabilities] }) => {
    assert.deepStrictEqual<unknown>(repaired(given, capabilities), { messages: sent, changes })
  })

  it.each(named([
    [
      "the citations of instructions",
      [system([cited]), user("Q"), user("R")],
      [system([text(cited.text)]), user([text("Q"), text("R")])],
      [joined("messages[2]")]
    ],
    [
      "an answer without parts",
      [user("Q"), assistant([]), user("R")],
      [user([text("Q"), text("R")])],
      [["dropped-blank", "messages[1]"], joined("messages[2]")]
    ],
    [
      "a cache point without anything before it in the message",
      [user("Q"), assistant("A"), user([cachePoint()])],
      [user([text("Q")]), assistant([text("A")]), user([text("…")])],
      [["dropped-blank", "messages[2].content[0]"], ["filled-message", "messages[2]"]]
    ],
    [
      "an answer without parts, for a model that takes reasoning",
      [user("Q"), assistant([]), user("R")],
      [user([text("Q"), text("R")])],
      [["dropped-blank", "messages[1]"], joined("messages[2]")],
      claude
    ],
    [
      "blank text, but not before a separate cache point where the model takes it",
      [user([text("a"), text(" "), cachePoint("1h"), text(" ")])],
      [user([text("a"), text(" ", { cache: { ttl: "1h" } })])],
      [["dropped-blank", "messages[0].content[3]"]],
      claude
    ],
    [
      "blank parts of a result",
      [user("Q"), assistant([call("a")]), tool([{ type: "tool-result", id: "a", parts: [text("x"), text(" ")] }])],
      [user([text("Q")]), assistant([call("a")]), tool([{ type: "tool-result", id: "a", parts: [text("x")] }])],
      [["filled-result", "messages[2].content[0]"]]
    ],
    [
      "reasoning that this version does not know",
      [
        user("Q"),
        assistant([own({ reasoningContent: { $unknown: ["summary", "s"] } }), own({ text: "a" })]),
        user("R")
      ],
      [user([text("Q")]), assistant([own({ text: "a" })]), user([text("R")])],
      [["omitted-reasoning", "messages[1].content[0]"]],
      claude
    ]
  ]))("drops $name", ({ given }) => {
    assert.deepStrictEqual(outcome(given), expected(given))
  })

  const pieces = (...pieces: ReadonlyArray<string>): Message.DocumentPart => ({ ...document("a"), source: { pieces } })
  it.each(named([
    [
      "a document whose pieces are all blank, not one with text",
      [user([text("See"), pieces(" ", ""), { ...pieces("a", " "), name: "b" }])],
      [user([text("See"), { ...document("a"), source: { text: "(empty)" } }, { ...pieces("a", " "), name: "b" }])],
      [["filled-text", "messages[0].content[1]"]]
    ],
    [
      "a document beside text in a result",
      [user("Q"), assistant([call("a")]), tool([{ type: "tool-result", id: "a", parts: [text("x"), pieces(" ")] }])],
      [
        user([text("Q")]),
        assistant([call("a")]),
        tool([{ type: "tool-result", id: "a", parts: [text("x"), { ...document("a"), source: { text: "(empty)" } }] }])
      ],
      [["filled-text", "messages[2].content[0].parts[1]"]]
    ]
  ]))("fills $name", ({ given }) => {
    assert.deepStrictEqual(outcome(given), expected(given))
  })

  const Q = user([text("Q")])
  it.each(named([
    ["text of the user", [user("a "), user("b ")], [user([text("a "), text("b ")])], [joined("messages[1]")]],
    ["an answer that is not the last", [user("a"), assistant("b "), user("c"), user("d")], [
      user([text("a")]),
      assistant([text("b ")]),
      user([text("c"), text("d")])
    ], [joined("messages[3]")]],
    ["cited text", [user("a"), user("b"), assistant([cited])], [user([text("a"), text("b")]), assistant([cited])], [
      joined("messages[1]")
    ]],
    [
      "blank text behind signed reasoning",
      [user("a"), user("b"), assistant([signed, text(" ")])],
      [
        user([text("a"), text("b")]),
        assistant([signed, text(" ")])
      ],
      [joined("messages[1]")],
      claude
    ]
  ]))("does not trim $name", ({ given }) => {
    assert.deepStrictEqual(outcome(given), expected(given))
  })

  it.each(named([
    [
      "at its end only",
      [user("Q"), assistant("A "), user("R"), assistant([text("a "), text("b ")])],
      [Q, assistant([text("A ")]), user([text("R")]), assistant([text("a "), text("b")])],
      [["trimmed-answer", "messages[3].content[1]"]]
    ],
    [
      "before a cache point",
      [user("Q"), assistant([text("a "), cachePoint()])],
      [Q, assistant([text("a", { cache: true })])],
      [["trimmed-answer", "messages[1].content[0]"]]
    ]
  ]))("trims the last answer $name", ({ given }) => {
    assert.deepStrictEqual(outcome(given), expected(given))
  })

  describe("results", () => {
    const answered = (
      ...content: ReadonlyArray<Message.ToolResultPart>
    ) => [user("Q"), assistant([call("a")]), tool(content)]
    const noStatus: Capabilities = { ...common, toolResultStatus: false }

    it("that failed without a word say so", () => {
      const failed = { type: "tool-result", id: "a", isFailure: true } as const
      const { changes, messages } = repaired({ messages: answered(failed), tools }, noStatus)
      assert.deepStrictEqual(changes, [["omitted-status", "messages[2].content[0]"]])
      assert.deepStrictEqual(messages[2], tool([{ type: "tool-result", id: "a", result: "The tool failed" }]))
    })

    it("without a call are told with what they hold", () => {
      const told = (part: Omit<Message.ToolResultPart, "type" | "id">) =>
        repaired({ messages: [user("Q"), assistant("A"), tool([{ type: "tool-result", id: "x", ...part }])], tools })
          .messages[2]
      const line = (rest: string) => text(`Result of the tool call x:${rest}`)
      assert.deepStrictEqual(told({}), user([line(" (empty)")]))
      assert.deepStrictEqual(told({ result: "" }), user([line(" (empty)")]))
      assert.deepStrictEqual(told({ result: "sunny" }), user([line(" sunny")]))
      assert.deepStrictEqual(
        told({ parts: [text("a"), { type: "json", value: { b: 1 } }, video] }),
        user([
          line(""),
          text("a"),
          text(`{"b":1}`),
          video
        ])
      )
      assert.deepStrictEqual(told({ parts: [{ type: "json", value: " " }] }), user([line("")]))
    })

    it.each<
      readonly [name: string, part: Message.UserPart, allowed: Capabilities["besideToolResults"], alone: boolean]
    >([
      ["text", text("R"), [], true],
      ["text", text("R"), ["text"], false],
      ["an image", image, ["text"], true],
      ["a video", video, ["text"], true],
      ["a video", video, undefined, false],
      ["audio", audio, [], true],
      ["audio", audio, ["text"], false],
      ["audio", audio, undefined, false],
      ["an own block", own({ audio: {} }), [], true],
      ["an own block", own({ audio: {} }), ["text"], false],
      ["an own block", own({ audio: {} }), undefined, false],
      ["a cache point", cachePoint(), [], false]
    ])("and %s are one message or two", (_, part, besideToolResults, alone) => {
      const { turns } = repair({ messages: [...answered(result("a")), user([part])], tools }, {
        ...common,
        besideToolResults
      }).conversation
      assert.strictEqual(turns.length, alone ? 5 : 3)
    })

    it("give their media to the message, behind all results", () => {
      const { changes, messages } = repaired({
        messages: [
          user("Q"),
          assistant([call("a"), call("b")]),
          tool([{ type: "tool-result", id: "a", parts: [video, found, text("x"), video] }, result("b")]),
          user("R")
        ],
        tools
      }, { ...common, videosInToolResults: false })
      assert.deepStrictEqual(changes, [
        ["moved-media", "messages[2].content[0].parts[0]"],
        ["moved-media", "messages[2].content[0].parts[3]"]
      ])
      assert.deepStrictEqual(messages.slice(2), [
        tool([
          {
            type: "tool-result",
            id: "a",
            parts: [
              text("Video 1 is attached behind the results."),
              found,
              text("x"),
              text("Video 2 is attached behind the results.")
            ]
          },
          result("b")
        ]),
        user([video, video, text("R")])
      ])
    })
  })

  it("keeps a message of instructions that changes the tools in the conversation as a whole", () => {
    const addition = { type: "tool-addition", name: "look" } as const
    const removal = { type: "tool-removal", name: "find" } as const
    const messages = [system([text("Use it"), addition]), user("Q"), system([removal]), user("R")]
    const { conversation } = repair({ messages, tools }, { ...common, midConversationSystem: true })
    assert.deepStrictEqual(conversation.system, [])
    assert.deepStrictEqual(conversation.turns[0]?.parts.map(({ part }) => part), [text("Use it"), addition])
    const hoisted = repair({ messages, tools }, { ...common, midConversationSystem: false })
    assert.deepStrictEqual(hoisted.conversation.system.map(({ part }) => part), [
      text("Use it"),
      text("The tool look may be used from here on."),
      text("The tool find may no longer be used.")
    ])
  })

  it("adds text to a document beside cited text, and none beside text that is not guarded", () => {
    const added = (part: Message.TextPart) =>
      repaired({ messages: [user([part, document("a")])], tools }).changes.map(([type]) => type)
    assert.deepStrictEqual(added(cited), ["added-document-text"])
    assert.deepStrictEqual(added({ ...text("See"), guard: false }), [])
  })

  it("leaves the system prompt and the tools that `providerOptions` replace as they are", () => {
    const toolConfig = { tools: [{ toolSpec: { name: "own", inputSchema: { json: {} } } }] }
    const { request } = repair({
      messages: [system("S"), user([text("a", { cache: true })]), user("b")],
      tools,
      providerOptions: { bedrock: { system: [{ text: "own" }], toolConfig } }
    })
    assert.deepStrictEqual(request.messages[0], system([text("S")]))
    assert.deepStrictEqual(request.tools, tools)
  })

  it("drops unknown reasoning of its own format only", () => {
    const kept = (provider: string) => {
      const part: Message.ProviderPart = { type: "provider", provider, value: { reasoningContent: {} } }
      return repair([user("Q"), assistant([part, text("a")]), user("R")], claude).changes.map(({ type }) => type)
    }
    assert.deepStrictEqual(kept("aws.bedrock"), ["omitted-reasoning"])
    assert.deepStrictEqual(kept("openai"), [])
  })

  it("takes a cache point of its own format only", () => {
    const kept = (value: unknown, provider = "aws.bedrock") =>
      repair({ messages: [user([text("a"), { type: "provider", provider, value }])], tools }, {
        ...common,
        caching: { supported: false }
      }).changes.map(({ type }) => type)
    assert.deepStrictEqual(kept({ cachePoint: { type: "default" } }), ["omitted-cache-point"])
    assert.deepStrictEqual(kept({ cachePoint: "x" }), [])
    assert.deepStrictEqual(kept({ cachePoint: { type: "default" } }, "openai"), [])
  })
})
