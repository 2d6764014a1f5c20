/**
 * A ledger so simple that it is plainly right: lists of everything, searched from end to end. It watches a real one and
 * fails where that one grants what it should not, or out of turn, or keeps somebody waiting who has room.
 *
 * Where reservations have shares, it remembers the tag of each, for ever or as long as anything is on the key.
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
  Schema.Struct({ do: Schema.Literal("reserve"), id: Id, tokens: between(1, 110), requests: between(0, 3) }),
  Schema.Struct({ do: Schema.Literal("settle"), id: Id, tokens: between(0, 120), requests: between(0, 3) }),
  Schema.Struct({ do: Schema.Literal("leave"), id: Id }),
  Schema.Struct({ do: Schema.Literal("renew"), id: Id }),
  Schema.Struct({ do: Schema.Literal("advance"), millis: between(1, 25_000) })
])

/** Some of what may happen; mostly requests. */
export const Steps = Schema.Array(
  Schema.Union([Step, Step.members[0], Step.members[0], Step.members[4]])
).check(Schema.isMinLength(10), Schema.isMaxLength(60))

const limits: ReadonlyArray<Ledger.Limit> = [
  { name: "minute", unit: "tokens", amount: 100, window: Duration.minutes(1) },
  { name: "hour", unit: "tokens", amount: 400, window: Duration.hours(1) },
  { name: "minute of requests", unit: "requests", amount: 6, window: Duration.minutes(1) }
]
const lease = Duration.seconds(40)

/** What one step draws of each unit. */
interface Draw {
  readonly tokens: number
  readonly requests: number
}

interface Entry {
  readonly id: number
  readonly draw: Draw
  readonly at: number
  until: number
}

/** A place, and whether it is that of a reservation that has just come. */
interface Place {
  readonly id: number
  draw: Draw
  until: number
  isNew: boolean
}

/** Three shares, of which one has no name. */
export const shares = (id: number): string | undefined => id < 4 ? "greedy" : id < 7 ? "modest" : undefined

/**
 * Carries the steps out on a key; ends by serving everybody who is still waiting. `shareOf`: the share of an id; `forgets`:
 * whether the ledger forgets the tags of shares when nothing is on the key.
 */
