/**
 * A ledger so simple that it is plainly right: lists of everything, searched from end to end. It watches a real one and
 * fails where that one grants what it should not, or out of turn, or keeps somebody waiting who has room.
 */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Ledger from "../../src/state/Ledger.ts"
import type { World } from "./LedgerSpecification.ts"

const Id = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** What may happen to a ledger. */
export const Step = Schema.Union([
  Schema.Struct({ do: Schema.Literal("reserve"), id: Id, amount: between(1, 110) }),
  Schema.Struct({ do: Schema.Literal("settle"), id: Id, amount: between(0, 120) }),
  Schema.Struct({ do: Schema.Literal("leave"), id: Id }),
  Schema.Struct({ do: Schema.Literal("renew"), id: Id }),
  Schema.Struct({ do: Schema.Literal("advance"), millis: between(1, 25_000) })
])

/** Some of what may happen; mostly requests. */
export const Steps = Schema.Array(
  Schema.Union([Step, Step.members[0], Step.members[0], Step.members[4]])
).check(Schema.isMinLength(10), Schema.isMaxLength(60))

const limits: ReadonlyArray<Ledger.Limit> = [
  { name: "minute", amount: 100, window: Duration.minutes(1) },
  { name: "hour", amount: 400, window: Duration.hours(1) }
]
const lease = Duration.seconds(40)

interface Entry {
  readonly id: number
  readonly amount: number
  readonly at: number
  until: number
}

/** Carries the steps out on a key; ends by serving everybody who is still waiting. */
export const watch = Effect.fnUntraced(function*(
  { advance, ledger }: World,
  key: string,
  steps: typeof Steps.Type
) {
  let now = 0
  let held: Array<Entry> = []
  let line: Array<{ readonly id: number; amount: number; until: number }> = []
  let spent: Array<{ readonly amount: number; readonly at: number }> = []

  const reserved = () => sum(held)
  const has = (id: number) => held.some((entry) => entry.id === id)

  /** How much a limit allows more than is on it, if spendings count for `slack` of its window longer. */
  const room = (limit: Ledger.Limit, slack: number) => {
    const window = Duration.toMillis(limit.window)
    return limit.amount - reserved() - sum(spent.filter(({ at }) => at + window * (1 + slack) > now))
  }
  const fits = (amount: number, slack: number) => limits.every((limit) => amount <= room(limit, slack))

  const endLeases = () => {
    held = held.filter(({ until }) => until > now)
    line = line.filter(({ until }) => until > now)
  }

  /** Follows the ledger, which grants in order of arrival whatever there is room for. */
  const follow = Effect.fnUntraced(function*() {
    const balances = yield* ledger.balances(key, limits)
    while (reserved() < balances[0]!.reserved) {
      const next = line.shift()
      assert.isDefined(next, "granted to nobody")
      assert.isTrue(fits(next.amount, 0), `granted ${next.amount} too early, at ${now}`)
      held.push({ ...next, at: now })
    }
    assert.deepStrictEqual(balances.map((balance) => balance.reserved), limits.map(reserved))
    const [head] = line
    if (head !== undefined) assert.isFalse(fits(head.amount, 1 / 60), `${head.amount} is not granted, at ${now}`)
  })

  const reserve = Effect.fnUntraced(function*(id: number, amount: number) {
    const decision = yield* ledger.reserve({ key, id: `${id}`, amount, limits, lease })
    endLeases()
    const until = now + Duration.toMillis(lease)
    const place = line.find((place) => place.id === id)
    if (!has(id)) {
      if (amount > 100) line = line.filter((place) => place.id !== id)
      else if (place === undefined) line.push({ id, amount, until })
      else Object.assign(place, { amount, until })
    }
    yield* follow()
    for (const entry of held) if (entry.id === id) entry.until = until
    const expected = has(id) ? "granted" : amount > 100 ? "never" : "wait"
    assert.strictEqual(decision._tag, expected)
    if (decision._tag !== "wait") return
    assert.strictEqual(decision.limit === "line", line[0]?.id !== id)
    return decision
  })

  const end = Effect.fnUntraced(function*(id: number, spending: number | undefined) {
    const at = held.find((entry) => entry.id === id)?.at ?? now
    if (spending === undefined) {
      yield* ledger.leave({ key, id: `${id}` })
    } else {
      yield* ledger.settle({ key, id: `${id}`, amount: spending, limits })
      spent.push({ amount: spending, at })
    }
    held = held.filter((entry) => entry.id !== id)
    line = line.filter((place) => place.id !== id)
    yield* follow()
  })

  const pass = Effect.fnUntraced(function*(millis: number) {
    yield* advance(millis)
    now += millis
  })

  for (const step of steps) {
    if (step.do === "advance") {
      yield* pass(step.millis)
      continue
    }
    if (step.do !== "reserve" || line.some(({ id }) => id === step.id)) {
      endLeases()
      yield* follow()
    }
    if (step.do === "reserve") yield* reserve(step.id, step.amount)
    else if (step.do === "settle") yield* end(step.id, step.amount)
    else if (step.do === "leave") yield* end(step.id, undefined)
    else {
      yield* ledger.renew([{ key, id: `${step.id}` }], lease)
      for (const entry of held) if (entry.id === step.id) entry.until = now + Duration.toMillis(lease)
    }
  }

  endLeases()
  yield* follow()
  const waiting = line.map(({ id }) => id)
  const served: Array<number> = []
  for (let round = 0; round < 1000 && line.length > 0; round++) {
    for (const { id } of held) {
      yield* end(id, 0)
      served.push(id)
    }
    const [first, ...others] = [...line]
    if (first === undefined) break
    const wait = yield* reserve(first.id, first.amount)
    for (const { amount, id } of others) yield* reserve(id, amount)
    if (wait === undefined || held.length > 0) continue
    const foreseen = Duration.toMillis(wait.retryAfter)
    yield* pass(Math.min(foreseen, Duration.toMillis(lease) / 2))
    yield* follow()
    if (foreseen <= Duration.toMillis(lease) / 2) assert.notStrictEqual(line[0]?.id, first.id, "foreseen in vain")
  }
  for (const { id } of held) served.push(id)
  assert.deepStrictEqual(served.filter((id) => waiting.includes(id)), waiting)
})

const sum = (entries: ReadonlyArray<{ readonly amount: number }>) =>
  entries.reduce((total, { amount }) => total + amount, 0)
