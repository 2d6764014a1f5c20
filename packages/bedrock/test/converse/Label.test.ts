import { assert, describe, it } from "@effect/vitest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Label from "../../src/converse/history/Label.ts"
import * as Request from "../../src/converse/Request.ts"

const many = (length: number) => Array.from({ length }, (_, index) => index)

/** How often something is read or called by what `f` does of a size, in relation to a quarter of that size. */
const growth = (f: (size: number, count: () => void) => unknown): number => {
  const counted = (size: number): number => {
    let times = 0
    f(size, () => {
      times += 1
    })
    return times
  }
  return counted(2_000) / counted(500)
}

/** Linear work grows by 4, quadratic work by 16. */
const mostGrowth = 5

/** A part that counts how often it is asked what it is and whose. */
const counting = <Part extends Message.Part>(part: Part, count: () => void): Part => {
  const field = (value: unknown) => ({
    enumerable: true,
    get: () => {
      count()
      return value
    }
  })
  return Object.defineProperties({ ...part }, {
    type: field(part.type),
    ...("id" in part && { id: field(part.id) })
  })
}

const documents = (names: ReadonlyArray<string>) => {
  const label = Label.allocator(Label.documentName)
  return names.map(label)
}

const encode = (messages: ReadonlyArray<Message.Message>, model: string) =>
  Result.getOrThrow(
    Request.encode({ model, messages, tools: [{ name: "look", inputSchema: { type: "object" } }] }, {
      capabilities: ModelCatalog.lookup(model),
      history: "repair"
    })
  )

const given = (kind: Label.Kind, texts: ReadonlyArray<string>) => texts.map(Label.allocator(kind))

describe("converse/history/Label", () => {
  it("keeps valid names of tools, and gives others a unique one", () => {
    const long = "x".repeat(64)
    assert.deepStrictEqual(
      given(Label.toolName, [long, "get-weather_1", "get weather", "get weather", "get weather"]),
      [
        long,
        "get-weather_1",
        "get_weather",
        "get_weather_2",
        "get_weather_3"
      ]
    )
    assert.deepStrictEqual(given(Label.toolName, ["a?!b", "", "?", `${long}x`, `${long}y`]), [
      "a_b",
      "tool",
      "_",
      long,
      `${"x".repeat(62)}_2`
    ])
  })

  it("keeps valid ids of calls, and gives others a unique one", () => {
    const long = "x".repeat(64)
    assert.deepStrictEqual(
      given(Label.callId(undefined), [long, "a:b.c-d_1", "call 1", "call 1", "call 1", "a?!b", ""]),
      [
        long,
        "a:b.c-d_1",
        "call_1",
        "call_1_2",
        "call_1_3",
        "a_b",
        "call"
      ]
    )
    assert.deepStrictEqual(given(Label.callId(undefined), [`${long}x`, `${long}y`]), [long, `${"x".repeat(62)}_2`])
  })

  it("gives ids of nine letters and digits, where the model takes no others", () => {
    const kind = Label.callId(/^[a-zA-Z0-9]{9}$/)
    const ids = given(kind, ["abcDEF123", "abcDEF123", "call_1", "call_1", "call_2", ""])
    assert.strictEqual(ids[0], "abcDEF123")
    assert.strictEqual(new Set(ids).size, 6)
    for (const id of ids) assert.match(id, /^[a-zA-Z0-9]{9}$/)
    assert.deepStrictEqual(given(kind, ["call_1"]), ids.slice(2, 3), "the same for the same text")
  })

  it("requires of an id what Converse requires, beside the pattern of the model", () => {
    assert.match(given(Label.callId(/^.{1,100}$/), ["a b"])[0] ?? "", /^[a-z0-9]{9}$/)
    assert.deepStrictEqual(given(Label.callId(/^x$/), ["call_1"]), ["call_1"], "a pattern that accepts no id of ours")
  })

  it.each([
    ["Report (1) [a] - b_c", "Report (1) [a] - b_c"],
    [" a", " a"],
    ["n".repeat(200), "n".repeat(200)],
    ["n".repeat(201), "n".repeat(190)],
    ["report.pdf", "report-pdf"],
    ["a.?.b", "a-b"],
    ["a - b?c", "a - b-c"],
    ["Übersicht  2024", "Ubersicht 2024"],
    ["a\t\tb", "a b"],
    [". - a", "a"],
    ["a- -?", "a"],
    ["", "Document"],
    [" ", "Document"],
    ["(?)", "Document"],
    [`${"?".repeat(1000)}a`, "Document"]
  ])("calls the document %j %j", (name, expected) => {
    assert.deepStrictEqual(documents([name]), [expected])
  })

  it("numbers documents of one name", () => {
    assert.deepStrictEqual(documents(["a.b", "a.b", "a.b", "a-b"]), ["a-b", "a-b (2)", "a-b (3)", "a-b (4)"])
  })

  it("keeps an underscore, which the service was recorded to take", () => {
    assert.deepStrictEqual(documents(["sample_2", "sample_2"]), ["sample_2", "sample_2 (2)"])
  })

  it.each([
    ["dashes", `${"-".repeat(1_000_000)}b`],
    ["dashes in the middle", `a${"-".repeat(1_000_000)}b`],
    ["blanks", `a${" ".repeat(1_000_000)}`],
    ["marks", `a${"\u0301".repeat(1_000_000)}`]
  ])("does not take long over %s", (_, name) => {
    // a search from each of them to the end would take hours
    assert.isAtMost(documents([name])[0]?.length ?? 0, 200)
  })

  it.each([
    ["equal texts", () => "call 1"],
    ["texts that come to the same", (index: number) => `call${"?".repeat(1 + index % 50)}1`],
    ["long texts with one beginning", (index: number) => `${"x".repeat(64)}${index}`]
  ])("tries few variants of %s", (_, text) => {
    for (const kind of [Label.callId(undefined), Label.toolName]) {
      const ratio = growth((size, count) => {
        const label = Label.allocator({
          ...kind,
          variant: (stem, attempt) => {
            count()
            return kind.variant(stem, attempt)
          }
        })
        many(size).forEach((index) => label(text(index)))
      })
      assert.isBelow(ratio, mostGrowth)
    }
  })

  const call = (index: number): Message.ToolCallPart => ({
    type: "tool-call",
    id: `c${index}`,
    name: "look",
    params: {}
  })
  const conversations: Record<string, (size: number, count: () => void) => ReadonlyArray<Message.Message>> = {
    "messages of the user": (size, count) =>
      many(size).map((index) => Message.user([counting(Message.text(String(index)), count)])),
    turns: (size, count) =>
      many(size).map((index) => {
        const content = [counting(Message.text("…"), count)]
        return index % 2 === 0 ? Message.user(content) : Message.assistant(content)
      }),
    "calls in one turn": (size, count) => [
      Message.user("Q"),
      Message.assistant(many(size).map((index) => counting(call(index), count))),
      Message.tool(
        many(size).map((index) =>
          counting({ type: "tool-result", id: `c${size - 1 - index}`, result: "ok" } as const, count)
        )
      )
    ]
  }

  it.each(Object.keys(conversations))("looks at each of many %s a few times only", (kind) => {
    for (const model of ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-lite-v1:0"]) {
      assert.isBelow(growth((size, count) => encode(conversations[kind]?.(size, count) ?? [], model)), mostGrowth)
    }
  })
})