export const watch = Effect.fnUntraced(function*(
  { advance, ledger }: World,
  key: string,
  steps: typeof Steps.Type,
  shareOf: (id: number) => string | undefined = () => undefined,
  forgets = false
) {
  let now = 0
  let held: Array<Entry> = []
  let line: Array<Place> = []
  let virtualTime = 0
  const tags = new Map<string | undefined, number>()
  let spent: Array<{ readonly draw: Draw; readonly at: number }> = []

  const reserved = ({ unit }: Ledger.Limit) => sum(held, unit)
  const has = (id: number) => held.some((entry) => entry.id === id)

  /** Who is next: the first of the share with the lowest tag; of equal ones, who came first. */
  const next = (): Place | undefined => {
    const heads = line.filter(({ id }, index) => line.findIndex((other) => shareOf(other.id) === shareOf(id)) === index)
    const tag = ({ id }: Place) => tags.get(shareOf(id))!
    return heads.reduce<Place | undefined>((best, head) => best && tag(best) <= tag(head) ? best : head, undefined)
  }
  const join = (place: Place) => {
    const share = shareOf(place.id)
    const waits = line.some(({ id }) => shareOf(id) === share)
    if (!waits) tags.set(share, Math.max(virtualTime, tags.get(share) ?? 0))
    line.push(place)
  }
  const charge = (place: Place) => {
    const share = shareOf(place.id)
    line = line.filter((other) => other !== place)
    // Without a name, what did not wait is not charged.
    if (share === undefined && place.isNew && line.length === 0) return
    virtualTime = tags.get(share)!
    tags.set(share, virtualTime + place.draw.tokens)
  }

  /** How much a limit allows more than is on it, if spendings count for `slack` of its window longer. */
  const room = (limit: Ledger.Limit, slack: number) => {
    const window = Duration.toMillis(limit.window)
    return limit.amount - reserved(limit) - sum(spent.filter(({ at }) => at + window * (1 + slack) > now), limit.unit)
  }
  const fits = (draw: Draw, slack: number) => limits.every((limit) => of(draw, limit.unit) <= room(limit, slack))

  const endLeases = () => {
    held = held.filter(({ until }) => until > now)
    line = line.filter(({ until }) => until > now)
  }

  /** Follows the ledger, which grants in its order whatever there is room for. */
  const follow = Effect.fnUntraced(function*() {
    const balances = yield* ledger.balances(key, limits)
    while (limits.some((limit, index) => reserved(limit) < balances[index]!.reserved)) {
      const head = next()
      assert.isDefined(head, "granted to nobody")
      assert.isTrue(fits(head.draw, 0), `granted ${head.draw.tokens} too early, at ${now}`)
      charge(head)
      held.push({ ...head, at: now })
    }
    assert.deepStrictEqual(balances.map((balance) => balance.reserved), limits.map(reserved))
    const isEmpty = line.length === 0 && balances.every(({ reserved, spent }) => reserved === 0 && spent === 0)
    if (forgets && isEmpty) {
      virtualTime = 0
      tags.clear()
    }
    const head = next()
    if (head !== undefined) assert.isFalse(fits(head.draw, 1 / 60), `${head.draw.tokens} is not granted, at ${now}`)
  })

  const reserve = Effect.fnUntraced(function*(id: number, { requests, tokens }: Draw) {
    const draw = { tokens, requests }
    const share = shareOf(id)
    if (forgets) {
      endLeases()
      // A store may have forgotten the key by itself, or not yet.
      if (held.length === 0 && line.length === 0) yield* follow()
    }
    // What has room by now is granted before somebody comes who may be next.
    if (share !== undefined || line.some((place) => shareOf(place.id) !== undefined)) {
      endLeases()
      yield* follow()
    }
    const decision = yield* ledger.reserve({ key, id: `${id}`, amounts: draw, limits, lease, share })
    endLeases()
    const until = now + Duration.toMillis(lease)
    const place = line.find((place) => place.id === id)
    if (!has(id)) {
      if (tokens > 100) line = line.filter((place) => place.id !== id)
      else if (place === undefined) join({ id, draw, until, isNew: true })
      else Object.assign(place, { draw, until })
    }
    yield* follow()
    for (const place of line) place.isNew = false
    for (const entry of held) if (entry.id === id) entry.until = until
    const expected = has(id) ? "granted" : tokens > 100 ? "never" : "wait"
    assert.strictEqual(decision._tag, expected)
    if (decision._tag !== "wait") return
    assert.strictEqual(decision.limit === "queue", next()?.id !== id)
    return decision
  })

  const end = Effect.fnUntraced(function*(id: number, spending: Draw | undefined) {
    const at = held.find((entry) => entry.id === id)?.at ?? now
    if (spending === undefined) {
      yield* ledger.leave({ key, id: `${id}` })
    } else {
      yield* ledger.settle({ key, id: `${id}`, amounts: spending, limits })
      spent.push({ draw: spending, at })
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
    if (step.do === "reserve") yield* reserve(step.id, step)
    else if (step.do === "settle") yield* end(step.id, { tokens: step.tokens, requests: step.requests })
    else if (step.do === "leave") yield* end(step.id, undefined)
    else {
      yield* ledger.renew([{ key, id: `${step.id}` }], lease)
      for (const entry of held) if (entry.id === step.id) entry.until = now + Duration.toMillis(lease)
    }
  }

  endLeases()
  yield* follow()
  const waiting = line
  const order: Array<number> = []
  const before = { virtualTime, tags: new Map(tags) }
  for (let head = next(); head !== undefined; head = next()) {
    charge(head)
    order.push(head.id)
  }
  line = waiting
  virtualTime = before.virtualTime
  for (const [share, tag] of before.tags) tags.set(share, tag)

  const served: Array<number> = []
  for (let round = 0; round < 1000 && line.length > 0; round++) {
    for (const { id } of held) {
      yield* end(id, { tokens: 0, requests: 0 })
      served.push(id)
    }
    const first = next()
    const others = line.filter((place) => place !== first)
    if (first === undefined) break
    const wait = yield* reserve(first.id, first.draw)
    for (const { draw, id } of others) yield* reserve(id, draw)
    if (wait === undefined || held.length > 0) continue
    const foreseen = Duration.toMillis(wait.retryAfter)
    yield* pass(Math.min(foreseen, Duration.toMillis(lease) / 2))
    yield* follow()
    if (foreseen <= Duration.toMillis(lease) / 2) assert.notStrictEqual(next()?.id, first.id, "foreseen in vain")
  }
  for (const { id } of held) served.push(id)
  assert.deepStrictEqual(served.filter((id) => order.includes(id)), order)
})

const of = ({ requests, tokens }: Draw, unit: Ledger.Unit) => unit === "tokens" ? tokens : requests

const sum = (entries: ReadonlyArray<{ readonly draw: Draw }>, unit: Ledger.Unit) =>
  entries.reduce((total, { draw }) => total + of(draw, unit), 0)
