import {
  ApplyGuardrailResponse$,
  ConverseResponse$,
  ConverseStreamOutput$,
  CountTokensResponse$,
  ResponseStream$
} from "@aws-sdk/client-bedrock-runtime"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BedrockClient } from "../src/BedrockClient.ts"
import { request } from "./support/Client.ts"
import * as Damage from "./support/Damage.ts"
import * as SdkSchema from "./support/SdkSchema.ts"
import * as StubHandler from "./support/StubHandler.ts"
import * as WireServer from "./support/WireServer.ts"

type Client = BedrockClient["Service"]

/** An operation that answers in one piece, and the SDK's schema of it. */
interface Whole {
  readonly name: string
  readonly schema: SdkSchema.SdkSchema
  readonly call: (client: Client) => Effect.Effect<unknown, ProviderError.CallError>
}

const whole: ReadonlyArray<Whole> = [
  { name: "converse", schema: ConverseResponse$, call: (client) => client.converse(request) },
  {
    name: "countTokens",
    schema: CountTokensResponse$,
    call: (client) => client.countTokens({ modelId: "m", input: { converse: { messages: request.messages } } })
  },
  {
    name: "applyGuardrail",
    schema: ApplyGuardrailResponse$,
    call: (client) =>
      client.applyGuardrail({ guardrailIdentifier: "g", guardrailVersion: "1", source: "INPUT", content: [] })
  }
]

/** One that answers in events; `call` collects what it gives, as the SDK types it. */
interface Streamed {
  readonly name: string
  readonly schema: SdkSchema.SdkSchema
  readonly call: (
    client: Client,
    onEvent: (event: unknown) => void
  ) => Effect.Effect<void, ProviderError.CallError, Scope.Scope>
}

const collect = <A>(
  events: Stream.Stream<A, ProviderError.CallError>,
  onEvent: (event: A) => void
) => Stream.runForEach(events, (event) => Effect.sync(() => onEvent(event)))

const streamed: ReadonlyArray<Streamed> = [
  {
    name: "converseStream",
    schema: ConverseStreamOutput$,
    call: (client, onEvent) => Effect.flatMap(client.converseStream(request), ({ events }) => collect(events, onEvent))
  },
  {
    name: "invokeModelStream",
    schema: ResponseStream$,
    call: (client, onEvent) =>
      Effect.flatMap(
        client.invokeModelStream({ modelId: "m", body: "{}" }),
        ({ chunks }) => collect(chunks, (bytes) => onEvent({ chunk: { bytes } }))
      )
  }
]

/** Words of V8 that no message may have. */
const rawMessage = /is not a function|is not iterable|undefined|Unexpected|cannot read|not valid JSON|\[object/i

/** Fails on a defect; checks that an error is typed and in words. */
const typed = <A>(exit: Exit.Exit<A, ProviderError.CallError>): A | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const [reason] = exit.cause.reasons
  assert(reason !== undefined && Cause.isFailReason(reason), Cause.pretty(exit.cause))
  assert.isTrue(ProviderError.isProviderError(reason.error))
  assert.notMatch(reason.error.message, rawMessage)
  return undefined
}

const Mutations = Schema.Array(Damage.Mutation).check(Schema.isMaxLength(4))

const frameOf = (type: string, payload: string) =>
  WireServer.rawFrame({ ":message-type": "event", ":event-type": type }, payload)

