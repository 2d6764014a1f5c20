import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator, Statistics } from "@strata/emulator"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Os from "node:os"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator({ quota: { "*": { tokensPerMinute: 50_000 } } })

const ask = Effect.fnUntraced(
  function*(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const { url } = yield* Emulator.Emulator
    const response = yield* Fixture.attempt((signal) =>
      fetch(`${url}/_strata/${path}`, {
        method,
        signal,
        headers: { "content-type": "application/json", ...headers },
        ...(body === undefined ? undefined : { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
    )
    return { status: response.status, body: JSON.parse(yield* Fixture.attempt(() => response.text())) }
  }
)

const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(Statistics.Statistics))

const statistics = Effect.flatMap(ask("GET", "statistics"), ({ body }) => decode(body))

const status = Effect.map(Fixture.converse(Fixture.hello), ({ status }) => status)

describe("Admin", () => {
  it.effect("counts only requests for Bedrock in its statistics", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const client = yield* Fixture.connect("2")
      yield* status
      const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
      yield* Fixture.drain(stream)
      yield* Effect.ignore(Fixture.converse({}, "no.such-model"))
      const seen = yield* Fixture.eventually(statistics, ({ inFlight }) => inFlight === 0)
      assert.include(seen, { requests: 3, completed: 3, aborted: 0 })
      assert.deepStrictEqual(seen.byModel, { [Fixture.modelId]: { Converse: 1, ConverseStream: 1 } })
      assert.deepStrictEqual(seen.byStatus, { 200: 2, 400: 1 })
      assert.isAbove(seen.bytesIn, 700)
      assert.isAbove(seen.bytesOut, 700)
      assert.include(seen.quota[Fixture.modelId], { tokensPerMinute: 50_000, completed: 2, used: 20, reserved: 0 })
      assert.deepStrictEqual((yield* emulator.statistics).byOperation, seen.byOperation)
    }).pipe(Effect.provide(live)))

  it.effect("counts the bytes of closed connections too, over both protocols", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      for (const protocol of Fixture.protocols) {
        const before = yield* emulator.statistics
        yield* Effect.scoped(Effect.gen(function*() {
          const client = yield* Fixture.connect(protocol)
          const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
          yield* Fixture.drain(stream)
        }))
        const after = yield* Fixture.eventually(
          emulator.statistics,
          ({ openConnections }) => openConnections === before.openConnections
        )
        assert.isAbove(after.bytesIn - before.bytesIn, 300)
        assert.isAbove(after.bytesOut - before.bytesOut, 500)
      }
    }).pipe(Effect.provide(live)))

  it.effect("injects, lists and removes faults", () =>
    Effect.gen(function*() {
      const injected = yield* ask("POST", "faults", [
        { type: "throttle", times: "Infinity" },
        { type: "latency", duration: "1 millis", upTo: 2, after: "1 hour", probability: 0.5 }
      ])
      assert.deepStrictEqual(injected, { status: 200, body: [1, 2] })
      assert.deepStrictEqual([yield* status, yield* status], [429, 429])
      assert.deepStrictEqual((yield* ask("GET", "faults")).body, [
        { id: 1, fault: { type: "throttle", times: "Infinity" }, struck: 2 },
        { id: 2, fault: { type: "latency", duration: 1, upTo: 2, after: 3_600_000, probability: 0.5 }, struck: 0 }
      ])
      assert.strictEqual((yield* ask("DELETE", "faults/1")).status, 200)
      assert.strictEqual(yield* status, 200)
      assert.strictEqual((yield* ask("DELETE", "faults/1")).status, 404)
      yield* ask("DELETE", "faults")
      assert.deepStrictEqual((yield* ask("GET", "faults")).body, [])
    }).pipe(Effect.provide(live)))

  it.effect.each<readonly [string, unknown]>([
    ["no fault", { type: "bad weather" }],
    ["a time that is none", { type: "latency", duration: "3 parsecs" }],
    ["a word that is misspelt", { type: "throttle", modell: "x" }],
    ["no JSON", "{"]
  ])("refuses %s", ([, body]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* ask("POST", "faults", body)).status, 400)
      assert.deepStrictEqual((yield* ask("GET", "faults")).body, [])
    }).pipe(Effect.provide(live)))

  it.effect("refuses requests of foreign web pages, which cannot send JSON", () =>
    Effect.gen(function*() {
      const { status } = yield* ask("POST", "faults", { type: "throttle" }, { "content-type": "text/plain" })
      assert.strictEqual(status, 400)
    }).pipe(Effect.provide(live)))

  it.effect("answers 404 for unknown paths", () =>
    Effect.gen(function*() {
      for (
        const [method, path] of [["POST", ""], ["POST", "statistics"], ["GET", "faults/1"], ["GET", "x.js"]] as const
      ) {
        assert.strictEqual((yield* ask(method, path, method === "POST" ? {} : undefined)).status, 404)
      }
    }).pipe(Effect.provide(live)))

  it.effect("lists all requests, and with a revision only those changed since", () =>
    Effect.gen(function*() {
      const client = yield* Fixture.connect("1.1", { maxAttempts: 2 })
      yield* status
      const first = (yield* ask("GET", "requests")).body
      assert.lengthOf(first.requests, 1)
      assert.include(first.requests[0], {
        number: 1,
        operation: "Converse",
        model: Fixture.modelId,
        status: 200,
        outcome: "completed",
        inputTokens: 7,
        outputTokens: 3
      })
      assert.notProperty(first.requests[0], "attempt")
      assert.isAtLeast(first.requests[0].millis, 0)
      assert.isAtLeast(first.requests[0].receivedAt, first.startedAt)
      yield* ask("POST", "faults", [{ type: "latency", duration: 1 }, {
        type: "exception",
        exception: "ServiceUnavailableException"
      }])
      yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
      const second = yield* Fixture.eventually(
        Effect.map(ask("GET", `requests?after=${first.revision}`), ({ body }) => body),
        ({ requests }) => requests.length === 2 && requests[1].outcome === "completed"
      )
      const [struck, repeated] = second.requests
      assert.include(struck, { number: 2, status: 503, attempt: 1 })
      assert.deepStrictEqual(struck.faults, ["latency", "exception"])
      assert.notProperty(struck, "inputTokens")
      assert.include(repeated, { number: 3, status: 200, attempt: 2 })
      assert.deepStrictEqual(repeated.faults, [])
      assert.deepStrictEqual((yield* ask("GET", `requests?after=${second.revision}`)).body.requests, [])
      assert.strictEqual((yield* ask("GET", "requests?after=yesterday")).status, 400)
    }).pipe(Effect.provide(live)))

  it.effect("lists a request again when it changes", () =>
    Effect.gen(function*() {
      const finish = yield* Deferred.make<void>()
      const services = Layer.merge(
        Fixture.chat({
          stream: () => {
            const [hello, ...rest] = Fixture.deltas("Hello, world", "!")
            return Stream.concat(
              Stream.fromIterable(hello === undefined ? [] : [hello]),
              Stream.unwrap(Effect.as(Deferred.await(finish), Stream.fromIterable(rest)))
            )
          }
        }),
        Fixture.embedding()
      )
      yield* Effect.gen(function*() {
        const client = yield* Fixture.connect("2")
        const requests = (after: number) => Effect.map(ask("GET", `requests?after=${after}`), ({ body }) => body)
        const answer = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(Fixture.hello)))
        const begun = yield* Fixture.eventually(requests(0), ({ requests }) => requests[0].outputTokens > 0)
        assert.include(begun.requests[0], { number: 1, status: 200, outcome: "in-flight", outputTokens: 3 })
        assert.notProperty(begun.requests[0], "millis")
        yield* Deferred.succeed(finish, undefined)
        yield* Fixture.drain(answer.stream)
        const over = yield* Fixture.eventually(
          requests(begun.revision),
          ({ requests }) => requests[0]?.outcome === "completed"
        )
        // the model's own count is final
        assert.include(over.requests[0], { number: 1, inputTokens: 7, outputTokens: 3 })
      }).pipe(Effect.provide(Fixture.emulator({}, services)))
    }))

  it.effect("lists a request again when it completes, is aborted or is dropped", () =>
    Effect.gen(function*() {
      const requests = (after: number) => Effect.map(ask("GET", `requests?after=${after}`), ({ body }) => body)
      const call = yield* Effect.forkChild(status)
      const stalled = yield* Fixture.eventually(requests(0), ({ requests }) => requests[0]?.faults.length === 1)
      assert.include(stalled.requests[0], { outcome: "in-flight" })
      yield* Fiber.interrupt(call)
      const over = yield* Fixture.eventually(requests(stalled.revision), ({ requests }) => requests.length > 0)
      assert.include(over.requests[0], { number: 1, outcome: "aborted" })
      assert.isAtLeast(over.requests[0].millis, 0)
    }).pipe(Effect.provide(Fixture.emulator({ faults: [{ type: "stall" }] }))))

  it.effect("omits prompts and secrets from request details", () =>
    Effect.gen(function*() {
      yield* status
      const { body } = yield* ask("GET", "requests/1")
      assert.include(body, {
        number: 1,
        protocol: "1.1",
        path: "/model/amazon.nova-lite-v1%3A0/converse",
        scheme: "bearer"
      })
      assert.include(body.headers, { "content-type": "application/json" })
      assert.notProperty(body.headers, "authorization")
      assert.notProperty(body, "body")
      assert.strictEqual((yield* ask("GET", "requests/2")).status, 404)
    }).pipe(Effect.provide(live)))

  it.effect("shows prompts where bodies are captured", () =>
    Effect.gen(function*() {
      yield* status
      assert.deepStrictEqual((yield* ask("GET", "requests/1")).body.body, Fixture.hello)
    }).pipe(Effect.provide(Fixture.emulator({ capture: true }))))

  it.effect("returns the client settings, with default keys only", () =>
    Effect.gen(function*() {
      const told = Effect.map(ask("GET", "client"), ({ body }) => body)
      assert.deepStrictEqual(yield* Effect.provide(told, live), {
        region: "us-east-1",
        credentials: {
          accessKeyId: "AKIAIOSFODNN7EXAMPLE",
          secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        },
        apiKey: "bedrock-api-key-of-the-emulator"
      })
      const own = Fixture.emulator({
        region: "eu-west-1",
        credentials: [{ accessKeyId: "AKIA", secretAccessKey: Redacted.make("secret") }],
        apiKeys: [Redacted.make("key")]
      })
      assert.deepStrictEqual(yield* Effect.provide(told, own), { region: "eu-west-1" })
    }))

  it.effect("replaces the quotas while it runs, and refuses invalid ones", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      assert.strictEqual(yield* status, 200)
      const limits = { "*": { requestsPerMinute: 1, window: "30 seconds" } }
      assert.deepStrictEqual((yield* ask("PUT", "quotas", limits)).status, 200)
      const shown = (yield* ask("GET", "quotas")).body["*"]
      assert.strictEqual(shown.requestsPerMinute, 1)
      assert.deepStrictEqual([yield* status, yield* status], [200, 429])
      for (
        const [wrong, field] of [
          [{ "*": { requestsPerMinute: -1 } }, "requestsPerMinute"],
          [{ "eu-west-1/*": { requestsPerMinute: 1 } }, "us-east-1"],
          [{ "*": { rpm: 1 } }, "rpm"],
          [[], "quota"]
        ] as const
      ) {
        const refused = yield* ask("PUT", "quotas", wrong)
        assert.strictEqual(refused.status, 400)
        assert.include(refused.body.message, field)
      }
      assert.include((yield* Effect.flip(emulator.setQuota({ "*": {} }))).message, "Expected a quota")
      assert.strictEqual(yield* status, 429)
      yield* emulator.setQuota({})
      assert.deepStrictEqual([yield* status, yield* status], [200, 200])
    }).pipe(Effect.provide(live)))

  it.effect("says why a request was refused: its exception, the field, the rule and its evidence", () =>
    Effect.gen(function*() {
      yield* Fixture.converse({ messages: [{ role: "user", content: [{ text: " " }] }] })
      yield* Fixture.converse({ messages: [{ role: "user", content: [{ text: 5 }] }] })
      yield* Fixture.converse({ messages: [{ role: "nobody", content: [{ text: "secret" }] }] })
      yield* Fixture.post("/model/a/converse/b", "{}")
      const { body } = yield* ask("GET", "requests")
      const [blank, mistyped, role, unknown] = body.requests.map(({ refusal }: { refusal: unknown }) => refusal)
      assert.strictEqual(blank.exception, "ValidationException")
      assert.include(blank.message, "messages.0.content.0")
      assert.include(blank.rule.refuses, "blank text")
      assert.strictEqual(blank.rule.source, "reported")
      assert.strictEqual(mistyped.exception, "SerializationException")
      assert.isUndefined(mistyped.rule)
      assert.include(role.message, "messages.1.member.role")
      assert.notInclude(JSON.stringify(body), "secret")
      assert.strictEqual(unknown.exception, "UnknownOperationException")
      assert.include(unknown.message, "POST /model/a/converse/b. The emulator has POST /model/{id}/{converse,")
    }).pipe(Effect.provide(live)))

  it.effect("says why a stream failed, but quotes an answering service only where bodies are captured", () => {
    const failing = Fixture.chat({
      stream: () =>
        Stream.concat(
          Stream.fromIterable(Fixture.deltas("Hel").slice(0, 1)),
          Stream.fail(new ProviderError.ProviderInternalError({ provider: "double", message: "No answer to: secret" }))
        )
    })
    const refusal = Effect.gen(function*() {
      yield* Fixture.post(`/model/${Fixture.modelId}/converse-stream`, JSON.stringify(Fixture.hello))
      const { body } = yield* ask("GET", "requests")
      return body.requests[0].refusal
    })
    const over = (options?: Emulator.Options) =>
      Effect.provide(refusal, Fixture.emulator(options, Layer.merge(failing, Fixture.embedding())))
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* over(), { exception: "InternalServerException" })
      const exception = "InternalServerException"
      assert.deepStrictEqual(yield* over({ capture: true }), { exception, message: "No answer to: secret" })
    })
  })

  it.effect("describes every fault by a schema", () =>
    Effect.gen(function*() {
      const { body } = yield* ask("GET", "faults/schema")
      const types = body.anyOf.map(({ properties }: { properties: { type: { enum: [string] } } }) =>
        properties.type.enum[0]
      )
      assert.includeMembers(types, ["throttle", "latency", "slow", "stallConnection"])
    }).pipe(Effect.provide(live)))

  const address = Object.values(Os.networkInterfaces()).flat().find((found) => found?.internal === false)?.address
  const own = address?.includes(":") === true ? undefined : address

  it.effect.skipIf(own === undefined)(
    "refuses other machines, and says how to admit them",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const url = emulator.url.replace("0.0.0.0", own ?? "")
        const response = yield* Fixture.attempt(() => fetch(`${url}/_strata/statistics`))
        assert.strictEqual(response.status, 403)
        assert.include(yield* Fixture.attempt(() => response.text()), "--admin-token")
      }).pipe(Effect.provide(Fixture.emulator({ host: "0.0.0.0" })))
  )
})
