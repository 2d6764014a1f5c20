/**
 * A ledger in Redis: processes that share it keep their quotas together, and wait in one line.
 *
 * The semantics are those of the ledger in memory. What a process that died had set aside comes back with its lease, and
 * keys that nobody uses expire.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import { type Decision, type Ledger, LedgerError, type Limit } from "../Ledger.ts"
import * as LedgerAccount from "./ledgerAccount.ts"
import * as LedgerScripts from "./ledgerScripts.ts"
import type * as RedisStore from "./redisStore.ts"

/** Builds a ledger; it goes by the time of the server unless `clock` is another piece of Lua. */
export const make = (store: RedisStore.RedisStore, clock?: string): Ledger => {
  const script = (operation: LedgerScripts.Operation) => {
    const run = store.run(
      Redis.script((key: string, values: ReadonlyArray<string | number>) => [...keys(store.prefix, key), ...values], {
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
    reserve: ({ amount, id, key, lease, limits }) => {
      const impossible = LedgerAccount.never({ amount, limits })
      const values = [id, LedgerAccount.finite(amount), millis(lease), impossible === undefined ? 1 : 0]
      return reserve(key, [...values, ...limits.flatMap(limitValues)]).pipe(
        Effect.flatMap(answer(Answer)),
        Effect.map(([tag, wait = 0, limit = ""]): Decision => {
          if (tag === "wait") return LedgerAccount.wait(wait > LedgerScripts.endless / 2 ? Infinity : wait, limit)
          return tag === "never" && impossible !== undefined ? impossible : { _tag: "granted" }
        })
      )
    },
    settle: ({ amount, id, key, limits }) =>
      Effect.asVoid(settle(key, [id, LedgerAccount.finite(amount), ...limits.flatMap(limitValues)])),
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
        (sums) => {
          const reserved = sums[limits.length] ?? 0
          return limits.map(({ name }, index) => ({ limit: name, spent: sums[index] ?? 0, reserved }))
        }
      )
  }
}

/** One slot of a cluster for all of them: what is between the braces decides. */
const keys = (prefix: string, key: string) =>
  LedgerScripts.suffixes.map((suffix) => `${prefix}{ledger:${key}}:${suffix}`)

const limitValues = ({ amount, name, window }: Limit) => [
  name,
  Number.isNaN(amount) ? Number.MAX_VALUE : Math.min(Math.max(0, amount), Number.MAX_VALUE),
  millis(window)
]

const millis = (duration: Duration.Duration) => Math.min(Duration.toMillis(duration), LedgerScripts.endless)

const Answer = Schema.Union([
  Schema.Tuple([Schema.Literals(["granted", "never"])]),
  Schema.Tuple([Schema.Literal("wait"), Schema.FiniteFromString, Schema.String])
])

const Sums = Schema.Array(Schema.FiniteFromString)

const answer = <S extends Schema.Constraint & { readonly DecodingServices: never }>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (reply: unknown) => Effect.mapError(decode(reply), failure("The ledger in Redis answered something else"))
}

const failure = (message: string) => (cause: unknown) => new LedgerError({ message, cause })
