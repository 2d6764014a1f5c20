import { assert, describe, it } from "@effect/vitest"
import { UiMessage } from "@strata/ui"
import { Effect, Schema } from "effect"

const message = (fields: object) => [{ id: "m1", role: "user", parts: [{ type: "text", text: "Hi" }], ...fields }]

const part = (given: unknown) => message({ role: "assistant", parts: [{ type: "step-start" }, given] })

describe("UiMessage.read", () => {
  it.effect.each<readonly [unknown, string]>([
    [undefined, "messages"],
    [null, "messages"],
    ["[]", "messages"],
    [{ length: 3 }, "messages"],
    [[null], "messages[0]"],
    [[[]], "messages[0]"],
    [message({ id: 5 }), "messages[0].id"],
    [message({ role: "tool" }), "messages[0].role"],
    [message({ parts: undefined }), "messages[0].parts"],
    [message({ parts: "Hi" }), "messages[0].parts"],
    [part(null), "messages[0].parts[1]"],
    [part({}), "messages[0].parts[1].type"],
    [part({ type: 5 }), "messages[0].parts[1].type"],
    [part({ type: "text" }), "messages[0].parts[1].text"],
    [part({ type: "reasoning", text: null }), "messages[0].parts[1].text"],
    [part({ type: "file", url: "data:," }), "messages[0].parts[1].mediaType"],
    [part({ type: "file", mediaType: "image/png" }), "messages[0].parts[1].url"],
    [part({ type: "dynamic-tool", toolCallId: "a", state: "x" }), "messages[0].parts[1].toolName"],
    [part({ type: "tool-x", state: "x" }), "messages[0].parts[1].toolCallId"],
    [part({ type: "tool-x", toolCallId: "a" }), "messages[0].parts[1].state"],
    [part({ type: "tool-", toolCallId: "a", state: "x" }), "messages[0].parts[1].toolName"],
    [part({ type: "tool-x", toolCallId: "a", state: "x", approval: {} }), "messages[0].parts[1].approval.id"],
    [
      part({ type: "tool-x", toolCallId: "a", state: "x", approval: { id: "a", approved: "yes" } }),
      "messages[0].parts[1].approval.approved"
    ],
    [part({ type: "source-url", sourceId: "a" }), "messages[0].parts[1].url"],
    [part({ type: "text", text: "x", providerMetadata: "x" }), "messages[0].parts[1].providerMetadata"],
    [part({ type: "text", text: "x", providerMetadata: { a: 5 } }), "messages[0].parts[1].providerMetadata.a"]
  ])("refuses %j at %s", ([given, field]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(UiMessage.read(given))
      assert.strictEqual(error._tag, "InvalidRequestError")
      assert.strictEqual(error.field, field)
      assert.isString(error.remedy)
    }))

  it.effect("keeps what it does not know", () =>
    Effect.gen(function*() {
      const given = part({ type: "of-the-future", deep: { x: [1] } })
      assert.deepStrictEqual(yield* UiMessage.read(given), given as never)
    }))

  it.effect.prop(
    "any JSON is read or refused, and `load` reads as many",
    [Schema.Json],
    ([json]) =>
      Effect.gen(function*() {
        const { messages, unreadable } = UiMessage.load([...message({}), json])
        assert.lengthOf([...messages, ...unreadable], 2)
        yield* Effect.catchTag(UiMessage.read(json), "InvalidRequestError", () => Effect.void)
      })
  )
})
