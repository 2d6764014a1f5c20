import { assert, layer } from "@effect/vitest"
import { ChatRequest, Message, Tool, ToolLoop } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { McpTools } from "@strata/mcp"
import { Effect, Schema, Stream } from "effect"
import * as Fake from "./support/FakeServer.ts"
import * as Servers from "./support/Servers.ts"

/** A model that calls a tool and then says what it got. */
const calling = (name: string, params: object = {}) =>
  TestChat.layer((request: ChatRequest.Resolved) =>
    request.messages.at(-1)?.role === "tool"
      ? "thank you"
      : { content: [{ type: "tool-call" as const, id: "call", name, params }] }
  )

const resultIn = (messages: ReadonlyArray<Message.Message>): Message.ToolResultPart => {
  const part = messages.flatMap(Message.parts).find(({ type }) => type === "tool-result")
  assert.isDefined(part)
  return part as Message.ToolResultPart
}

layer(Servers.platform, { excludeTestServices: true })("ToolLoop with the tools of a server", (it) => {
  it.effect("runs them, and streams", () =>
    Effect.gen(function*() {
      const { tools } = yield* Servers.official
      const outcome = yield* ToolLoop.run("What is 1 and 2?", { tools: yield* tools }).pipe(
        Effect.provide(calling("sdk__add", { a: 1, b: 2 }))
      )
      assert.deepStrictEqual(resultIn(outcome.messages).result, { sum: 3 })
      const events = yield* ToolLoop.stream("What is 1 and 2?", { tools: yield* tools }).pipe(
        Stream.runCollect,
        Effect.provide(calling("sdk__add", { a: 1, b: 2 }))
      )
      assert.include(events.map(({ type }) => type), "tool-result")
    }))

  it.effect("case 37: sends images as native parts", () =>
    Effect.gen(function*() {
      const { tools } = yield* Servers.official
      const { messages } = yield* ToolLoop.run("Show me", { tools: yield* tools }).pipe(
        Effect.provide(calling("sdk__picture"))
      )
      assert.deepStrictEqual(resultIn(messages).parts?.map(({ type }) => type), [
        "text",
        "image",
        "text",
        "document",
        "text"
      ])
    }))

  it.effect("case 34: tells the model of a failure, and goes on", () =>
    Effect.gen(function*() {
      const { tools } = yield* Servers.official
      const outcome = yield* ToolLoop.run("Try", { tools: yield* tools }).pipe(Effect.provide(calling("sdk__fail")))
      assert.strictEqual(outcome.reason, "finished")
      assert.isTrue(resultIn(outcome.messages).isFailure)
      assert.include(JSON.stringify(resultIn(outcome.messages)), "the third argument is odd")
    }))

  it.effect("tells the model of a server that died, or fails with the error of the failure mode `error`", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain")
      const outcome = yield* ToolLoop.run("Try", { tools: yield* server.tools }).pipe(
        Effect.provide(calling("odd__work", { do: "die" }))
      )
      assert.include(String(resultIn(outcome.messages).result), "exit code 3")
      const strict = yield* Servers.misbehaving("plain", { failureMode: "error" })
      const error = yield* ToolLoop.run("Try", { tools: yield* strict.tools }).pipe(
        Effect.provide(calling("odd__work", { do: "die" })),
        Effect.flip
      )
      assert.strictEqual(error._tag === "McpError" && error.reason, "exited")
    }))

  it.effect("case 40: an approval that waits in a stored state is not good for another definition", () =>
    Effect.gen(function*() {
      let description = "Reads a file"
      const fake = yield* Fake.listen((request, response) =>
        Fake.behaving([{ name: "work", description }])(request, response)
      )
      const connect = Effect.map(
        Effect.flatMap(McpTools.http({ server: "fake", url: fake.url }), ({ tools }) => tools),
        (tools) => tools.map((tool) => Tool.withApproval(tool))
      )
      const first = yield* ToolLoop.run("Read it", { tools: yield* connect }).pipe(
        Effect.provide(calling("fake__work"))
      )
      if (first.reason !== "pending") return assert.fail(first.reason)
      const codec = Schema.toCodecJson(ToolLoop.State)
      const stored = JSON.stringify(yield* Schema.encodeUnknownEffect(codec)(first.state))
      const resume = (tools: ReadonlyArray<Tool.Any & Tool.Tool<string, unknown, unknown>>) =>
        Effect.flatMap(
          Schema.decodeUnknownEffect(codec)(JSON.parse(stored)),
          (state) => ToolLoop.resume(state, [{ type: "approve", callId: "call" }], { tools })
        ).pipe(Effect.provide(calling("fake__work")))
      description = "Deletes a file"
      yield* Effect.exit(resume(yield* connect))
      assert.lengthOf(fake.of("tools/call"), 0)
      description = "Reads a file"
      const outcome = yield* resume(yield* connect)
      assert.strictEqual(outcome.reason, "finished")
      assert.lengthOf(fake.of("tools/call"), 1)
    }))
})
