import { assert, describe, it } from "@effect/vitest"
import { Message, ProviderError, Tool } from "@strata/core"
import type { UiChat } from "@strata/ui"
import { lastAssistantMessageIsCompleteWithToolCalls, type UIMessage } from "ai"
import { Deferred, Effect, Schema, Stream } from "effect"
import * as Events from "./support/Events.ts"
import * as Model from "./support/Model.ts"
import * as Page from "./support/Page.ts"
import * as Server from "./support/Server.ts"

const weather = Tool.make("get_weather", {
  input: Schema.Struct({ city: Schema.String }),
  handler: ({ city }) => Effect.succeed({ city, celsius: 31 })
})

const callOf = (id: string, name = "get_weather", params: unknown = { city: "Rome" }) => Events.call(id, params, name)

/** What the server sent, as text. */
const post = (api: string, body: unknown, init: RequestInit = {}) =>
  Effect.promise(async (signal) => {
    const response = await fetch(api, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal,
      ...init
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

const question = (id = "chat-1", text = "Hi") => ({
  id,
  trigger: "submit-message",
  messages: [{ id: "m1", role: "user", parts: [{ type: "text", text }] }]
})

/** Collects how turns end, and what fails. */
const watch = () => {
  const ended: Array<UiChat.Ended> = []
  const failures: Array<UiChat.Failure> = []
  return {
    ended,
    failures,
    options: {
      onEnd: (end: UiChat.Ended) => Effect.sync(() => void ended.push(end)),
      onError: (failure: UiChat.Failure) => Effect.sync(() => void failures.push(failure))
    }
  }
}

const toolParts = (message: UIMessage | undefined) =>
  message?.parts.flatMap((part) => part.type === "dynamic-tool" ? [part] : []) ?? []

describe("UiChat", () => {
  it.live("answers a page of `useChat` with text, a tool at work, and what it cost", () =>
    Effect.gen(function*() {
      const model = Model.make([{ type: "text", text: "Let me look." }, callOf("call-1")], "31 degrees.")
      const api = yield* Server.start(model.layer, { tools: [weather] })
      const page = Page.open(api)
      yield* Page.act(() => page.sendMessage({ text: "How warm is it in Rome?" }))
      assert.strictEqual(page.status, "ready", String(page.error))
      assert.strictEqual(Page.textOf(page.lastMessage), "Let me look.31 degrees.")
      assert.deepInclude(toolParts(page.lastMessage)[0], {
        state: "output-available",
        input: { city: "Rome" },
        output: { city: "Rome", celsius: 31 }
      })
      assert.nestedPropertyVal(page.lastMessage, "metadata.usage.totalTokens", 10)
      // The next turn sends all of it back.
      yield* Page.act(() => page.sendMessage({ text: "And in Oslo?" }))
      assert.deepStrictEqual(model.requests.at(-1)?.messages, [
        Message.user([Message.text("How warm is it in Rome?")]),
        Message.assistant([Message.text("Let me look."), callOf("call-1")]),
        Message.tool([{ type: "tool-result", id: "call-1", result: { city: "Rome", celsius: 31 } }]),
        Message.assistant([Message.text("31 degrees.")]),
        Message.user([Message.text("And in Oslo?")])
      ])
    }))

  it.live("`request` adds what only the server knows", () =>
    Effect.gen(function*() {
      const model = Model.make("Yes")
      const api = yield* Server.start(model.layer, {
        request: ({ body, messages }) =>
          Effect.succeed({ messages: [Message.system(`Answer in ${body["language"]}.`), ...messages], maxTokens: 50 })
      })
      yield* post(api, { ...question(), language: "Italian" })
      assert.deepInclude(model.requests[0], { maxTokens: 50 })
      assert.deepStrictEqual(model.requests[0]?.messages[0], Message.system("Answer in Italian."))
    }))

  it.live("case 63: headers against buffering, heartbeats in silence, `[DONE]` at the end", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const api = yield* Server.start(Model.make(Model.gated("One ", gate, "two")).layer, { heartbeat: "5 millis" })
      const { headers, text } = yield* Effect.promise(async () => {
        const response = await fetch(api, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(question())
        })
        let text = ""
        for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
          text += piece
          // After a comment has arrived the model goes on.
          if (/\n: heartbeat\n\n/.test(text)) Deferred.doneUnsafe(gate, Effect.void)
        }
        return { headers: response.headers, text }
      })
      assert.strictEqual(headers.get("content-type"), "text/event-stream")
      assert.include(headers.get("cache-control"), "no-cache")
      assert.strictEqual(headers.get("x-accel-buffering"), "no")
      assert.strictEqual(headers.get("x-vercel-ai-ui-message-stream"), "v1")
      assert.isTrue(text.endsWith("data: [DONE]\n\n"))
      for (const frame of text.split("\n\n").filter((frame) => frame !== "")) {
        assert.match(frame, /^(data: |: heartbeat$)/)
      }
    }))

  describe("case 61: failures", () => {
    it.live("before the first byte are a status, with a safe text and an id that the hook has, too", () =>
      Effect.gen(function*() {
        const error = new ProviderError.RateLimitError({ provider: "test", message: "account 1234 is over its quota" })
        const hooks = watch()
        const api = yield* Server.start(Model.make(Stream.fail(error)).layer, hooks.options)
        const { status, text } = yield* post(api, question())
        assert.strictEqual(status, 429)
        assert.notInclude(text, "1234")
        assert.include(text, hooks.failures[0]!.id)
        assert.strictEqual(hooks.failures[0]!.error, error)
        assert.strictEqual(hooks.failures[0]!.chatId, "chat-1")
        assert.strictEqual(hooks.ended[0]?.status, "failed")
      }))

    it.live("later are an `error` with the same; what had arrived stays on the page", () =>
      Effect.gen(function*() {
        const error = new ProviderError.StreamInterruptedError({ provider: "test", message: "secret", delivered: 1 })
        const hooks = watch()
        const broken = Stream.concat(Stream.make(Events.text(0, "Once upon a time")), Stream.fail(error))
        const page = Page.open(yield* Server.start(Model.make(broken).layer, hooks.options))
        yield* Page.act(() => page.sendMessage({ text: "Tell me a story" }))
        assert.strictEqual(page.status, "error")
        assert.include(page.error?.message, hooks.failures[0]!.id)
        assert.notInclude(page.error?.message, "secret")
        assert.strictEqual(Page.textOf(page.lastMessage), "Once upon a time")
        assert.strictEqual(hooks.failures[0]!.error, error)
        assert.deepInclude(page.lastMessage?.parts[1], { type: "text", state: "done" })
        assert.strictEqual(Page.textOf(hooks.ended[0]?.message as UIMessage), "Once upon a time")
      }))

    it.live("of hooks do not reach the page, and defects do not end the server", () =>
      Effect.gen(function*() {
        const model = Model.make(Stream.die(new Error("a bug")), "Fine")
        const api = yield* Server.start(model.layer, {
          onError: () => Effect.die("the log is full"),
          onEnd: () => {
            throw new Error("no database")
          } // oxlint-disable-line
        })
        assert.strictEqual((yield* post(api, question())).status, 500)
        assert.include((yield* post(api, question())).text, "Fine")
      }))
  })

  describe("malformed requests are refused before anything is sent", () => {
    const bodies: ReadonlyArray<readonly [string, unknown, RequestInit, number, RegExp]> = [
      ["no JSON", "{", {}, 400, /not JSON/],
      ["an array", [], {}, 400, /not a JSON object/],
      ["a form", "a=1", { headers: { "content-type": "text/plain" } }, 415, /application\/json/],
      ["too much", { ...question(), more: "x".repeat(3000) }, {}, 413, /larger than 2000/],
      ["no id", { messages: [] }, {}, 400, /^id: it is missing/],
      ["no messages", { id: "a" }, {}, 400, /^messages: it is missing/],
      ["no message", { id: "a", messages: [] }, {}, 400, /^messages: there are none/],
      ["a message without parts", { id: "a", messages: [{ id: "m", role: "user" }] }, {}, 400, /^messages\[0\].parts/],
      [
        "a file of the wrong type",
        {
          id: "a",
          messages: [{ id: "m", role: "user", parts: [{ type: "file", mediaType: "x/y", url: "data:x/y,a" }] }]
        },
        {},
        400,
        /^messages\[0\].parts\[0\].mediaType/
      ]
    ]
    it.live.each(bodies)("%s", ([, body, init, status, text]) =>
      Effect.gen(function*() {
        const model = Model.make("Hi")
        const response = yield* post(yield* Server.start(model.layer, { maxBodySize: 2000 }), body, init)
        assert.strictEqual(response.status, status, response.text)
        assert.match(response.text, text)
        assert.lengthOf(model.requests, 0)
      }))

    it.live("a stranger to the conversation", () =>
      Effect.gen(function*() {
        const model = Model.make("Hi")
        const api = yield* Server.start(model.layer, {
          key: (id) =>
            id === "mine"
              ? Effect.succeed(id)
              : Effect.fail(new ProviderError.PermissionDeniedError({ provider: "me", message: "no" })),
          onError: () => Effect.void
        })
        assert.strictEqual((yield* post(api, question("theirs"))).status, 500)
        assert.strictEqual((yield* post(api, question("mine"))).status, 200)
      }))
  })

  describe("case 56: the end of a turn is told exactly once, with the partial message", () => {
    it.live("finished", () =>
      Effect.gen(function*() {
        const hooks = watch()
        const page = Page.open(yield* Server.start(Model.make("Hello").layer, hooks.options))
        yield* Page.act(() => page.sendMessage({ text: "Hi" }))
        assert.lengthOf(hooks.ended, 1)
        const { message, messages, status } = hooks.ended[0]!
        assert.strictEqual(status, "finished")
        // What the server stores is what the page shows, under the same id.
        assert.deepStrictEqual(JSON.parse(JSON.stringify(messages)), JSON.parse(JSON.stringify(page.messages)))
        assert.strictEqual(message.id, page.lastMessage?.id)
      }))

    it.live("aborted when the page stops, and the model is interrupted", () =>
      Effect.gen(function*() {
        const hooks = watch()
        const model = Model.make(Model.gated("Once upon", yield* Deferred.make<void>(), ""))
        const page = Page.open(yield* Server.start(model.layer, hooks.options))
        const sending = page.sendMessage({ text: "Hi" })
        yield* Page.until(() => Page.textOf(page.lastMessage) === "Once upon")
        yield* Page.act(() => page.stop())
        yield* Effect.promise(() => sending)
        yield* Page.until(() => hooks.ended.length > 0)
        assert.strictEqual(page.status, "ready")
        assert.deepInclude(hooks.ended[0], { status: "aborted", reason: "left" })
        assert.strictEqual(Page.textOf(hooks.ended[0]?.message as UIMessage), "Once upon")
        assert.strictEqual(model.interrupted(), 1)
        assert.lengthOf(hooks.failures, 0)
      }))

    it.live("aborted inside a tool; the next message is answered (case 55)", () =>
      Effect.gen(function*() {
        const hooks = watch()
        let isStarted = false
        let interrupted = false
        const slow = Tool.make("slow", {
          handler: () =>
            Effect.suspend(() => {
              isStarted = true
              return Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
            })
        })
        const model = Model.make([callOf("call-1", "slow", {})], "Fine.")
        const page = Page.open(yield* Server.start(model.layer, { tools: [slow], ...hooks.options }))
        const sending = page.sendMessage({ text: "Hi" })
        yield* Page.until(() => isStarted && toolParts(page.lastMessage)[0]?.state === "input-available")
        yield* Page.act(() => page.stop())
        yield* Effect.promise(() => sending)
        yield* Page.until(() => hooks.ended.length > 0)
        assert.isTrue(interrupted)
        assert.strictEqual(hooks.ended[0]?.status, "aborted")
        assert.deepInclude(hooks.ended[0]?.message.parts[1], {
          state: "output-error",
          errorText: "The call was interrupted"
        })
        yield* Page.act(() => page.sendMessage({ text: "Never mind" }))
        assert.strictEqual(page.status, "ready", String(page.error))
        assert.deepInclude(Message.parts(model.requests[1]!.messages[2] as Message.Message)[0], {
          id: "call-1",
          isFailure: true
        })
      }))

    it.live("by the end of the server", () =>
      Effect.gen(function*() {
        const hooks = watch()
        yield* Effect.scoped(Effect.gen(function*() {
          const api = yield* Server.start(
            Model.make(Model.gated("Once", yield* Deferred.make<void>(), "")).layer,
            hooks.options
          )
          const page = Page.open(api)
          void page.sendMessage({ text: "Hi" })
          yield* Page.until(() => Page.textOf(page.lastMessage) === "Once")
        }))
        assert.deepInclude(hooks.ended[0], { status: "aborted", reason: "shutdown" })
        assert.lengthOf(hooks.ended, 1)
      }))
  })

  describe("case 58: a stream can be read again", () => {
    const streamOf = (api: string, id = "chat-1") => `${api}/${id}/stream`

    it.live("a conversation without a turn answers 204", () =>
      Effect.gen(function*() {
        const api = yield* Server.start(Model.make("Hi").layer)
        const response = yield* Effect.promise(() => fetch(streamOf(api)))
        assert.strictEqual(response.status, 204)
        yield* post(api, question())
        assert.strictEqual((yield* Effect.promise(() => fetch(streamOf(api)))).status, 204)
      }))

    it.live("a page that comes back, twice even, has one copy; leaving stopped nothing", () =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const hooks = watch()
        const model = Model.make(Model.gated("Once upon ", gate, "a time"))
        const api = yield* Server.start(model.layer, { whenReadersLeave: "continue", ...hooks.options })
        const first = Page.open(api, { resumeId: "chat-1" })
        const sending = first.sendMessage({ text: "Hi" })
        yield* Page.until(() => Page.textOf(first.lastMessage) === "Once upon ")
        yield* Page.act(() => first.stop())
        yield* Effect.promise(() => sending)
        assert.lengthOf(hooks.ended, 0)
        // The page is loaded again, with what it has stored.
        const second = Page.open(api, { resumeId: "chat-1", messages: structuredClone(first.messages) })
        const one = second.resumeStream()
        yield* Page.until(() => second.status === "streaming")
        const two = second.resumeStream()
        Deferred.doneUnsafe(gate, Effect.void)
        yield* Effect.promise(() => Promise.all([one, two]))
        assert.strictEqual(second.status, "ready", String(second.error))
        assert.deepStrictEqual(second.messages.map(({ role }) => role), ["user", "assistant"])
        assert.strictEqual(Page.textOf(second.lastMessage), "Once upon a time")
        assert.deepStrictEqual(second.lastMessage?.id, first.lastMessage?.id)
        assert.lengthOf(second.lastMessage!.parts.filter(({ type }) => type === "text"), 1)
        assert.strictEqual(hooks.ended[0]?.status, "finished")
        assert.lengthOf(model.requests, 1)
      }))

    it.live("a replay of a continued message has its earlier parts", () =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const ask = Tool.make("ask_user", { input: Schema.Struct({}) })
        const model = Model.make(
          [Message.text("One moment."), callOf("call-1", "ask_user", {})],
          Model.gated("Thanks, ", gate, "done")
        )
        const api = yield* Server.start(model.layer, { tools: [ask], whenReadersLeave: "continue" })
        const page = Page.open(api, {
          resumeId: "chat-1",
          sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls
        })
        yield* Page.act(() => page.sendMessage({ text: "Hi" }))
        yield* Page.act(() =>
          page.addToolOutput({ tool: "ask_user" as never, toolCallId: "call-1", output: "yes" as never })
        )
        yield* Page.until(() => Page.textOf(page.lastMessage).includes("Thanks"))
        const stored = structuredClone(page.messages)
        yield* Page.act(() => page.stop())
        const again = Page.open(api, { resumeId: "chat-1", messages: stored })
        const resuming = again.resumeStream()
        yield* Page.until(() => again.status === "streaming")
        Deferred.doneUnsafe(gate, Effect.void)
        yield* Effect.promise(() => resuming)
        assert.deepStrictEqual(again.lastMessage?.parts.map(({ type }) => type), [
          "step-start",
          "text",
          "dynamic-tool",
          "step-start",
          "text"
        ])
        assert.strictEqual(Page.textOf(again.lastMessage), "One moment.Thanks, done")
        assert.strictEqual(toolParts(again.lastMessage)[0]?.state, "output-available")
      }))

    it.live("only the stop call stops a turn that goes on without readers", () =>
      Effect.gen(function*() {
        const hooks = watch()
        const model = Model.make(Model.gated("Once", yield* Deferred.make<void>(), ""), "Fine")
        const api = yield* Server.start(model.layer, { whenReadersLeave: "continue", ...hooks.options })
        const page = Page.open(api, { resumeId: "chat-1" })
        const sending = page.sendMessage({ text: "Hi" })
        yield* Page.until(() => Page.textOf(page.lastMessage) === "Once")
        const stopped = yield* Effect.promise(() => fetch(streamOf(api), { method: "DELETE" }))
        yield* Effect.promise(() => sending)
        assert.strictEqual(stopped.status, 204)
        assert.deepInclude(hooks.ended[0], { status: "aborted", reason: "stopped" })
        assert.strictEqual(page.status, "ready")
        assert.deepInclude(page.lastMessage?.parts[1], { type: "text", state: "done" })
        assert.strictEqual(model.interrupted(), 1)
        yield* Page.act(() => page.sendMessage({ text: "Again" }))
        assert.strictEqual(Page.textOf(page.lastMessage), "Fine")
      }))
  })

  it.live("case 54: a second writer of a conversation is refused while the first has readers", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const model = Model.make(Model.gated("One", gate, ""), "Two")
      const api = yield* Server.start(model.layer)
      const page = Page.open(api, { resumeId: "chat-1" })
      const sending = page.sendMessage({ text: "Hi" })
      yield* Page.until(() => Page.textOf(page.lastMessage) === "One")
      const second = yield* post(api, question())
      assert.strictEqual(second.status, 409)
      assert.lengthOf(model.requests, 1)
      Deferred.doneUnsafe(gate, Effect.void)
      yield* Effect.promise(() => sending)
      assert.strictEqual(page.status, "ready")
      assert.strictEqual((yield* post(api, question())).status, 200)
    }))

  it.live("case 54: a double click is one turn, also while the first request is still prepared", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const model = Model.make("One", "Two")
      const api = yield* Server.start(model.layer, {
        request: ({ messages }) => Effect.as(Deferred.await(gate), messages)
      })
      const [, second] = yield* Effect.all([
        post(api, question()),
        Effect.ensuring(post(api, question()), Effect.sync(() => Deferred.doneUnsafe(gate, Effect.void)))
      ], { concurrency: 2 })
      assert.strictEqual(second.status, 409)
      assert.lengthOf(model.requests, 1)
    }))

  it.live("case 57: going on after a tool of the page keeps the message and its id", () =>
    Effect.gen(function*() {
      const location = Tool.make("get_location", {
        input: Schema.Struct({}),
        output: Schema.Struct({ city: Schema.String })
      })
      const model = Model.make([callOf("call-1", "get_location", {})], "You are in Rome.")
      const hooks = watch()
      const api = yield* Server.start(model.layer, { tools: [location, weather], ...hooks.options })
      const page = Page.open(api, { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls })
      yield* Page.act(() => page.sendMessage({ text: "Where am I?" }))
      const { id } = page.lastMessage!
      assert.strictEqual(toolParts(page.lastMessage)[0]?.state, "input-available")
      yield* Page.act(() =>
        page.addToolOutput({ tool: "get_location" as never, toolCallId: "call-1", output: { city: "Rome" } as never })
      )
      yield* Page.until(() => page.status === "ready" && Page.textOf(page.lastMessage) !== "")
      assert.lengthOf(page.messages, 2)
      assert.strictEqual(page.lastMessage?.id, id)
      assert.strictEqual(hooks.ended[1]?.message.id, id)
      assert.strictEqual(Page.textOf(page.lastMessage), "You are in Rome.")
      assert.deepStrictEqual(
        model.requests[1]?.messages.at(-1),
        Message.tool([
          { type: "tool-result", id: "call-1", result: { city: "Rome" } }
        ])
      )
    }))

  describe("SSE cut anywhere: an error that the page shows, and nothing that had arrived is lost", () => {
    const whole = Events.encode([
      Events.text(0, "Héllo "),
      Events.text(0, "wörld"),
      ...Events.called(1, callOf("call-1")),
      Events.finish("tool-calls"),
      Events.result(callOf("call-1"), "ok"),
      Events.step(),
      Events.ended("finished")
    ])
    it.effect("the client keeps each part up to the cut", () =>
      Effect.gen(function*() {
        for (let length = 1; length <= whole.length; length++) {
          const { errors, message } = yield* Page.read(whole.slice(0, length))
          assert.deepStrictEqual(errors, [])
          const arrived = whole.slice(0, length).flatMap((chunk) => chunk.type === "text-delta" ? [chunk.delta] : [])
            .join("")
          assert.strictEqual(Page.textOf(message), arrived)
        }
      }))

    it.live("a connection that breaks is an error of the page", () =>
      Effect.gen(function*() {
        const page = yield* Effect.scoped(Effect.gen(function*() {
          const model = Model.make(Model.gated("Once", yield* Deferred.make<void>(), ""))
          const proxied = yield* Server.breaking(yield* Server.start(model.layer))
          const page = Page.open(proxied.api)
          const sending = page.sendMessage({ text: "Hi" })
          yield* Page.until(() => Page.textOf(page.lastMessage) === "Once")
          proxied.cut()
          yield* Effect.promise(() => sending)
          return page
        }))
        assert.strictEqual(page.status, "error")
        assert.strictEqual(Page.textOf(page.lastMessage), "Once")
      }))
  })
})
