import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import type * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as History from "../../src/converse/History.ts"
import {
  type Asked,
  call,
  claude,
  common,
  document,
  missing,
  mistral,
  nova,
  refused,
  repair,
  repaired,
  request,
  result,
  titan,
  tools
} from "./HistoryFixture.ts"

const { assistant, system, text, tool, user } = Message

describe("converse/History", () => {
  it("returns a valid request unchanged", () => {
    const fine = request({
      messages: [
        system("Be brief."),
        system("Be kind."),
        user([text("See"), document("report 1")]),
        assistant([
          { type: "reasoning", text: " ", signature: "s" },
          call("a"),
          call("b", "weather", { city: "Oslo" })
        ]),
        tool([result("a"), result("b", { celsius: 12 })]),
        user("Be quick"),
        assistant("It is")
      ],
      tools
    })
    for (const mode of ["repair", "strict"] as const) {
      const { changes, conversation, request } = Result.getOrThrow(
        History.normalize(fine, { capabilities: common, mode })
      )
      assert.strictEqual(request, fine)
      assert.deepStrictEqual(changes, [])
      assert.deepStrictEqual(conversation.turns.map(({ role }) => role), ["user", "assistant", "user", "assistant"])
    }
  })

  it("reports field and reason of changes, without content", () => {
    const { changes } = repair([user("a secret"), assistant([text("of mine "), text(" ")])])
    assert.deepStrictEqual(changes, [
      {
        type: "dropped-blank",
        field: "messages[1].content[1]",
        message: "there is only blank text, which Bedrock refuses. It was left out."
      },
      {
        type: "trimmed-answer",
        field: "messages[1].content[0]",
        message: "the last message is the assistant's and ends with white space, which models refuse. It was trimmed."
      }
    ])
  })

  describe("turns", () => {
    it("lets the user begin, unless the model does not mind", () => {
      const messages = [system("Hi"), assistant("Welcome!"), user("Thanks")]
      assert.deepStrictEqual(repaired(messages), {
        messages: [system([text("Hi")]), user([text("…")]), assistant([text("Welcome!")]), user([text("Thanks")])],
        changes: [["inserted-user", "messages[1]"]]
      })
      assert.deepStrictEqual(repaired(messages, { ...claude, leadingAssistant: true }).changes, [])
      for (const leadingAssistant of [false, true]) {
        const { messages } = repaired([system("Only this")], { ...common, leadingAssistant })
        assert.deepStrictEqual(messages[1], user([text("…")]))
      }
    })

    it("lets the user end where the model does not go on from an answer", () => {
      const ended = (asked: Asked, capabilities = {}) => repaired(asked, { prefill: false, ...capabilities })
      const goOn = user([text("Go on.")])
      assert.deepStrictEqual(ended([user("Q"), assistant("A"), system("S")]), {
        messages: [user([text("Q")]), assistant([text("A")]), system([text("S")]), goOn],
        changes: [["added-user", "messages[1]"]]
      })
      assert.deepStrictEqual(ended([system("Only this")]).messages, [system([text("Only this")]), user([text("…")])])
      const called = { messages: [user("Q"), assistant([text("I look"), call("a")])], tools }
      assert.deepStrictEqual(ended(called).messages.at(-1), tool([missing("a")]))
      assert.deepStrictEqual(ended(called, { tools: false }).messages.at(-1), goOn)
    })

    it("joins neighbours of one role and keeps the marks of caches between them", () => {
      const { changes, messages } = repaired({
        messages: [
          user("One"),
          { ...user("two"), cache: true },
          { ...assistant([text("three"), call("a")]), cache: { ttl: "5m" } },
          assistant("four")
        ],
        tools
      })
      assert.deepStrictEqual(messages, [
        user([text("One"), text("two", { cache: true })]),
        assistant([
          text("three"),
          call("a"),
          { type: "provider", provider: "aws.bedrock", value: { cachePoint: { type: "default", ttl: "5m" } } },
          text("four")
        ])
      ])
      assert.deepStrictEqual(changes, [["joined-message", "messages[1]"], ["joined-message", "messages[3]"]])
    })

    it("keeps consecutive user messages where supported, except beside tool results", () => {
      const twice = [user("One"), user("two"), assistant("three"), user("four"), user("five")]
      assert.deepStrictEqual(repaired(twice, nova), { messages: twice, changes: [] })
      assert.deepStrictEqual(repaired([user("One"), assistant("two"), assistant("three")], nova), {
        messages: [user([text("One")]), assistant([text("two"), text("three")])],
        changes: [["joined-message", "messages[2]"]]
      })
      const { changes, messages } = repaired({
        messages: [user("One"), assistant([call("a")]), user("meanwhile"), tool([result("a")]), user("go on")],
        tools
      }, nova)
      assert.deepStrictEqual(messages.slice(2), [tool([result("a")]), user([text("meanwhile"), text("go on")])])
      assert.deepStrictEqual(changes.map(([type]) => type), ["gathered-results", "joined-message", "gathered-results"])
    })

    it("moves a cache point before reasoning and blank text", () => {
      const reasoning: Message.ReasoningPart = { type: "reasoning", text: "Hm" }
      const { conversation } = repair([user("Q"), { ...assistant([text("A"), reasoning, text(" ")]), cache: true }])
      assert.deepStrictEqual(conversation.turns[1]?.parts.map(({ part }) => part), [
        text("A", { cache: true }),
        reasoning
      ])
    })

    it("drops blank text and blank messages, but no user turn", () => {
      assert.deepStrictEqual(repaired([user("Q"), assistant(" "), user([text("\n"), text("really")])]), {
        messages: [user([text("Q"), text("really")])],
        changes: [
          ["dropped-blank", "messages[1].content"],
          ["dropped-blank", "messages[2].content[0]"],
          ["joined-message", "messages[2]"]
        ]
      })
      assert.deepStrictEqual(repaired([user("Q"), assistant("A"), user([])]), {
        messages: [user([text("Q")]), assistant([text("A")]), user([text("…")])],
        changes: [["dropped-blank", "messages[2]"], ["filled-message", "messages[2]"]]
      })
      for (const capabilities of [common, nova]) {
        assert.deepStrictEqual(repaired([user("Q"), user(" ")], capabilities), {
          messages: [user([text("Q")])],
          changes: [["dropped-blank", "messages[1].content"]]
        })
      }
    })

    it("leaves cited text alone, blank or not", () => {
      const messages = [user("Q"), assistant([{ ...text(" "), citations: [] }])]
      assert.deepStrictEqual(repaired(messages).changes, [])
    })
  })

  describe("instructions", () => {
    const late = [user("One"), assistant("two"), user("three"), system("Now in French."), assistant("quatre")]

    it("stay in place for a model that supports them", () => {
      const behind = [user("One"), assistant("two"), system("Now in French."), user("trois")]
      for (const messages of [late, behind]) {
        assert.deepStrictEqual(repaired(messages, {}), { messages, changes: [] })
      }
      assert.deepStrictEqual(repair(late, {}).conversation.turns.map(({ role }) => role)[3], "system")
    })

    it("in a row are one message", () => {
      assert.deepStrictEqual(repaired([user("One"), system("In French."), system("Be kind."), assistant("deux")], {}), {
        messages: [
          user([text("One")]),
          system([text("In French."), text("Be kind.")]),
          assistant([text("deux")])
        ],
        changes: [["joined-message", "messages[2]"]]
      })
    })

    it("join the system prompt of other models", () => {
      const { changes, messages } = repaired([system("Be brief."), ...late])
      assert.deepStrictEqual(messages[0], system([text("Be brief."), text("Now in French.")]))
      assert.deepStrictEqual(messages.map(({ role }) => role), ["system", "user", "assistant", "user", "assistant"])
      assert.deepStrictEqual(changes, [["hoisted-instructions", "messages[4]"]])
    })

    it("move after messages that belong together", () => {
      const between = system("Now in French.")
      assert.deepStrictEqual(repaired([user("One"), between, user("two")], {}), {
        messages: [user([text("One"), text("two")]), system([text("Now in French.")])],
        changes: [["moved-instructions", "messages[1]"], ["joined-message", "messages[2]"]]
      })
      const answered = repaired(
        { messages: [user("Q"), assistant([call("a")]), between, tool([result("a")])], tools },
        {}
      )
      assert.deepStrictEqual(answered.messages.map(({ role }) => role), ["user", "assistant", "tool", "system"])
      assert.deepStrictEqual(answered.changes, [["moved-instructions", "messages[2]"]])
    })

    it("go to the user where there is no system prompt", () => {
      const messages = [system("Be brief."), user("Hello"), assistant("Hi"), system("Be kind."), user("Bye")]
      assert.deepStrictEqual(repaired(messages, titan), {
        messages: [
          user([text("Be brief."), text("Be kind."), text("Hello")]),
          assistant([text("Hi")]),
          user([text("Bye")])
        ],
        changes: [["hoisted-instructions", "messages[3]"], ["folded-system", "messages[0].content"]]
      })
      assert.deepStrictEqual(repaired(messages, { systemPrompt: false }), repaired(messages, titan))
      assert.deepStrictEqual(repaired([system("Be brief.")], titan).messages, [user([text("Be brief.")])])
      assert.deepStrictEqual(repaired([system("Be brief."), assistant("Hi")], titan).messages, [
        user([text("Be brief.")]),
        assistant([text("Hi")])
      ])
    })

    it("that change the tools stay a message, or are converted to text", () => {
      const removal: Message.ToolRemovalPart = { type: "tool-removal", name: "weather" }
      const messages = [system("Be brief."), system([removal]), user("Hi")]
      assert.deepStrictEqual(repair(messages, {}).conversation.turns.map(({ role }) => role), ["system", "user"])
      assert.deepStrictEqual(repaired(messages), {
        messages: [
          system([text("Be brief."), text("The tool weather may no longer be used.")]),
          user([text("Hi")])
        ],
        changes: [["hoisted-instructions", "messages[1]"], ["told-tool-change", "messages[1].content[0]"]]
      })
    })
  })

  describe("documents", () => {
    const namesOf = (names: ReadonlyArray<string>) => {
      const { messages } = repaired([user([text("See"), ...names.map(document)])])
      return Message.parts(messages[0]!).flatMap((part) => part.type === "document" ? [part.name] : [])
    }

    it("get valid names", () => {
      assert.deepStrictEqual(
        namesOf(["Q1 (final) [2]", "Résumé_2024.v2.pdf", "a \u00a0 b\tc", "報告.pdf", "報告", " .. ", "x".repeat(300)]),
        ["Q1 (final) [2]", "Resume_2024-v2-pdf", "a b c", "pdf", "Document", "Document (2)", "x".repeat(190)]
      )
    })

    it("get names of their own, in results of tools too", () => {
      assert.deepStrictEqual(namesOf(["a", "a", "a (2)", "a"]), ["a", "a (2)", "a (2) (2)", "a (3)"])
      const { changes } = repaired({
        messages: [
          user([text("See"), document("a")]),
          assistant([call("c")]),
          tool([{ ...result("c"), parts: [document("a")] }])
        ],
        tools
      })
      assert.deepStrictEqual(changes, [["renamed-document", "messages[2].content[0].parts[0].name"]])
    })

    it("get a text beside them, which guarded text is not", () => {
      const guarded: Message.TextPart = { type: "text", text: "See", guard: true }
      assert.deepStrictEqual(repaired([user([guarded, document("a")])]), {
        messages: [user([guarded, document("a"), text("See the document.")])],
        changes: [["added-document-text", "messages[0].content[1]"]]
      })
    })
  })

  describe("strict", () => {
    it("refuses what it would change, with field and remedy", () => {
      const error = refused([user("Q"), assistant("A"), user([text("B"), text(" ")])])
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.strictEqual(error.model, "any")
      assert.strictEqual(error.field, "messages[2].content[1]")
      assert.strictEqual(error.remedy, "Give it text, or leave it out")
      assert.strictEqual(
        error.message,
        "messages[2].content[1]: there is only blank text, which Bedrock refuses. Give it text, or leave it out."
      )
    })

    it.each<{ what: string; asked: Asked; field: string; capabilities?: ModelCatalog.Capabilities }>([
      { what: "an assistant who begins", asked: [assistant("Hi")], field: "messages[0]" },
      { what: "blanks at the end", asked: [user("Q"), assistant("A ")], field: "messages[1].content" },
      { what: "late instructions", asked: [user("Q"), system("S")], field: "messages[1]" },
      {
        what: "a system prompt where there is none",
        asked: [system("S"), user("Q")],
        field: "messages[0].content",
        capabilities: titan
      },
      {
        what: "a call without a result",
        asked: { messages: [user("Q"), assistant([call("a")]), user("R")], tools },
        field: "messages[1].content[0]"
      },
      {
        what: "a result without a call",
        asked: { messages: [tool([result("a")])], tools },
        field: "messages[0].content[0]"
      },
      { what: "tools that are not declared", asked: [user("Q"), assistant([call("a")])], field: "tools" },
      {
        what: "an id the model does not take",
        asked: { messages: [user("Q"), assistant([call("a")])], tools },
        field: "messages[1].content[0].id",
        capabilities: mistral
      },
      {
        what: "a name of a document",
        asked: [user([text("See"), document("a.b")])],
        field: "messages[0].content[1].name"
      },
      { what: "a document alone", asked: [user([document("a")])], field: "messages[0].content[0]" }
    ])("refuses $what", ({ asked, capabilities, field }) => {
      assert.strictEqual(refused(asked, capabilities).field, field)
    })

    it("still joins and gathers, which is lossless", () => {
      const asked = request({
        messages: [
          user("Q"),
          user("R"),
          assistant([call("a"), call("b")]),
          tool([{ ...result("b"), isFailure: false }]),
          tool([result("a")])
        ],
        tools
      })
      const { changes } = Result.getOrThrow(
        History.normalize(asked, { capabilities: { toolResultStatus: false }, mode: "strict" })
      )
      assert.sameMembers(changes.map(({ type }) => type), [
        "joined-message",
        "gathered-results",
        "gathered-results",
        "omitted-status"
      ])
    })
  })
})
