/**
 * The accounts of keyed budgets, of which a ledger in memory holds a bounded number: further new keys share one.
 *
 * A ledger that is shared by processes has its own memory, so there every key has its account.
 */
import * as Effect from "effect/Effect"
import * as Iterable from "effect/Iterable"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as Watchdog from "../../../internal/watchdog.ts"
import * as LedgerMemory from "../../../state/internal/ledgerMemory.ts"
import type * as Ledger from "../../../state/Ledger.ts"
import type * as BudgetAccount from "./account.ts"

/** The account of a call, until `release`: `isShared` with other new keys. */
export interface Taken {
  readonly account: BudgetAccount.Account
  readonly isShared: boolean
  readonly release: Effect.Effect<void>
}

/** Accounts of keyed budgets that a ledger in memory holds while they have spent or reserved something. */
const most = 10_000

/** By the key on the ledger: how many calls use an account. */
interface State {
  readonly held: Map<string, { calls: number }>
  isNoted: boolean
}

const states = new WeakMap<Ledger.Ledger, State>()

/** Takes the account of a key, to reserve and settle there. */
export const take = (accounts: BudgetAccount.Accounts, key: string | undefined): Effect.Effect<Taken> =>
  Effect.flatMap(Watchdog.now, (now) => {
    const { ledger } = accounts
    if (key === undefined || !LedgerMemory.isMemory(ledger)) {
      return Effect.succeed({ account: own(accounts, key), isShared: false, release: Effect.void })
    }
    const state = stateOf(ledger)
    forget(state, ledger, now)
    const found = find(state, accounts, ledger, key, now)
    const account = { ...accounts, key: found.key }
    if (found.isShared) {
      const taken: Taken = { account, isShared: true, release: Effect.void }
      if (state.isNoted) return Effect.succeed(taken)
      state.isNoted = true
      return Effect.as(Effect.annotateLogs(Effect.logWarning(notice), { budget: accounts.name }), taken)
    }
    const entry = BoundedMap.getOrMake(state.held, account.key, () => ({ calls: 0 }))
    entry.calls++
    const release = Effect.map(Watchdog.now, (now) => {
      entry.calls--
      if (entry.calls === 0 && ledger.isEmpty(account.key, now)) state.held.delete(account.key)
    })
    return Effect.succeed({ account, isShared: false, release })
  })

/** The account that a key counts in at present, for reading. */
export const look = (
  accounts: BudgetAccount.Accounts,
  key: string | undefined
): Effect.Effect<BudgetAccount.Account> =>
  Effect.map(Watchdog.now, (now) => {
    const { ledger } = accounts
    return key === undefined || !LedgerMemory.isMemory(ledger)
      ? own(accounts, key)
      : { ...accounts, key: find(stateOf(ledger), accounts, ledger, key, now).key }
  })

const own = (accounts: BudgetAccount.Accounts, key: string | undefined) => ({ ...accounts, key: accounts.at(key) })

const stateOf = (ledger: Ledger.Ledger) =>
  BoundedMap.getOrMake(states, ledger, (): State => ({ held: new Map(), isNoted: false }))

/**
 * A key that is not held has an account of its own where there is room. While the shared account has spending, which may be
 * that of this key, new keys share it all the same: so no key spends more than its limit.
 */
const find = (
  { held }: State,
  accounts: BudgetAccount.Accounts,
  ledger: LedgerMemory.Mirror,
  key: string,
  now: number
) => {
  const [place, shared] = [accounts.at(key), accounts.other]
  const isShared = !held.has(place) && (held.size >= most || !ledger.isEmpty(shared, now))
  return { key: isShared ? shared : place, isShared }
}

/** Forgets accounts whose spending has left its window: two are looked at for each call, in turn. */
const forget = ({ held }: State, ledger: LedgerMemory.Mirror, now: number) => {
  const looked = [...Iterable.take(held, 2)]
  for (const [place, entry] of looked) {
    held.delete(place)
    if (entry.calls > 0 || !ledger.isEmpty(place, now)) held.set(place, entry)
  }
}

const notice = `A ledger in memory holds ${most} accounts of keyed budgets: further new keys share one account, ` +
  "`_OTHER`. A shared ledger has one for each key"