/** One client for all runs: what it costs to make one would be most of the time. */
let reply: StubHandler.Reply = { body: "" }
const scope = Scope.makeUnsafe()
const client = await Effect.runPromise(Scope.provide(StubHandler.connect(() => reply), scope))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("BedrockClient, for arbitrary responses", () => {
  describe.each(whole)("$name", ({ call, schema }) => {
    const answer = SdkSchema.sample(schema)

    it.live("gives every member the service model has", () =>
      Effect.gen(function*() {
        reply = { body: JSON.stringify(answer) }
        const output = yield* call(client)
        assert.deepStrictEqual(SdkSchema.problems(schema, output), [])
        assert.deepStrictEqual(SdkSchema.toJson(output), answer)
      }))

    it.live.prop(
      "gives the declared types or a typed error",
      [Mutations],
      ([mutations]) =>
        Effect.gen(function*() {
          reply = { body: Damage.mutate(answer, mutations) }
          const output = typed(yield* Effect.exit(call(client)))
          if (output !== undefined) assert.deepStrictEqual(SdkSchema.problems(schema, output), [])
        }),
      { timeout: 60_000, arbitrary: { runs: 200 } }
    )

    it.live.prop(
      "gives the declared types or a typed error, of bytes that were damaged",
      [Schema.NonEmptyArray(Damage.ByteDamage)],
      ([damages]) =>
        Effect.gen(function*() {
          reply = { body: Damage.spoil(new TextEncoder().encode(JSON.stringify(answer)), damages) }
          const output = typed(yield* Effect.exit(call(client)))
          if (output !== undefined) assert.deepStrictEqual(SdkSchema.problems(schema, output), [])
        }),
      { timeout: 60_000, arbitrary: { runs: 100 } }
    )
  })

  describe.each(streamed)("$name", ({ call, schema }) => {
    const events = SdkSchema.alternatives(schema).filter(([type]) => !type.endsWith("Exception"))

    it.live("gives every member the service model has", () =>
      Effect.gen(function*() {
        const body = events.map(([type, payload]) => frameOf(type, JSON.stringify(payload)))
        reply = { body }
        const seen: Array<unknown> = []
        yield* call(client, (event) => seen.push(event))
        assert.deepStrictEqual(SdkSchema.problems([1, "", "", 0, schema], seen), [])
        assert.deepStrictEqual(SdkSchema.toJson(seen), events.map(([type, payload]) => ({ [type]: payload })))
      }).pipe(Effect.scoped))

    it.live.prop(
      "gives the declared types or a typed error",
      [Mutations, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))],
      ([mutations, at]) =>
        Effect.gen(function*() {
          const body = events.map(([type, payload], index) =>
            frameOf(type, index === at % events.length ? Damage.mutate(payload, mutations) : JSON.stringify(payload))
          )
          reply = { body }
          const seen: Array<unknown> = []
          typed(yield* Effect.exit(call(client, (event) => seen.push(event))))
          assert.deepStrictEqual(SdkSchema.problems([1, "", "", 0, schema], seen), [])
        }).pipe(Effect.scoped),
      { timeout: 60_000, arbitrary: { runs: 200 } }
    )

    it.live.prop(
      "gives the declared types or a typed error, of bytes that were damaged and came in pieces",
      [Schema.Array(Damage.ByteDamage), Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 400 }))],
      ([damages, size]) =>
        Effect.gen(function*() {
          const frames = events.map(([type, payload]) => frameOf(type, JSON.stringify(payload)))
          const bytes = Damage.spoil(Buffer.concat(frames), damages)
          const pieces = Array.from(
            { length: Math.ceil(bytes.length / size) },
            (_, index) => bytes.subarray(index * size, (index + 1) * size)
          )
          reply = { body: pieces }
          const seen: Array<unknown> = []
          const exit = yield* Effect.exit(call(client, (event) => seen.push(event)))
          typed(exit)
          assert.deepStrictEqual(SdkSchema.problems([1, "", "", 0, schema], seen), [])
          if (damages.length === 0) assert.isTrue(Exit.isSuccess(exit))
        }).pipe(Effect.scoped),
      { timeout: 60_000, arbitrary: { runs: 100 } }
    )
  })
  describe("names the mismatch and its path", () => {
    it.live.each<readonly [answer: string, problem: string]>([
      [
        `{"output":{"message":{"content":[{"text":"a"},{"text":5}]}}}`,
        "`output.message.content[1].text` is a number instead of text"
      ],
      [`{"output":{"message":{"content":{}}}}`, "`output.message.content` is an object instead of a list"],
      [`{"output":{"message":[]}}`, "`output.message` is a list instead of an object"],
      [
        `{"output":{"message":{"content":[{"toolUse":{"toolUseId":true}}]}}}`,
        "`output.message.content[0].toolUse.toolUseId` is a boolean instead of text"
      ],
      [
        `{"output":{"message":{"content":[{"reasoningContent":{"redactedContent":{"length":99999999}}}]}}}`,
        "`output.message.content[0].reasoningContent.redactedContent` is an object instead of base64"
      ],
      [
        `{"output":{"message":{"content":[{"image":{"source":{"bytes":"no base64!"}}}]}}}`,
        "`output.message.content[0].image.source.bytes` is text instead of base64"
      ],
      [
        `{"output":{"message":{"content":[{"text":"a","toolUse":{}}]}}}`,
        "`output.message.content[0]` is `text`, `toolUse` together instead of one of them"
      ],
      [`{"stopReason":{}}`, "`stopReason` is an object instead of text"],
      [`"text"`, "text instead of an object"],
      [`<html>`, "not JSON"],
      ["[".repeat(1000), "JSON of more than 256 levels"]
    ])("in %s", ([body, problem]) =>
      Effect.gen(function*() {
        reply = { body }
        const error = yield* Effect.flip(client.converse(request))
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.strictEqual(
          error.message,
          `amazon.nova-lite-v1:0 in us-east-1: the answer cannot be decoded: ${problem} (request request-1). ` +
            "If it happens again, check for proxies on the way, or ask AWS support."
        )
        assert.strictEqual(error.requestId, "request-1")
        assert.strictEqual(error.model, request.modelId)
      }))

    it.live("in an event", () =>
      Effect.gen(function*() {
        reply = {
          body: [
            frameOf("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"a"}}`),
            frameOf("contentBlockDelta", `{"contentBlockIndex":-1,"delta":{"text":"b"}}`)
          ]
        }
        const { events } = yield* client.converseStream(request)
        const seen: Array<unknown> = []
        const error = yield* Effect.flip(collect(events, (event) => seen.push(event)))
        assert.lengthOf(seen, 1)
        assert.strictEqual(error._tag, "MalformedResponseError")
        assert.include(
          error.message,
          ": the answer cannot be decoded: `contentBlockIndex` is a number instead of a whole number from 0, in an event " +
            "contentBlockDelta (request "
        )
      }).pipe(Effect.scoped))
  })

  it.live.prop(
    "leaves out what is wrong with the parts that accompany an answer",
    [Mutations, Schema.Literals(["usage", "metrics", "trace", "performanceConfig", "serviceTier"])],
    ([mutations, part]) =>
      Effect.gen(function*() {
        const answer = SdkSchema.sample(ConverseResponse$) as Record<string, unknown> // a structure
        const spoiled = Damage.mutate(answer[part], mutations)
        reply = { body: JSON.stringify({ ...answer, [part]: "!" }).replace(`"!"`, () => spoiled) }
        const output = yield* client.converse(request)
        assert.deepStrictEqual(SdkSchema.problems(ConverseResponse$, output), [])
        assert.deepStrictEqual(SdkSchema.toJson(output.output), answer["output"])
      }),
    { timeout: 60_000, arbitrary: { runs: 100 } }
  )

  it.live("drops invalid counts, and integers beyond a number", () =>
    Effect.gen(function*() {
      reply = {
        body: `{"usage":{"inputTokens":-1,"outputTokens":1e999,"totalTokens":"3","cacheReadInputTokens":1.5,` +
          `"cacheWriteInputTokens":9007199254740993},"metrics":{"latencyMs":null},"stopReason":"end_turn"}`
      }
      const output = yield* client.converse(request)
      assert.deepStrictEqual(output.usage, {} as typeof output.usage)
      assert.deepStrictEqual(output.metrics, {} as typeof output.metrics)
      assert.strictEqual(output.stopReason, "end_turn")
    }))

  it.live("keeps the digits of an integer that a number cannot hold", () =>
    Effect.gen(function*() {
      const input = `{"id":2512292042121000001,"list":[-9007199254740993,9007199254740992,12],"far":1e999}`
      reply = { body: `{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f","input":${input}}}]}}}` }
      const output = yield* client.converse(request)
      assert.deepStrictEqual(output.output?.message?.content?.[0]?.toolUse?.input, {
        id: "2512292042121000001",
        list: ["-9007199254740993", 9007199254740992, 12],
        far: "1e999"
      })
    }))

  it.live("keeps unknown blocks under their name, and unknown members", () =>
    Effect.gen(function*() {
      reply = {
        body: JSON.stringify({
          output: { message: { role: "assistant", content: [{ hologram: { size: 3 } }, { text: "a", p: "xyz" }] } },
          usage: { inputTokens: 1, serverToolUsage: {} }
        })
      }
      const output = yield* client.converse(request)
      assert.deepStrictEqual<unknown>(output.output?.message?.content, [
        { $unknown: ["hologram", { size: 3 }] },
        { text: "a", p: "xyz" }
      ])
      assert.deepStrictEqual<unknown>(output.usage, { inputTokens: 1, serverToolUsage: {} })
    }))

  it.live("reads null as missing, everywhere", () =>
    Effect.gen(function*() {
      reply = {
        body: JSON.stringify({
          output: { message: { content: [null, { text: null }, { text: "a" }] } },
          trace: { guardrail: { inputAssessment: { g: null, h: { wordPolicy: null } } } }
        })
      }
      const output = yield* client.converse(request)
      assert.deepStrictEqual<unknown>(output.output?.message?.content, [{}, { text: "a" }])
      assert.deepStrictEqual<unknown>(output.trace, { guardrail: { inputAssessment: { h: {} } } })
      for (const body of ["null", ""]) {
        reply = { body }
        assert.isUndefined((yield* client.converse(request)).output)
      }
    }))
})
