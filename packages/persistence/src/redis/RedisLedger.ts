/**
 * A ledger in Redis, with the semantics of the ledger in memory: the processes that use it share their quotas and wait in
 * one queue. Reservations of a process that died expire with their lease, and unused keys expire too.
 */
import { type Amounts, type Decision, type Ledger, LedgerError, type Limit } from "@strata/core/state/Ledger"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as LedgerScript from "./ledgerScript.ts"

/** Builds a ledger whose keys begin with `prefix`; it goes by the time of the server unless `clock` is other Lua. */
export const make = (redis: Redis.Redis["Service"], prefix: string, clock?: string): Ledger => {
  const evaluate = redis.eval(
    Redis.script(
      (key: string, operation: keyof Ledger, request: LedgerScript.Request, ids: ReadonlyArray<string>) => [
        // The part between the braces puts all of them into one slot of a cluster.
        ...LedgerScript.suffixes.map((suffix) => `${prefix}{ledger:${key}}:${suffix}`),
        operation,
        JSON.stringify(request),
        ...ids
      ],
      { numberOfKeys: LedgerScript.suffixes.length, lua: LedgerScript.lua(clock) }
    ).withReturnType<unknown>()
  )

  const run = (
    operation: keyof Ledger,
    key: string,
    request: Omit<LedgerScript.Request, "limits">,
    ids: ReadonlyArray<string> = [],
    limits: ReadonlyArray<Limit> = []
  ) =>
    evaluate(key, operation, { ...request, limits: limits.map(limitOf) }, ids).pipe(
      Effect.flatMap(decode),
      Effect.mapBoth({
        onFailure: (cause) => new LedgerError({ message: `The ledger in Redis: ${operation} failed`, cause }),
        onSuccess: ([tag, wait, limit, sums]) => ({
          tag,
          wait,
          limit,
          balances: limits.map(({ name }, index) => ({
            limit: name,
            spent: sums[2 * index] ?? 0,
            reserved: sums[2 * index + 1] ?? 0
          }))
        })
      })
    )

  return {
    reserve: ({ amounts, id, key, lease, limits, share }) => {
      const impossible = limits.find(({ amount, unit }) => (amounts[unit] ?? 0) > Math.max(0, amount))?.name
      const found = amountsOf(amounts)
      const request = { amounts: found, lease: millis(lease), impossible, cost: costOf(found, limits) }
      return Effect.map(
        run("reserve", key, request, share === undefined ? [id] : [id, share], limits),
        ({ balances, limit, tag, wait }): Decision =>
          tag === "granted"
            ? { _tag: "granted", balances }
            : tag === "never"
            ? { _tag: "never", limit }
            : {
              _tag: "wait",
              // Asking again at once would be of no use.
              retryAfter: Duration.millis(wait > LedgerScript.endless / 2 ? Infinity : Math.max(1, Math.ceil(wait))),
              limit,
              balances
            }
      )
    },
    settle: ({ age = Duration.zero, amounts, id, key, limits }) =>
      Effect.asVoid(run("settle", key, { amounts: amountsOf(amounts), age: millis(age) }, [id], limits)),
    leave: ({ id, key }) => Effect.asVoid(run("leave", key, {}, [id])),
    renew: (reservations, lease) =>
      Effect.forEach(
        Object.entries(Arr.groupBy(reservations, ({ key }) => key)),
        ([key, group]) => run("renew", key, { lease: millis(lease) }, group.map(({ id }) => id)),
        { concurrency: "unbounded", discard: true }
      ),
    balances: (key, limits) => Effect.map(run("balances", key, {}, [], limits), ({ balances }) => balances)
  }
}

/** 0 for NaN and what is negative. */
const amountsOf = (amounts: Amounts): Amounts =>
  Object.fromEntries(
    Object.entries(amounts).map(([unit, amount]) => [
      unit,
      Math.min(Math.max(amount || 0, 0), Number.MAX_SAFE_INTEGER)
    ])
  )

/** What a share is charged: the first unit that is limited. */
const costOf = (amounts: Amounts, limits: ReadonlyArray<Limit>): number =>
  (["tokens", "requests", "nanodollars"] as const)
    .map((unit) => limits.some((limit) => limit.unit === unit) ? amounts[unit] ?? 0 : 0)
    .find((cost) => cost > 0) ?? 1

/** NaN is no limit. */
const limitOf = ({ amount, name, unit, window }: Limit): LedgerScript.Limit => ({
  name,
  unit,
  amount: Number.isNaN(amount) ? Number.MAX_VALUE : Math.min(Math.max(0, amount), Number.MAX_VALUE),
  window: millis(window)
})

const millis = (duration: Duration.Duration) => Math.min(Duration.toMillis(duration), LedgerScript.endless)

const decode = Schema.decodeUnknownEffect(Schema.Tuple([
  Schema.Literals(["granted", "wait", "never", "done"]),
  Schema.FiniteFromString,
  Schema.String,
  Schema.Array(Schema.FiniteFromString)
]))
