/**
 * A ledger in Redis, with the semantics of the ledger in memory: the processes that use it share their quotas and wait in
 * one queue. Reservations of a process that died expire with their lease, and unused keys expire too.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import { type Ledger, LedgerError } from "../Ledger.ts"
import * as LedgerAccount from "./ledgerAccount.ts"
import type { Amounts, Balance, Decision, Limit, Unit } from "./ledgerData.ts"
import * as LedgerScripts from "./ledgerScripts.ts"

/** Builds a ledger whose keys begin with `prefix`; it goes by the time of the server unless `clock` is other Lua. */
export const make = (redis: Redis.Redis["Service"], prefix: string, clock?: string): Ledger => {
  const script = (operation: LedgerScripts.Operation) => {
    const run = redis.eval(
      Redis.script((key: string, values: ReadonlyArray<string | number>) => [...keys(prefix, key), ...values], {
        numberOfKeys: LedgerScripts.suffixes.length,
        lua: LedgerScripts.lua(operation, clock)
      }).withReturnType<unknown>()
    )
    return (key: string, values: ReadonlyArray<string | number>) =>
      Effect.mapError(run(key, values), failure(`The ledger in Redis: ${operation} failed`))
  }
  const reserve = script("reserve")
  const settle = script("settle")
  const leave = script("leave")
  const renew = script("renew")
  const balances = script("balances")

  return {
    reserve: ({ amounts, id, key, lease, limits }) => {
      const impossible = LedgerAccount.never({ amounts, limits })
      const values = [id, millis(lease), impossible === undefined ? 1 : 0, packed(amounts)]
      return reserve(key, [...values, ...limits.flatMap(limitValues)]).pipe(
        Effect.flatMap(answer(Answer)),
        Effect.map(([tag, wait, limit, sums]): Decision => {
          const balances = balancesOf(limits, sums)
          if (tag === "wait") {
            return { ...LedgerAccount.wait(wait > LedgerScripts.endless / 2 ? Infinity : wait, limit), balances }
          }
          return tag === "never" && impossible !== undefined ? impossible : { _tag: "granted", balances }
        })
      )
    },
    settle: ({ age = Duration.zero, amounts, id, key, limits }) =>
      Effect.asVoid(settle(key, [id, millis(age), packed(amounts), ...limits.flatMap(limitValues)])),
    leave: ({ id, key }) => Effect.asVoid(leave(key, [id])),
    renew: (reservations, lease) =>
      Effect.forEach(
        Object.entries(Arr.groupBy(reservations, ({ key }) => key)),
        ([key, ids]) => renew(key, [millis(lease), ...ids.map(({ id }) => id)]),
        { concurrency: "unbounded", discard: true }
      ),
    balances: (key, limits) =>
      Effect.map(
        Effect.flatMap(balances(key, limits.flatMap(limitValues)), answer(Sums)),
        (sums) => balancesOf(limits, sums)
      )
  }
}

/** The part between the braces puts all of them into one slot of a cluster. */
const keys = (prefix: string, key: string) =>
  LedgerScripts.suffixes.map((suffix) => `${prefix}{ledger:${key}}:${suffix}`)

const packed = (amounts: Amounts) =>
  // The keys of amounts are units.
  (Object.keys(amounts) as Array<Unit>)
    .map((unit) => `${unit} ${LedgerAccount.amountOf(amounts, unit)}`)
    .join(" ")

const limitValues = ({ amount, name, unit, window }: Limit) => [
  name,
  Number.isNaN(amount) ? Number.MAX_VALUE : Math.min(Math.max(0, amount), Number.MAX_VALUE),
  millis(window),
  unit
]

const millis = (duration: Duration.Duration) => Math.min(Duration.toMillis(duration), LedgerScripts.endless)

const balancesOf = (limits: ReadonlyArray<Limit>, sums: ReadonlyArray<number>) =>
  limits.map(({ name }, index): Balance => ({
    limit: name,
    spent: sums[2 * index] ?? 0,
    reserved: sums[2 * index + 1] ?? 0
  }))

const Sums = Schema.Array(Schema.FiniteFromString)

const Answer = Schema.Tuple([
  Schema.Literals(["granted", "wait", "never"]),
  Schema.FiniteFromString,
  Schema.String,
  Sums
])

const answer = <S extends Schema.Constraint & { readonly DecodingServices: never }>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (reply: unknown) => Effect.mapError(decode(reply), failure("The ledger in Redis gave an unexpected answer"))
}

const failure = (message: string) => (cause: unknown) => new LedgerError({ message, cause })
