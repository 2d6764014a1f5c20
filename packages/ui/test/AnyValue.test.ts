import { assert, describe, it } from "@effect/vitest"
import * as Check from "@strata/core/Check"
import * as Ui from "@strata/ui"
import { Effect, Layer, References, Result, Stream } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { type Calls, chat, fields } from "../../core/test/support/AnyCalls.ts"
import * as AnyValue from "../../core/test/support/AnyValue.ts"
import * as Documents from "../../core/test/support/DocumentsMemory.ts"

const { UiChat, UiChunk, UiEncoder, UiHistory, UiMessage, UiReader, UiRuns, UiStream } = Ui

const run = (any: never) => [any, ...fields(["messageId", "approvals", "state", "expiresAt"], any)]

const useRuns = (runs: Ui.UiRuns.Runs, any: never) => [
  () => runs.put(any, any),
  ...run(any).map((given) => () => runs.put("key", given as never)),
  () => runs.take(any, () => Result.succeed(1)),
  () => runs.take("key", () => Result.fail({ _tag: "Refused" }))
]

const services = Layer.mergeAll(chat, UiRuns.layerMemory(), HttpRouter.layer)

const options = [
  "tools",
  "maxSteps",
  "concurrency",
  "request",
  "key",
  "files",
  "whenReadersLeave",
  "reasoning",
  "metadata",
  "errorText",
  "onError",
  "onEnd",
  "answersWithin",
  "heartbeat",
  "statusWithin",
  "maxBodySize",
  "maxAnswerSize",
  "maxTurns"
]

const question = { id: "a", messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "Hi" }] }] }

/** Sends a body to a server with these options; a response, whatever they are. */
const send = (given: unknown, body: unknown) =>
  Effect.gen(function*() {
    const { send } = yield* UiChat.make(given as never)
    // What a client could write of it.
    const json = Result.getOrUndefined(
      Result.map(Check.settle(Check.json({ written: true }), body), (body) => JSON.stringify(body))
    )
    const request = new Request("http://localhost/api/chat", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: json ?? "x"
    })
    const { body: answer } = yield* send.pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request))
    )
    if (answer._tag === "Stream") yield* Stream.runDrain(answer.stream)
  }).pipe(Effect.provide(services))

const encoded = (encoder: Ui.UiEncoder.Encoder, any: never) => [
  ...encoder.start(),
  ...encoder.add(any),
  ...encoder.add({ type: "text-delta", index: 0, delta: "Hi" }),
  ...encoder.end(any)
]

const calls: Readonly<Record<string, Calls>> = {
  "UiChat.make": (any) =>
    [any, ...fields(options, any)].flatMap((given) => [() => send(given, question), () => send({}, any)]),
  "UiChat.layer": (any) =>
    [any, ...fields(["path", ...options], any)].map((given) => () =>
      Layer.provide(UiChat.layer(given as never), services)
    ),
  "UiChunk.frame": (any) => [() => UiChunk.frame(any)],
  "UiEncoder.make": (any) =>
    [any, ...fields(["messageId", "continues", "approvalId", "reasoning", "metadata"], any)].map((given) => () =>
      encoded(UiEncoder.make(given as never), any)
    ),
  "UiHistory.toMessages": (any) => [
    () => UiHistory.toMessages(any),
    () => UiHistory.toMessages([any]),
    ...fields(["accept", "allowUrl", "system"], any).map((given) => () =>
      UiHistory.toMessages(
        [{ id: "m", role: "user", parts: [{ type: "file", mediaType: "image/png", url: "s3://a" }] }],
        given as never
      )
    )
  ],
  "UiMessage.read": (any) => [() => UiMessage.read(any), () => UiMessage.read([any])],
  "UiMessage.load": (any) => [() => UiMessage.load(any), () => UiMessage.load([any])],
  "UiMessage.isToolPart": (any) => [() => UiMessage.isToolPart(any), () => UiMessage.isToolPart({ type: any })],
  "UiMessage.toolName": (any) => [() => UiMessage.toolName(any)],
  "UiReader.make": (any) => [
    () => UiReader.make(any).message(),
    () => {
      const reader = UiReader.make()
      reader.add(any)
      return reader.message()
    }
  ],
  "UiReader.replay": (
    any
  ) => [() => UiReader.replay(any), () => UiReader.replay({ id: "m", role: "user", parts: [any] })],
  "UiRuns.makeMemory": (any) => [
    () => UiRuns.makeMemory(any),
    ...useRuns(UiRuns.makeMemory({ capacity: any }), any)
  ],
  "UiRuns.layerMemory": (any) => [() => UiRuns.layerMemory(any)],
  "UiRuns.fromDocuments": (any) => [
    ...useRuns(UiRuns.fromDocuments(any), any),
    ...useRuns(UiRuns.fromDocuments({ change: any }), any),
    ...useRuns(UiRuns.fromDocuments(Documents.make(), { prefix: any }), any)
  ],
  "UiRuns.layerDocuments": (any) => [() => UiRuns.layerDocuments(Effect.succeed(any), any)],
  "UiRuns.fromKeyValueStore": (any) => [
    ...useRuns(UiRuns.fromKeyValueStore(any), any),
    () =>
      Effect.flatMap(
        KeyValueStore.KeyValueStore,
        (store) =>
          Effect.all(
            useRuns(UiRuns.fromKeyValueStore(store, any), any)
              .map((use) => Effect.exit(use()))
          )
      ).pipe(Effect.provide(KeyValueStore.layerMemory))
  ],
  "UiRuns.layerKeyValueStore": (any) => [
    () => Layer.provide(UiRuns.layerKeyValueStore(any), KeyValueStore.layerMemory)
  ],
  "UiStream.fromEvents": (any) => [
    () => UiStream.fromEvents(any, () => Effect.succeed("no"))(Stream.empty),
    () => UiStream.fromEvents({ messageId: "m" }, any)(Stream.fail("no")),
    () => UiStream.fromEvents({ messageId: "m" }, () => Effect.succeed("no"))(any)
  ],
  "UiStream.toResponse": (any) => [() => UiStream.toResponse(any)]
}

describe("Every public function", () => {
  it("is tested here", () => {
    const functions = Object.entries(Ui).flatMap(([module, exports]) =>
      Object.entries(exports).flatMap(([name, value]) =>
        typeof value === "function" && /^[a-z]/.test(name) && name !== "jsonOf" ? [`${module}.${name}`] : []
      )
    )
    assert.deepStrictEqual(functions.sort(), Object.keys(calls).sort())
  })

  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any, name.startsWith("UiChat") ? 7 : 1), [])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }
})
