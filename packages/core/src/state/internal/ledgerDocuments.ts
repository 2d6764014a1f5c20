/**
 * A ledger whose accounts are texts in a store that processes share; what is done to them is what the ledger in memory does.
 *
 * A text is JSON with every field at a place of its own, without names: some 1.3 KB for each window that is in use all the
 * time, and 100 bytes for each reservation in flight. The account of the text last written is kept: a process that is alone
 * on a key parses nothing.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as BoundedMap from "../../internal/boundedMap.ts"
import type { Documents } from "../Documents.ts"
import * as DocumentChange from "./documentChange.ts"
import * as LedgerAccount from "./ledgerAccount.ts"
import type { Amounts, Limit, Operations } from "./ledgerData.ts"

/** Keys whose last account is kept in this process. */
const mostAccounts = 1_000

/** Builds the ledger; an operation fails with what `failed` makes of it, an error of the store or of a text. */
export const make = <E, E2>(
  documents: Documents<E>,
  failed: (operation: keyof Operations<E2>, cause: unknown) => E2
): Operations<E2> => {
  const accounts = BoundedMap.make<string, { readonly text: string; readonly account: LedgerAccount.LedgerAccount }>(
    mostAccounts
  )

  const open = (
    key: string,
    text: string | undefined
  ): Result.Result<LedgerAccount.LedgerAccount, Schema.SchemaError> => {
    if (text === undefined) return Result.succeed(LedgerAccount.make())
    const last = accounts.get(key)
    // It is about to change, and may do so in vain.
    accounts.delete(key)
    return last?.text === text ? Result.succeed(last.account) : Result.map(decode(text), LedgerAccount.make)
  }

  const run = <A>(
    operation: keyof Operations<E2>,
    key: string,
    use: (account: LedgerAccount.LedgerAccount, now: number) => A
  ): Effect.Effect<A, E2> =>
    DocumentChange.run(
      documents,
      key,
      (text, time) =>
        Result.map(open(key, text), (account) => {
          const now = Math.floor(time)
          const answer = use(account, now)
          if (account.isEmpty(now)) return { answer, text: undefined, keep: 0 }
          const next = encode(account.saved())
          accounts.set(key, { text: next, account })
          return { answer, text: next, keep: account.ends() - now }
        }),
      (cause) => failed(operation, cause)
    )

  return {
    reserve: (reservation) => run("reserve", reservation.key, (account, now) => account.reserve(now, reservation)),
    settle: (settlement) => run("settle", settlement.key, (account, now) => account.settle(now, settlement)),
    leave: ({ id, key }) => run("leave", key, (account, now) => account.leave(now, id)),
    renew: (reservations, lease) => {
      const ids = new Map<string, Array<string>>()
      for (const { id, key } of reservations) BoundedMap.getOrMake(ids, key, () => []).push(id)
      return Effect.forEach(ids, ([key, group]) =>
        run("renew", key, (account, now) => {
          for (const id of group) account.renew(now, id, lease)
        }), { concurrency: "unbounded", discard: true })
    },
    balances: (key, limits) => run("balances", key, (account, now) => account.balances(now, limits))
  }
}

/** JSON has no infinity: it is `null`, as `JSON.stringify` makes it. */
const Endless = Schema.NullOr(Schema.Finite)
const Unit = Schema.Literals(["tokens", "requests", "nanodollars"])
const Drawn = Schema.Array(Schema.Finite)
const Limits = Schema.Array(Schema.Tuple([Schema.String, Unit, Endless, Endless]))

/** In this order: what is in flight, windows with their slots, lists of limits, the queue, and the order of its shares. */
const Document = Schema.fromJsonString(Schema.Tuple([
  Schema.Array(Schema.Tuple([Schema.String, Schema.Finite, Endless, Drawn])),
  Schema.Array(Schema.Tuple([Unit, Endless, Schema.Array(Schema.Tuple([Schema.Finite, Schema.Finite]))])),
  Schema.Array(Limits),
  Schema.Array(Schema.Tuple([Schema.String, Schema.String, Endless, Drawn, Schema.Int])),
  Schema.Finite,
  Schema.Array(Schema.Tuple([Schema.String, Schema.Finite]))
]))

const parse = Schema.decodeUnknownResult(Document)

const encode = ({ held, order, queue, windows }: LedgerAccount.Saved): string => {
  // Those who wait for the same limits refer to one list.
  const lists = new Map<string, number>()
  const places = queue.map(([id, { amounts, limits, until }, share]) => {
    const list = JSON.stringify(limits.map(limitTo))
    const index = lists.get(list) ?? lists.size
    lists.set(list, index)
    return [id, share, until, drawnTo(amounts), index]
  })
  return JSON.stringify([
    held.map(([id, { amounts, at, until }]) => [id, at, until, drawnTo(amounts)]),
    windows.map(({ millis, slots, unit }) => [unit, millis, slots]),
    Array.from(lists.keys(), (list): unknown => JSON.parse(list)),
    places,
    order.virtualTime,
    order.tags
  ])
}

const decode = (text: string) =>
  Result.map(parse(text), ([held, windows, lists, places, virtualTime, tags]): LedgerAccount.Saved => {
    const limits = lists.map((list) => list.map(limitFrom))
    return {
      held: held.map(([id, at, until, drawn]) => [id, { at, until: until ?? Infinity, amounts: drawnFrom(drawn) }]),
      windows: windows.map(([unit, millis, slots]) => ({ unit, millis: millis ?? Infinity, slots })),
      queue: places.map(([id, share, until, drawn, index]) => [
        id,
        { until: until ?? Infinity, amounts: drawnFrom(drawn), limits: limits[index] ?? [] },
        share
      ]),
      order: { virtualTime, tags }
    }
  })

const limitTo = ({ amount, name, unit, window }: Limit) => [name, unit, Math.max(0, amount), Duration.toMillis(window)]

const limitFrom = ([name, unit, amount, window]: (typeof Limits.Type)[number]): Limit => ({
  name,
  unit,
  amount: amount ?? Infinity,
  window: Duration.millis(window ?? Infinity)
})

const drawnTo = (amounts: Amounts) => LedgerAccount.units.map((unit) => LedgerAccount.amountOf(amounts, unit))

const drawnFrom = ([tokens, requests, nanodollars]: ReadonlyArray<number>): Amounts => ({
  tokens,
  requests,
  nanodollars
})
