import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator, type Fault } from "@strata/emulator"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as BedrockChat from "../../src/BedrockChat.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"
import * as BedrockEmbedding from "../../src/BedrockEmbedding.ts"
import { transports } from "../support/Client.ts"
import * as Models from "./Models.ts"
import * as Watch from "./Watch.ts"

/** How many requests of a client at once, and how many in each of so many phases. */
const load = { concurrency: 30, requests: 150, phases: 4 }

/** What memory may grow by in a phase, in bytes: less than 4 kB for a request. */
const growth = 4_000 * load.requests * transports.length

/** Milliseconds an attempt may take: at least, and at most. */
const patience = { least: 500, most: 1500 }

const policyOf = (millis: number) =>
  Policy.make({
    retry: Retry.never,
    retryBudget: "unlimited",
    concurrency: load.concurrency,
    timeouts: { attempt: millis, firstEvent: millis, idle: millis }
  })

/** What goes wrong with one request, now and then. */
const withRequests: ReadonlyArray<Fault.Fault> = [
  { type: "throttle" },
  { type: "exception", exception: "InternalServerException" },
  { type: "stall" },
  { type: "resetStream" },
  { type: "latency", duration: 1, upTo: 50 },
  { type: "slow", pause: 0, upTo: 5 },
  { type: "garbage" },
  { type: "emptyBody" },
  { type: "contentType", contentType: "text/plain" },
  { type: "half", framed: true },
  { type: "huge", megabytes: 0.1 },
  { type: "truncateStream", afterEvents: 3 },
  { type: "streamException", exception: "ModelStreamErrorException", afterEvents: 3 },
  { type: "errorFrame" },
  { type: "corruptFrame" }
]

/** What goes wrong with a connection, and with all requests on it, more rarely. */
const withConnections: ReadonlyArray<Fault.Fault> = [
  { type: "reset", afterBytes: 100 },
  { type: "halfOpen" },
  { type: "goaway" },
  { type: "goaway", code: "INTERNAL_ERROR" },
  { type: "half" },
  { type: "refuseConnection" },
  { type: "stallConnection" }
]

const faults = [
  ...withRequests.map((fault): Fault.Fault => ({ ...fault, probability: 0.01, seed: fault.type })),
  ...withConnections.map((fault): Fault.Fault => ({ ...fault, probability: 0.002, seed: fault.type }))
]

/** Leave connections whose end the emulator cannot notice. */
const deaf: ReadonlySet<Fault.Fault["type"]> = new Set(["halfOpen", "stallConnection"])

/** Requests of all kinds; how many were answered. */
const mixed = Effect.fnUntraced(function*(
  kinds: ReadonlyArray<(index: number) => Effect.Effect<unknown, ProviderError.ProviderError>>,
  requests = load.requests
) {
  const exits = yield* Effect.forEach(
    Array.from({ length: requests }, (_, index) => index),
    (index) => Effect.map(Effect.exit(kinds[index % kinds.length]!(index)), Exit.asVoid),
    { concurrency: load.concurrency }
  )
  for (const exit of exits) {
    if (Exit.isSuccess(exit)) continue
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    assert.isTrue(ProviderError.isProviderError(error), Cause.pretty(exit.cause))
  }
  return exits.filter(Exit.isSuccess).length
})

/** Each kind of request, of services that have so much patience. */
const kindsOf = Effect.fnUntraced(function*(millis: number) {
  const policy = policyOf(millis)
  const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy })
  const embedding = yield* BedrockEmbedding.make({ model: "amazon.titan-embed-text-v2:0", policy })
  const request = { messages: "Tell me a story", maxTokens: 50 }
  return [
    () => chat.generate(request),
    () => Stream.runDrain(chat.stream(request)),
    (index: number) => embedding.embed(`text ${index}`, { dimensions: 256 })
  ]
})

/** A client of an emulator that breaks. It waits for `phase` after each of them. */
const loaded = Effect.fnUntraced(function*({ name, transport }: typeof transports[number], phase: Effect.Effect<void>) {
  const emulator = yield* Emulator.Emulator
  const injected = yield* Effect.gen(function*() {
    // Most of the time of this test is waiting for what never comes: no longer than this machine makes it necessary.
    const [whole] = yield* Effect.timed(mixed(yield* kindsOf(30_000), load.concurrency))
    const kinds = yield* kindsOf(Math.min(Math.max(patience.least, 3 * Duration.toMillis(whole)), patience.most))
    const injected = yield* Effect.forEach(
      faults,
      (fault) => Effect.map(emulator.inject(fault), ({ struck }) => deaf.has(fault.type) ? struck : Effect.succeed(0))
    )
    let answered = 0
    for (let phases = 0; phases < load.phases; phases++) {
      answered += yield* mixed(kinds)
      yield* phase
    }
    assert.isAbove(answered, 0, name)
    return injected
  }).pipe(
    Effect.provide(BedrockClient.layer({ ...emulator.client, transport })),
    Effect.scoped
  )
  const unheard = (yield* Effect.all(injected)).reduce((sum, count) => sum + count, 0)
  yield* Watch.eventually(
    `${name}: connections`,
    Effect.map(emulator.statistics, ({ openConnections }) => openConnections),
    (open) => open <= unheard
  )
}, Effect.provide(Emulator.layer({ history: 1 }).pipe(Layer.provideMerge(Models.layer()))))

describe("Clients under load", () => {
  it.live(
    "leave memory as it was, and no socket open",
    () =>
      Watch.leavesProcessAlone(Effect.gen(function*() {
        const sizes: Array<number> = []
        const measured = Effect.map(Watch.heap, (size) => void sizes.push(size))
        const phase = yield* meeting(transports.length, measured)
        yield* Effect.forEach(transports, (transport) => loaded(transport, phase), {
          concurrency: "unbounded",
          discard: true
        })
        // What requests leave behind they leave in every phase; the first ones fill what is kept for good, such as
        // compiled code, and whatever else is in the process may add something to one.
        const grown = sizes.slice(1).map((size, index) => size - (sizes[index] ?? NaN))
        assert.isAtMost(Math.min(...grown), growth, `grown by ${grown}`)
      }))
  )
})

/** Where so many fibers wait for each other; the last one does something before all go on. */
const meeting = (size: number, last: Effect.Effect<void>): Effect.Effect<Effect.Effect<void>> =>
  Effect.sync(() => {
    let latch = Latch.makeUnsafe()
    let waiting = 0
    return Effect.suspend(() => {
      const current = latch
      if (++waiting < size) return current.await
      waiting = 0
      latch = Latch.makeUnsafe()
      return Effect.andThen(last, Effect.asVoid(current.open))
    })
  })
