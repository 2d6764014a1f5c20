/** Damages answers of the service: a client gives the declared types, or a typed error. */
import {
  ApplyGuardrailResponse$,
  ConverseResponse$,
  ConverseStreamOutput$,
  CountTokensResponse$,
  ResponseStream$
} from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BedrockClient } from "../../src/BedrockClient.ts"
import { request } from "../support/Client.ts"
import * as Damage from "../support/Damage.ts"
import * as SdkSchema from "../support/SdkSchema.ts"
import * as StubHandler from "../support/StubHandler.ts"
import * as WireServer from "../support/WireServer.ts"

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

/** Gives each event away. */
export const collect = <A>(
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

/** An event as it is sent. */
export const frameOf = (type: string, payload: string) =>
  WireServer.rawFrame({ ":message-type": "event", ":event-type": type }, payload)

/** One client for all runs, answered with `reply`: what it costs to make one would be most of the time. */
export const connect = async () => {
  const scope = Scope.makeUnsafe()
  const stub: { reply: StubHandler.Reply } = { reply: { body: "" } }
  const client = await Effect.runPromise(Scope.provide(StubHandler.connect(() => stub.reply), scope))
  return Object.assign(stub, { client, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) })
}

/** The tests: so many runs, and half as many for what is slow. */
export const suite = (stub: Awaited<ReturnType<typeof connect>>, runs: number) =>
  describe("BedrockClient, for arbitrary responses", () => {
    describe.each(whole)("$name", ({ call, schema }) => {
      const answer = SdkSchema.sample(schema)

      it.live("gives every member the service model has", () =>
        Effect.gen(function*() {
          stub.reply = { body: JSON.stringify(answer) }
          const output = yield* call(stub.client)
          assert.deepStrictEqual(SdkSchema.problems(schema, output), [])
          assert.deepStrictEqual(SdkSchema.toJson(output), answer)
        }))

      it.live.prop(
        "gives the declared types or a typed error",
        [Mutations],
        ([mutations]) =>
          Effect.gen(function*() {
            stub.reply = { body: Damage.mutate(answer, mutations) }
            const output = typed(yield* Effect.exit(call(stub.client)))
            if (output !== undefined) assert.deepStrictEqual(SdkSchema.problems(schema, output), [])
          }),
        { timeout: 60_000, arbitrary: { runs: runs } }
      )

      it.live.prop(
        "gives the declared types or a typed error, of bytes that were damaged",
        [Schema.NonEmptyArray(Damage.ByteDamage)],
        ([damages]) =>
          Effect.gen(function*() {
            stub.reply = { body: Damage.spoil(new TextEncoder().encode(JSON.stringify(answer)), damages) }
            const output = typed(yield* Effect.exit(call(stub.client)))
            if (output !== undefined) assert.deepStrictEqual(SdkSchema.problems(schema, output), [])
          }),
        { timeout: 60_000, arbitrary: { runs: runs / 2 } }
      )
    })

    describe.each(streamed)("$name", ({ call, schema }) => {
      const events = SdkSchema.alternatives(schema).filter(([type]) => !type.endsWith("Exception"))

      it.live("gives every member the service model has", () =>
        Effect.gen(function*() {
          const body = events.map(([type, payload]) => frameOf(type, JSON.stringify(payload)))
          stub.reply = { body }
          const seen: Array<unknown> = []
          yield* call(stub.client, (event) => seen.push(event))
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
            stub.reply = { body }
            const seen: Array<unknown> = []
            typed(yield* Effect.exit(call(stub.client, (event) => seen.push(event))))
            assert.deepStrictEqual(SdkSchema.problems([1, "", "", 0, schema], seen), [])
          }).pipe(Effect.scoped),
        { timeout: 60_000, arbitrary: { runs: runs } }
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
            stub.reply = { body: pieces }
            const seen: Array<unknown> = []
            const exit = yield* Effect.exit(call(stub.client, (event) => seen.push(event)))
            typed(exit)
            assert.deepStrictEqual(SdkSchema.problems([1, "", "", 0, schema], seen), [])
            if (damages.length === 0) assert.isTrue(Exit.isSuccess(exit))
          }).pipe(Effect.scoped),
        { timeout: 60_000, arbitrary: { runs: runs / 2 } }
      )
    })

    it.live.prop(
      "leaves out what is wrong with the parts that accompany an answer",
      [Mutations, Schema.Literals(["usage", "metrics", "trace", "performanceConfig", "serviceTier"])],
      ([mutations, part]) =>
        Effect.gen(function*() {
          const answer = SdkSchema.sample(ConverseResponse$) as Record<string, unknown> // a structure
          const spoiled = Damage.mutate(answer[part], mutations)
          stub.reply = { body: JSON.stringify({ ...answer, [part]: "!" }).replace(`"!"`, () => spoiled) }
          const output = yield* stub.client.converse(request)
          assert.deepStrictEqual(SdkSchema.problems(ConverseResponse$, output), [])
          assert.deepStrictEqual(SdkSchema.toJson(output.output), answer["output"])
        }),
      { timeout: 60_000, arbitrary: { runs: runs / 2 } }
    )
  })
