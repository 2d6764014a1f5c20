import { assert, describe, it } from "@effect/vitest"
import type * as Message from "@strata/core/chat/Message"
import { OpenAi } from "@strata/openai"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"

/** What is said, in neither format. */
const Texts = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const Shown = Schema.Union([
  Schema.Struct({ is: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({ is: Schema.Literal("image"), bytes: Schema.Uint8Array }),
  Schema.Struct({ is: Schema.Literal("link"), query: Schema.String }),
  Schema.Struct({ is: Schema.Literal("recording"), bytes: Schema.Uint8Array }),
  Schema.Struct({ is: Schema.Literal("document"), name: Schema.String, bytes: Schema.Uint8Array })
])

const Called = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  params: Schema.Union([
    Schema.Struct({ json: Schema.Json }),
    Schema.Struct({ cut: Schema.String })
  ])
})

const Said = Schema.Union([
  Schema.Struct({ by: Schema.Literal("system"), texts: Texts }),
  Schema.Struct({ by: Schema.Literal("user"), shown: Schema.Union([Schema.String, Schema.Array(Shown)]) }),
  Schema.Struct({
    by: Schema.Literal("assistant"),
    texts: Texts,
    reasoning: Schema.String,
    calls: Schema.Array(Called)
  }),
  Schema.Struct({
    by: Schema.Literal("tool"),
    results: Schema.NonEmptyArray(Schema.Struct({ id: Schema.String, texts: Texts }))
  })
])

type Said = typeof Said.Type

/** The same in OpenAI's format and in ours. */
interface Pair {
  readonly openAi: ReadonlyArray<OpenAi.EncodedMessage>
  readonly ours: Message.Message
}

const text = (value: string) => ({ type: "text", text: value } as const)

const inParts = (texts: typeof Texts.Type) => typeof texts === "string" ? texts : texts.map(text)

const dataUri = (mediaType: string, bytes: Uint8Array) => `data:${mediaType};base64,${Base64.encode(bytes)}`

const pairOf = (said: Said): Pair => {
  switch (said.by) {
    case "system": {
      const message = { role: "system", content: inParts(said.texts) } as const
      return { openAi: [message], ours: message }
    }
    case "user":
      return typeof said.shown === "string"
        ? { openAi: [{ role: "user", content: said.shown }], ours: { role: "user", content: said.shown } }
        : {
          openAi: [{ role: "user", content: said.shown.map((part) => shownPair(part)[0]) }],
          ours: { role: "user", content: said.shown.map((part) => shownPair(part)[1]) }
        }
    case "assistant":
      return assistantPair(said)
    case "tool":
      return {
        openAi: said.results.map(({ id, texts }) => ({ role: "tool", tool_call_id: id, content: inParts(texts) })),
        ours: {
          role: "tool",
          content: said.results.map(({ id, texts }) =>
            typeof texts === "string"
              ? { type: "tool-result", id, result: texts }
              : { type: "tool-result", id, result: texts.join(""), parts: texts.map(text) }
          )
        }
      }
  }
}

type EncodedPart = Exclude<Extract<OpenAi.EncodedMessage, { readonly role: "user" }>["content"], string | null>[number]

const shownPair = (part: typeof Shown.Type): readonly [EncodedPart, Message.UserPart] => {
  switch (part.is) {
    case "text":
      return [text(part.text), text(part.text)]
    case "image":
      return [
        { type: "image_url", image_url: { url: dataUri("image/gif", part.bytes) } },
        { type: "image", mediaType: "image/gif", source: { bytes: part.bytes } }
      ]
    case "link": {
      const uri = `https://example.org/a.webp?${part.query}`
      return [
        { type: "image_url", image_url: { url: uri } },
        { type: "image", mediaType: "image/webp", source: { uri } }
      ]
    }
    case "recording":
      return [
        { type: "input_audio", input_audio: { data: Base64.encode(part.bytes), format: "mp3" } },
        { type: "audio", mediaType: "audio/mpeg", source: { bytes: part.bytes } }
      ]
    case "document":
      return [
        { type: "file", file: { filename: part.name, file_data: dataUri("text/csv", part.bytes) } },
        { type: "document", mediaType: "text/csv", name: part.name, source: { bytes: part.bytes } }
      ]
  }
}

