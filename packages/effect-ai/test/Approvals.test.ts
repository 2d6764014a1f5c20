import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref, Schema, Stream } from "effect"
import { Chat, LanguageModel, Prompt, Response, Tool, Toolkit } from "effect/ai"
import { calling, pairs, requests, scripted } from "./support/Model.ts"

/** A toolkit whose tool needs approval and counts how often it ran. */
const counting = Effect.gen(function*() {
  const runs = yield* Ref.make(0)
  const remove = Tool.make("remove", {
    parameters: Schema.Struct({ path: Schema.String }),
    success: Schema.String,
    failureMode: "return",
    needsApproval: true
  })
  const kit = Toolkit.make(remove)
  const toolkit = yield* Effect.provide(
    kit,
    kit.toLayer({ remove: ({ path }) => Effect.as(Ref.update(runs, (count) => count + 1), `removed ${path}`) })
  )
  return { runs, toolkit }
})

type Toolkits = Effect.Success<typeof counting>["toolkit"]

type Options = {
  readonly prompt: Prompt.RawInput
  readonly toolkit: Toolkits
  readonly disableToolCallResolution?: boolean
}

/** Both ways to ask; each gives the parts of the answer. */
const ways: Readonly<
  Record<
    string,
    (
      chat: Chat.Chat,
      options: Options
    ) => Effect.Effect<ReadonlyArray<Response.AnyPart>, unknown, LanguageModel.LanguageModel>
  >
> = {
  generateText: (chat, options) => Effect.map(chat.generateText(options), ({ content }) => content),
  streamText: (chat, options) => Stream.runCollect(chat.streamText(options))
}

const decide = (parts: ReadonlyArray<Response.AnyPart>, approved: boolean, reason?: string): Prompt.RawInput => {
  const request = parts.find((part) => part.type === "tool-approval-request")
  return [{
    role: "tool",
    content: [{ type: "tool-approval-response", approvalId: request?.approvalId ?? "", approved, reason }]
  }]
}

describe("approvals", () => {
  for (const [name, ask] of Object.entries(ways)) {
    for (const disableToolCallResolution of [false, true]) {
      const how = `${name}${disableToolCallResolution ? " without resolution" : ""}`

      it.effect(`case 23: an approved tool runs once over approve, answer and next message: ${how}`, () =>
        Effect.gen(function*() {
          const { runs, toolkit } = yield* counting
          const chat = yield* Chat.empty
          const asked = yield* ask(chat, { prompt: "Remove /tmp/a", toolkit })
          assert.strictEqual(yield* Ref.get(runs), 0)

          const rest = { toolkit, disableToolCallResolution }
          const answered = yield* ask(chat, { prompt: decide(asked, true), ...rest })
          assert.strictEqual(yield* Ref.get(runs), 1)
          assert.deepStrictEqual(
            answered.flatMap((part) => part.type === "tool-result" ? [[part.id, part.encodedResult]] : []),
            [["call-1", "removed /tmp/a"]]
          )

          yield* ask(chat, { prompt: "And now?", ...rest })
          yield* ask(chat, { prompt: "Thanks", ...rest })
          assert.strictEqual(yield* Ref.get(runs), 1)
          for (const { messages } of (yield* requests).slice(1)) {
            assert.deepStrictEqual(pairs(messages), ["call call-1", "tool call-1"])
            const at = messages.findIndex(({ role }) => role === "tool")
            assert.deepStrictEqual([messages[at - 1]?.role, messages[at]?.content], ["assistant", [
              { type: "tool-result", id: "call-1", result: "removed /tmp/a" }
            ]])
          }
        }).pipe(Effect.provide(scripted([calling("remove", { path: "/tmp/a" }), "Done.", "Nothing.", "Welcome."]))))

      it.effect(`case 30: a denied tool never runs, and the model is told so: ${how}`, () =>
        Effect.gen(function*() {
          const { runs, toolkit } = yield* counting
          const chat = yield* Chat.empty
          const asked = yield* ask(chat, { prompt: "Remove /tmp/a", toolkit })
          const rest = { toolkit, disableToolCallResolution }
          yield* ask(chat, { prompt: decide(asked, false, "it is needed"), ...rest })
          yield* ask(chat, { prompt: "Why?", ...rest })
          assert.strictEqual(yield* Ref.get(runs), 0)
          const denial = {
            type: "tool-result" as const,
            id: "call-1",
            result: "The call was denied and not run. Reason: it is needed",
            isFailure: true
          }
          for (const { messages } of (yield* requests).slice(1)) {
            assert.deepStrictEqual(messages.find(({ role }) => role === "tool")?.content, [denial])
          }
          const history = (yield* Ref.get(chat.history)).content.flatMap(({ content }) =>
            typeof content === "string" ? [] : content.filter(({ type }) => type === "tool-result")
          )
          assert.lengthOf(history, 1)
        }).pipe(Effect.provide(scripted([calling("remove", { path: "/tmp/a" }), "Well.", "Because."]))))
    }

    it.effect(`a message instead of an answer gives the open call a result: ${name}`, () =>
      Effect.gen(function*() {
        const { runs, toolkit } = yield* counting
        const chat = yield* Chat.empty
        yield* ask(chat, { prompt: "Remove /tmp/a", toolkit })
        yield* ask(chat, { prompt: "Never mind", toolkit })
        assert.strictEqual(yield* Ref.get(runs), 0)
        assert.deepStrictEqual((yield* requests)[1]?.messages.slice(1), [
          {
            role: "assistant",
            content: [{ type: "tool-call", id: "call-1", name: "remove", params: { path: "/tmp/a" } }]
          },
          {
            role: "tool",
            content: [{
              type: "tool-result",
              id: "call-1",
              result: "The call was not run. It was not approved before the conversation went on.",
              isFailure: true
            }]
          },
          { role: "user", content: [{ type: "text", text: "Never mind" }] }
        ])
      }).pipe(Effect.provide(scripted([calling("remove", { path: "/tmp/a" }), "All right."]))))
  }

  it.effect("asks by a function of the arguments, also where their JSON differs from what the schema encodes", () =>
    Effect.gen(function*() {
      const book = Tool.make("book", {
        parameters: Schema.Struct({ day: Schema.Date }),
        success: Schema.String,
        needsApproval: ({ day }) => day.getUTCFullYear() > 2025
      })
      const kit = Toolkit.make(book)
      const toolkit = yield* Effect.provide(
        kit,
        kit.toLayer({ book: ({ day }) => Effect.succeed(`booked ${day.toISOString()}`) })
      )
      const { content } = yield* LanguageModel.generateText({ prompt: "Book it", toolkit })
      assert.sameMembers(
        content.flatMap((part) =>
          part.type === "tool-approval-request" ? [part.toolCallId] : part.type === "tool-result" ? [part.result] : []
        ),
        ["late", "booked 2025-01-01T00:00:00.000Z"]
      )
    }).pipe(Effect.provide(scripted([{
      content: [
        { type: "tool-call", id: "late", name: "book", params: { day: "2026-01-01T00:00:00.000Z" } },
        { type: "tool-call", id: "early", name: "book", params: { day: "2025-01-01T00:00:00.000Z" } }
      ]
    }]))))
})
