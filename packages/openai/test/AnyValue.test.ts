import { assert, describe, it } from "@effect/vitest"
import { OpenAi } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AnyValue from "../../core/test/support/AnyValue.ts"

const codecs = {
  Message: OpenAi.Message,
  Messages: OpenAi.Messages,
  Request: OpenAi.Request,
  ToolChoice: OpenAi.ToolChoice,
  Tools: OpenAi.Tools
}

describe("OpenAi", () => {
  for (const [name, codec] of Object.entries<Schema.Codec<unknown>>(codecs)) {
    it.live(`reads and writes any value, or fails with a SchemaError: ${name}`, () =>
      Effect.gen(function*() {
        const calls = (any: never) => [
          () => Schema.decodeUnknownEffect(codec)(any),
          () => Schema.encodeUnknownEffect(codec)(any)
        ]
        assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
      }))
  }

  it.live("takes no marks off a value that is no conversation", () =>
    Effect.gen(function*() {
      const calls = (any: never) => [
        () => OpenAi.withoutMarks(any),
        () => OpenAi.withoutMarks([any]),
        () => OpenAi.withoutMarks([{ role: "user", content: [any] }])
      ]
      assert.deepStrictEqual(yield* AnyValue.troublesOf(calls), [])
    }))
})