/** Whole numbers that a double may have rounded are read as text: another test is about them. */
const safe = (_key: string, value: unknown) => Number.isInteger(value) && !Number.isSafeInteger(value) ? 0.5 : value

const assistantPair = ({ calls, reasoning, texts }: Extract<Said, { readonly by: "assistant" }>): Pair => {
  const alone = reasoning === "" && calls.length === 0
  // One text beside something else is a string in OpenAI's format.
  const content = typeof texts === "string" || (texts.length === 1 && !alone) ? String(texts) : texts.map(text)
  const pairs = calls.map(({ id, name, params }) => {
    // What ends like this is no JSON, and JSON text has no negative zero.
    const json = "cut" in params ? `${params.cut}{` : JSON.stringify([params.json], safe)
    return [
      { id, type: "function", function: { name, arguments: json } },
      { type: "tool-call", id, name, params: "cut" in params ? json : JSON.parse(json) as unknown }
    ] as const
  })
  return {
    openAi: [{
      role: "assistant",
      content: content.length === 0 && typeof content !== "string" ? null : content,
      ...(reasoning === "" ? undefined : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? undefined : { tool_calls: pairs.map(([openAi]) => openAi) })
    }],
    ours: {
      role: "assistant",
      content: alone ? content : [
        ...(reasoning === "" ? [] : [{ type: "reasoning", text: reasoning } as const]),
        ...(typeof content === "string" ? [text(content)] : content),
        ...pairs.map(([, ours]) => ours)
      ]
    }
  }
}

/** One message of results follows another only as the same message. */
const conversationOf = (said: ReadonlyArray<Said>) => {
  const pairs = said.filter(({ by }, index) => by !== "tool" || said[index - 1]?.by !== "tool").map(pairOf)
  return { openAi: pairs.flatMap(({ openAi }) => openAi), ours: pairs.map(({ ours }) => ours) }
}

describe("OpenAi.Messages", () => {
  it.effect.prop(
    "writes what it read, unchanged",
    [Schema.Array(Said)],
    ([said]) =>
      Effect.gen(function*() {
        const { openAi, ours } = conversationOf(said)
        const read = yield* Schema.decodeUnknownEffect(OpenAi.Messages)(openAi)
        assert.deepStrictEqual(read, ours)
        assert.deepStrictEqual(yield* Schema.encodeEffect(OpenAi.Messages)(read), openAi)
      })
  )

  it.effect.prop(
    "writes whatever OpenAI can say, and reads the very same again",
    [Schema.Array(Said)],
    ([said]) =>
      Effect.gen(function*() {
        const { openAi, ours } = conversationOf(said)
        const written = yield* Schema.encodeEffect(OpenAi.Messages)(ours)
        assert.deepStrictEqual(written, openAi)
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(OpenAi.Messages)(written), ours)
      })
  )

  it.effect.prop(
    "never dies of what it reads",
    [Schema.Json, Schema.Json, Schema.Json],
    ([role, content, more]) =>
      Effect.gen(function*() {
        for (const known of ["system", "developer", "user", "assistant", "tool", "function", role]) {
          const message = {
            role: known,
            content,
            tool_calls: more,
            function_call: more,
            tool_call_id: more,
            name: more
          }
          const exit = yield* Effect.exit(Schema.decodeUnknownEffect(OpenAi.Messages)([message, role]))
          assert.isTrue(exit._tag === "Success" || exit.cause.reasons.every((reason) => reason._tag === "Fail"))
        }
      })
  )

  it.effect.prop("takes the marks off any conversation", [Schema.Array(Said)], ([said]) =>
    Effect.gen(function*() {
      const { openAi, ours } = conversationOf(said)
      const marked = ours.map((message): Message.Message => ({ ...message, cache: true }))
      yield* Effect.flip(
        Schema.encodeEffect(OpenAi.Messages)([{ role: "user", content: "Hi", cache: true }, ...marked])
      )
      assert.deepStrictEqual(yield* Schema.encodeEffect(OpenAi.Messages)(OpenAi.withoutMarks(marked)), openAi)
    }))
})
