import { assert, describe, it } from "@effect/vitest"
import { type ChatEvent, ChatService, Policy } from "@strata/core"
import { OpenAiChat, OpenAiClient } from "@strata/openai"
import { Effect, Fiber, Layer, Result, Stream } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as TestClock from "effect/testing/TestClock"
import { chunk } from "./support/FakeServer.ts"

/** A server that sends these texts, and waits a minute before each but the first. */
const slow = (...texts: ReadonlyArray<string>) =>
  HttpClient.make((request) =>
    Effect.map(
      Stream.toReadableStreamEffect(
        Stream.mapEffect(
          Stream.fromIterable(texts),
          (text, index) =>
            Effect.as(index === 0 ? Effect.void : Effect.sleep("1 minute"), new TextEncoder().encode(text))
        )
      ),
      (body) =>
        HttpClientResponse.fromWeb(request, new Response(body, { headers: { "content-type": "text/event-stream" } }))
    )
  )

const policy = Policy.make({ timeouts: { idle: "90 seconds", firstEvent: "10 minutes" }, retryBudget: "unlimited" })

/** The events of a stream that is read while the clock moves on, and how it ended. */
const read = Effect.fnUntraced(function*(...texts: ReadonlyArray<string>) {
  const events: Array<ChatEvent.ChatEvent> = []
  const layer = OpenAiChat.layer({ model: "m", policy }).pipe(
    Layer.provide(OpenAiClient.layerHttpClient({ baseUrl: "http://a.example/v1" })),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, slow(...texts)))
  )
  const fiber = yield* ChatService.stream("Hello").pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event))),
    Effect.provide(layer),
    Effect.result,
    Effect.forkChild
  )
  for (let minute = 0; minute < 3 * texts.length; minute++) {
    // What a web stream passes on takes turns of the event loop.
    for (let turn = 0; turn < 5; turn++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    yield* TestClock.adjust("30 seconds")
  }
  return { events, exit: yield* Fiber.join(fiber) }
})

const data = (value: unknown) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`

describe("clocks of a stream", () => {
  it.effect("case 7: a comment counts as life for the idle timeout, half a line does not", () =>
    Effect.gen(function*() {
      const opening = data(chunk({ content: "Hi" }))
      const end = data(chunk({}, "stop")) + data("[DONE]")
      const alive = yield* read(opening, ": ping\n\n", ": ping\n\n", "data: : ping\n\n", end)
      assert.isTrue(Result.isSuccess(alive.exit))
      assert.strictEqual(alive.events.at(-1)?.type, "finish")
      const dead = yield* read(opening, ": p", "in", "g", end)
      assert.isTrue(Result.isFailure(dead.exit) && dead.exit.failure._tag === "StreamInterruptedError")
    }))
})
