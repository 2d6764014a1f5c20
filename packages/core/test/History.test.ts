import { assert, describe, it } from "@effect/vitest"
import { History, Message } from "@strata/core"
import * as Schema from "effect/Schema"
import { names, providers, turn } from "./support/ForeignTurns.ts"
import * as Histories from "./support/Histories.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("History.portable", () => {
  for (const from of names) {
    for (const to of names) {
      it(`case 67: a history with tools goes from ${from} to ${to}, and back`, () => {
        const entries = [...turn(from), ...turn(to), { message: Message.user("And now?") }]
        const target = providers[to].origin
        const messages = History.portable(entries, target)
        assert.isUndefined(Histories.troubleOf(messages))
        const text = JSON.stringify(messages)
        if (from !== to) {
          for (const secret of [`signed by ${from}`, `"secret":"${from}"`, `"block":"${from}"`]) {
            assert.notInclude(text, secret)
          }
        }
        // What it wrote itself is the same to the byte.
        const own = turn(to).map(({ message }) => message)
        if (from !== to) assert.deepStrictEqual(messages.slice(-5, -1), own)
        // Calls and results still belong together, by ids that everybody takes.
        const parts = messages.flatMap(Message.parts)
        for (const letter of ["a", "b"]) {
          const result = parts.find((part) => part.type === "tool-result" && part.result === `${letter} of ${from}`)
          assert.strictEqual(result?.type, "tool-result")
          if (result?.type !== "tool-result") return
          const call = parts.find((part) => part.type === "tool-call" && part.id === result.id)
          assert.deepInclude(call, { name: "look", params: { at: from } })
          if (from !== to) assert.match(result.id, /^[a-zA-Z0-9_-]{1,64}$/)
        }
        for (const said of [`I am ${from}`, `Done, ${from}`, `I am ${to}`, `Done, ${to}`]) assert.include(text, said)
      })
    }
  }

  it("case 67: a longer history gives the same to what it begins with", () => {
    const all = names.flatMap(turn)
    const target = { provider: "somewhere", model: "else" }
    const whole = History.portable(all, target)
    for (let length = 0; length <= all.length; length++) {
      const messages = History.portable(all.slice(0, length), target)
      assert.deepStrictEqual(messages, whole.slice(0, messages.length))
    }
  })

  it("an answer of which nothing is left is left out, and a message without an origin is another model's", () => {
    const thought = Message.assistant([{ type: "reasoning", text: "hm", signature: "seal" }])
    const entries = [{ message: Message.user("Hi") }, { message: thought }, { message: Message.user("So?") }]
    assert.deepStrictEqual(History.portable(entries, { provider: "a", model: "b" }).map(({ role }) => role), [
      "user",
      "user"
    ])
  })

  it("parts of the program for a provider go to that provider only", () => {
    const image = (providerFields: Record<string, unknown>): Message.ImagePart => ({
      type: "image",
      mediaType: "image/png",
      source: { uri: "s3://a/b" },
      providerFields
    })
    const point: Message.ProviderPart = { type: "provider", provider: "a", value: {} }
    const message = Message.user([Message.text("Hi"), point, image({ a: 1, b: 2 })])
    const at = (provider: string) => History.portable([{ message }], { provider, model: "m" })[0]?.content
    assert.deepStrictEqual(at("a"), [Message.text("Hi"), point, image({ a: 1 })])
    assert.deepStrictEqual(at("b"), [Message.text("Hi"), image({ b: 2 })])
  })
})

describe("History.complete", () => {
  it.prop("case 64: any history becomes valid, and a valid one is not touched", [Histories.Pieces], ([pieces]) => {
    const completed = History.complete(Histories.of(pieces))
    assert.isUndefined(Histories.troubleOf(completed))
    const again = History.complete(completed)
    assert.strictEqual(again.length, completed.length)
    for (const [index, message] of again.entries()) assert.strictEqual(message, completed[index])
  }, { arbitrary: { runs: 300 } })

  it.prop(
    "case 67: and so does one after a switch of models",
    [Histories.Pieces, between(0, 4)],
    ([pieces, target]) => {
      const entries = Histories.of(pieces).map((message, index) => ({
        message,
        origin: providers[names[index % names.length]!].origin
      }))
      const messages = History.portable(entries, providers[names[target]!].origin)
      assert.isUndefined(Histories.troubleOf(History.complete(messages)))
    },
    { arbitrary: { runs: 300 } }
  )

  it("a call without a result gets one that says so; results without a call are left out", () => {
    const call = (id: string): Message.ToolCallPart => ({ type: "tool-call", id, name: "look", params: {} })
    const result = (id: string): Message.ToolResultPart => ({ type: "tool-result", id, result: id })
    const completed = History.complete([
      Message.user("Hi"),
      Message.assistant([call("a"), call("b")]),
      Message.tool([result("b"), result("c"), result("b")]),
      Message.user("Stop")
    ])
    const [, , results] = completed
    assert.deepStrictEqual(completed.map(({ role }) => role), ["user", "assistant", "tool", "user"])
    assert.deepStrictEqual(results?.role === "tool" && results.content.map(({ id, isFailure }) => [id, isFailure]), [
      ["b", undefined],
      ["a", true]
    ])
  })
})
