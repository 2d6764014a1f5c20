/**
 * What a ledger promises to shares: whatever a greedy one asks for, another gets as much as it while both wait.
 *
 * One reservation is in flight at a time, so that the order of all grants is seen.
 */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Ledger from "../../src/state/Ledger.ts"
import type { World } from "./LedgerSpecification.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Names from outside may be anything; the first is greedy. */
const names = ["greedy", "a", "a:", "\u{0}\u{ff}", "ü".repeat(128), "1:a:"]

const Share = between(0, names.length - 1)
const Ask = Schema.Struct({ do: Schema.Literal("ask"), share: Share, count: between(1, 5), tokens: between(1, 1_000) })
const Serve = Schema.Struct({ do: Schema.Literal("serve"), count: between(1, 12) })
const Leave = Schema.Struct({ do: Schema.Literal("leave"), share: Share, place: between(0, 9) })

export const Steps = Schema.Array(Schema.Union([Ask, Ask, Serve, Serve, Leave])).check(
  Schema.isMinLength(5),
  Schema.isMaxLength(40)
)

const limits: ReadonlyArray<Ledger.Limit> = [
  { name: "tokens", unit: "tokens", amount: 1e9, window: Duration.minutes(1) },
  { name: "in flight", unit: "requests", amount: 1, window: Duration.zero }
]
const lease = Duration.hours(1)

interface Call {
  readonly id: string
  readonly tokens: number
}

/** Carries the steps out on a key; each call of the greedy share counts for `greed` calls. */
export const watch = Effect.fnUntraced(function*(
  { ledger }: World,
  key: string,
  steps: typeof Steps.Type,
  greed: number
) {
  const waiting = names.map((): Array<Call> => [])
  const granted = names.map(() => 0)
  /** The largest call each has asked for. */
  const largest = names.map(() => 0)
  /** By two shares: how many tokens the first was granted more than the second, since both wait. */
  const rivals = names.map(() => names.map(() => 0))
  /** Grants to others since a share that was never granted anything began to wait. */
  const overtaken = names.map(() => names.map(() => 0))
  let inFlight: string | undefined
  let asked = 0

  const reserve = ({ id, tokens }: Call, share: number) =>
    Effect.map(
      ledger.reserve({ key, id, amounts: { tokens, requests: 1 }, limits, lease, share: names[share] }),
      ({ _tag }) => _tag === "granted"
    )

  const begin = (share: number) => {
    for (const other of names.keys()) {
      rivals[share]![other]! = 0
      rivals[other]![share]! = 0
      overtaken[share]![other] = 0
    }
  }

  const ask = Effect.fnUntraced(function*(share: number, tokens: number) {
    const call = { id: `${asked++}`, tokens }
    largest[share] = Math.max(largest[share]!, tokens)
    if (yield* reserve(call, share)) {
      assert.isUndefined(inFlight)
      inFlight = call.id
      granted[share]! += tokens
      return
    }
    if (waiting[share]!.length === 0) begin(share)
    waiting[share]!.push(call)
  })

  const grant = (share: number, { id, tokens }: Call) => {
    inFlight = id
    waiting[share]!.shift()
    for (const [other, calls] of waiting.entries()) {
      if (other === share || calls.length === 0) continue
      rivals[share]![other]! += tokens
      rivals[other]![share]! -= tokens
      const ahead = rivals[share]![other]!
      const bound = largest[share]! + (granted[other] === 0 ? 0 : largest[other]!)
      assert.isAtMost(ahead, bound, `${names[share]} is ahead of ${names[other]}`)
      if (granted[other] !== 0) continue
      overtaken[other]![share]!++
      assert.isAtMost(overtaken[other]![share]!, 1, `${names[other]} waits for more than one call of ${names[share]}`)
    }
    granted[share]! += tokens
  }

  /** Ends what is in flight, and finds what was granted instead; within a share nothing else can be. */
  const serve = Effect.gen(function*() {
    if (inFlight === undefined) return
    yield* ledger.settle({ key, id: inFlight, amounts: {}, limits })
    inFlight = undefined
    for (const [share, [first]] of waiting.entries()) {
      if (first === undefined || !(yield* reserve(first, share))) continue
      assert.isUndefined(inFlight, "two are granted")
      grant(share, first)
    }
    assert.isTrue(inFlight !== undefined || waiting.every(({ length }) => length === 0), "there is room, and one waits")
  })

  for (const step of steps) {
    if (step.do === "ask") {
      const calls = step.count * (step.share === 0 ? greed : 1)
      for (let call = 0; call < calls; call++) yield* ask(step.share, step.tokens)
    } else if (step.do === "serve") {
      for (let call = 0; call < step.count; call++) yield* serve
    } else {
      const [call] = waiting[step.share]!.splice(step.place, 1)
      if (call !== undefined) yield* ledger.leave({ key, id: call.id })
    }
  }
  // The greedy share may have asked for thousands: what is left of it is served only while another waits.
  while (waiting.some(({ length }, share) => share > 0 && length > 0)) yield* serve
})
