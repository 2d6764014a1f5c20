import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import {
  call,
  claude,
  document,
  missing,
  mistral,
  repair,
  repaired,
  result,
  titan,
  tools,
  writer
} from "./HistoryFixture.ts"

const { assistant, system, text, tool, user } = Message

const ran = (id: string, name: string): Message.ToolCallPart => ({ ...call(id, name), providerExecuted: true })

describe("converse/History and tools", () => {
  describe("results", () => {
    const question = user("Q")

    it("come together after their calls, in the order of the calls", () => {
      const { changes, messages } = repaired({
        messages: [
          question,
          assistant([call("a"), call("b"), call("c")]),
          tool([result("c")]),
          user("meanwhile"),
          tool([result("a")]),
          assistant(""),
          tool([result("b")])
        ],
        tools
      })
      assert.deepStrictEqual(messages.slice(2), [
        tool([result("a"), result("b"), result("c")]),
        user([text("meanwhile")])
      ])
      assert.deepStrictEqual(changes, [
        ["dropped-blank", "messages[5].content"],
        ["gathered-results", "messages[4]"],
        ["gathered-results", "messages[6]"],
        ["gathered-results", "messages[2]"]
      ])
    })

    it("are moved out of the assistant's message, whose rest is the next answer", () => {
      const asked = {
        messages: [question, assistant([call("a"), result("a"), text("So it is sunny")]), user("Thanks")],
        tools
      }
      const { changes, messages } = repaired(asked)
      assert.deepStrictEqual(messages, [
        user([text("Q")]),
        assistant([call("a")]),
        tool([result("a")]),
        assistant([text("So it is sunny")]),
        user([text("Thanks")])
      ])
      assert.deepStrictEqual(changes, [["gathered-results", "messages[1].content[1]"]])
    })

    it("of the provider's own tools stay where they are", () => {
      for (const found of [[], " "]) {
        const searched = assistant([
          ran("s", "nova_grounding"),
          { ...result("s", found), providerExecuted: true },
          text("Found it")
        ])
        assert.deepStrictEqual(repaired({ messages: [question, searched, user("Thanks")], tools }).changes, [])
      }
    })

    it("without a pending call are converted to text without loss", () => {
      const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: { uri: "s3://b/i" } }
      const { changes, messages } = repaired({
        messages: [
          tool([result("x", { celsius: 12 })]),
          assistant([call("a")]),
          tool([result("a"), { ...result("a", "again"), isFailure: true }]),
          assistant("So?"),
          tool([{ ...result("a"), parts: [image] }])
        ],
        tools
      })
      assert.deepStrictEqual(messages, [
        user([text("Result of the tool call x: {\"celsius\":12}")]),
        assistant([call("a")]),
        tool([result("a")]),
        user([text("The tool call a failed: again")]),
        assistant([text("So?")]),
        user([text("Result of the tool call a:"), image])
      ])
      assert.deepStrictEqual(changes, [
        ["told-result", "messages[0].content[0]"],
        ["told-result", "messages[2].content[1]"],
        ["told-result", "messages[4].content[0]"]
      ])
    })

    it("that are missing become failures, unless the conversation ends with the calls", () => {
      const open = [question, assistant([call("a"), call("b")])]
      assert.deepStrictEqual(repaired({ messages: open, tools }).changes, [])
      assert.deepStrictEqual(repaired({ messages: [...open, tool([result("b")])], tools }), {
        messages: [user([text("Q")]), assistant([call("a"), call("b")]), tool([missing("a"), result("b")])],
        changes: [["missing-result", "messages[1].content[0]"]]
      })
      assert.deepStrictEqual(repaired({ messages: [...open, system("Be brief.")], tools }, {}).messages.slice(2), [
        tool([missing("a"), missing("b")]),
        system([text("Be brief.")])
      ])
    })

    it("that are blank say so", () => {
      const messages = [
        question,
        assistant([call("a"), call("b"), call("c")]),
        tool([
          result("a", " \n"),
          { ...result("b"), parts: [text(" ")] },
          { ...result("c"), parts: [], isFailure: true }
        ])
      ]
      const { changes, messages: sent } = repaired({ messages, tools })
      assert.deepStrictEqual(sent[2]?.content, [
        result("a", "(empty)"),
        { ...result("b"), parts: [text("(empty)")] },
        { ...result("c"), parts: [text("(empty)")], isFailure: true }
      ])
      assert.deepStrictEqual(changes.map(([type]) => type), ["filled-result", "filled-result", "filled-result"])
    })

    it("are sent alone where the model requires it", () => {
      const messages = [question, assistant([call("aaaaaaaaa")]), tool([result("aaaaaaaaa")]), user("Be quick")]
      assert.deepStrictEqual(repaired({ messages, tools }, mistral), {
        messages: [
          user([text("Q")]),
          assistant([call("aaaaaaaaa")]),
          tool([result("aaaaaaaaa")]),
          assistant([text("…")]),
          user([text("Be quick")])
        ],
        changes: [["separated-results", "messages[2]"]]
      })
      assert.deepStrictEqual(repaired({ messages, tools }, claude).changes, [])
      const found: Message.SearchResultPart = { type: "search-result", source: "s", title: "t", content: ["c"] }
      const given = [...messages.slice(0, 3), user([found])]
      assert.deepStrictEqual(repaired({ messages: given, tools }, mistral).messages.at(-1), user([found]))
      assert.deepStrictEqual(repaired({ messages: given, tools }, claude).changes, [])
      const shown = [...messages, user([document("report")])]
      assert.include(repaired({ messages: shown, tools }, claude).changes.map(([type]) => type), "separated-results")
    })

    it("have no status where unsupported, but state the failure", () => {
      const messages = [
        question,
        assistant([call("a"), call("b"), call("c"), call("d")]),
        tool([
          { ...result("a"), isFailure: false },
          { ...result("b", "boo"), isFailure: true },
          { ...result("c", { code: 7 }), isFailure: true },
          { ...result("d"), parts: [text("boo")], isFailure: true }
        ])
      ]
      assert.deepStrictEqual(repaired({ messages, tools }, writer).messages[2]?.content, [
        result("a"),
        result("b", "The tool failed: boo"),
        result("c", { error: { code: 7 } }),
        { ...result("d"), parts: [text("The tool failed:"), text("boo")] }
      ])
    })
  })

  describe("calls", () => {
    const exchange = (...calls: ReadonlyArray<Message.ToolCallPart>) => [
      user("Q"),
      assistant(calls),
      tool(calls.map(({ id }) => result(id)))
    ]
    const idsOf = (messages: ReadonlyArray<Message.Message>) =>
      messages.flatMap((message) => Message.parts(message).flatMap((part) => "id" in part ? [part.id] : []))

    it("get valid unique ids, with their results", () => {
      const messages = [
        ...exchange(call("call 1"), call(""), call("x".repeat(70)), call("b")),
        ...exchange(call("b"), call("call 1"))
      ]
      const { changes, messages: sent } = repaired({ messages, tools })
      const first = ["call_1", "call", "x".repeat(64), "b"]
      const second = ["b_2", "call_1_2"]
      assert.deepStrictEqual(idsOf(sent), [...first, ...first, ...second, ...second])
      assert.deepStrictEqual(changes.map(([, field]) => field), [
        ...[0, 1, 2].map((index) => `messages[1].content[${index}].id`),
        "messages[4].content[0].id",
        "messages[4].content[1].id"
      ])
    })

    it("get ids the model accepts, stable as the conversation grows", () => {
      const short = exchange(call("toolu_01"), call("abcDEF123"))
      const sent = idsOf(repaired({ messages: short, tools }, mistral).messages)
      for (const id of sent) assert.match(id, /^[a-zA-Z0-9]{9}$/)
      assert.strictEqual(sent[1], "abcDEF123")
      assert.deepStrictEqual(sent.slice(0, 2), sent.slice(2))
      const long = [...short, assistant("So?"), ...exchange(call("toolu_02"), call("toolu_01"))]
      const grown = idsOf(repaired({ messages: long, tools }, mistral).messages)
      assert.deepStrictEqual(grown.slice(0, 4), sent)
      assert.strictEqual(new Set(grown).size, 4)
    })

    it("ignore a pattern that cannot be met", () => {
      for (const toolCallIdPattern of ["(", "^!+$"]) {
        assert.deepStrictEqual(repaired({ messages: exchange(call("a")), tools }, { toolCallIdPattern }).changes, [])
      }
    })

    it("get valid unique names, one for each name", () => {
      const messages = exchange(call("a", "get weather"), call("b", "get weather"), call("c", "get:weather"))
      const { changes, messages: sent } = repaired({ messages, tools: [{ ...tools[0]!, name: "get_weather" }] })
      assert.deepStrictEqual(
        Message.parts(sent[1]!).map((part) => part.type === "tool-call" && part.name),
        ["get_weather_2", "get_weather_2", "get_weather_3"]
      )
      assert.deepStrictEqual(changes[0], ["renamed-tool", "messages[1].content[0].name"])
    })

    it("have their arguments in an object", () => {
      const { changes, messages } = repaired({
        messages: exchange(
          call("a", "weather", "{\"city\": "),
          call("b", "weather", [1]),
          call("c", "weather", undefined)
        ),
        tools
      })
      assert.deepStrictEqual(messages[1]?.content, [
        call("a", "weather", { value: "{\"city\": " }),
        call("b", "weather", { value: [1] }),
        call("c", "weather", undefined)
      ])
      assert.deepStrictEqual(changes.map(([type]) => type), ["wrapped-params", "wrapped-params"])
    })

    it("have their tools declared if the request offers none", () => {
      const messages = exchange(call("a", "weather"), call("b", "get time"), call("c", "weather"))
      for (const tools of [undefined, []]) {
        const { changes, request } = repair({ messages, tools })
        assert.deepStrictEqual(request.tools?.map(({ name }) => name), ["weather", "get_time"])
        assert.strictEqual(request.toolChoice, "none")
        assert.deepStrictEqual(changes.at(-1)?.field, "tools")
      }
      const toolConfig = { tools: [{ toolSpec: { name: "weather", inputSchema: { json: {} } } }] }
      const own = { messages: exchange(call("a")), providerOptions: { bedrock: { toolConfig } } }
      assert.deepStrictEqual(repaired(own).changes, [])
    })

    it("are converted to text for a model without tools", () => {
      const { changes, messages } = repaired(exchange(call("a", "weather", { city: "Oslo" })), titan)
      assert.deepStrictEqual(messages, [
        user([text("Q")]),
        assistant([text("Called the tool weather with {\"city\":\"Oslo\"}")]),
        user([text("Result of the tool call a: sunny")])
      ])
      assert.deepStrictEqual(changes.map(([type]) => type), ["told-tool-use", "told-tool-use"])
    })

    it("of one id are answered in the order of their results", () => {
      const { changes, messages } = repaired({
        messages: [user("Q"), assistant([call("a"), call("a")]), tool([result("a", "1"), result("a", "2")])],
        tools
      })
      assert.deepStrictEqual(changes, [["renamed-call", "messages[1].content[1].id"]])
      assert.deepStrictEqual(messages[2], tool([result("a", "1"), result("a_2", "2")]))
    })

    it("do not take the id of a call that the provider ran, or the name of another tool", () => {
      const { messages } = repaired({
        messages: [
          user("Q"),
          assistant([ran("a", "search"), call("a", "get weather"), call("b", "get_weather"), call("c", "look up")]),
          user("R")
        ],
        tools: [{ name: "look_up", inputSchema: { type: "object" } }]
      })
      assert.deepStrictEqual(
        Message.parts(messages[1]!).flatMap((part) => part.type === "tool-call" ? [[part.id, part.name]] : []),
        [["a", "search"], ["a_2", "get_weather_2"], ["b", "get_weather"], ["c", "look_up_2"]]
      )
    })

    it("have their tools declared as no longer available", () => {
      const declared = (...content: ReadonlyArray<Message.AssistantPart>) =>
        repair([user("Q"), assistant(content), user("R")]).request.tools
      const unavailable = (name: string) => ({
        name,
        description: "No longer available.",
        inputSchema: { type: "object", properties: {} }
      })
      assert.deepStrictEqual(declared(call("a"), ran("b", "search")), [unavailable("weather")])
      assert.deepStrictEqual(declared(text("x"), ran("b", "not a name")), [unavailable("unavailable")])
      assert.deepStrictEqual(declared(ran("b", "search")), [{
        type: "provider",
        provider: "aws.bedrock",
        name: "search"
      }])
      assert.deepStrictEqual(declared(text("x"), { ...result("b"), providerExecuted: true }), [
        unavailable("unavailable")
      ])
      assert.isUndefined(declared(text("x")))
    })
  })
})
