import { assert, describe, it } from "@effect/vitest"
import * as AdaptiveLimits from "@strata/core/state/AdaptiveLimits"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import { between } from "./PermitsFixture.ts"
import * as DocumentsMemory from "./support/DocumentsMemory.ts"
import { specification } from "./support/LedgerProperties.ts"
import type { World } from "./support/LedgerSpecification.ts"
import { contract } from "./support/LimitsSpecification.ts"

const minute: Ledger.Limit = { name: "minute", unit: "tokens", amount: 100, window: Duration.minutes(1) }
const reservation = { id: "a", amounts: { tokens: 60 }, limits: [minute], lease: Duration.seconds(10) }

/** A store that is not what its type says. */
const given = (value: unknown): never => value as never

describe("Ledger.fromDocuments", () => {
  const world = Effect.sync((): World => ({
    ledger: Ledger.fromDocuments(DocumentsMemory.make()),
    advance: TestClock.adjust
  }))
  specification(it.effect, world, { runs: 60, greed: 5, forgets: true })

  it.effect("is one ledger for all that share the texts, whoever changed them last", () =>
    Effect.gen(function*() {
      const documents = DocumentsMemory.make()
      const [one, other] = [Ledger.fromDocuments(documents), Ledger.fromDocuments(documents)]
      const ask = (ledger: Ledger.Ledger, id: string) => ledger.reserve({ ...reservation, key: "k", id })
      assert.strictEqual((yield* ask(one, "a"))._tag, "granted")
      assert.strictEqual((yield* ask(other, "b"))._tag, "wait")
      assert.strictEqual((yield* ask(one, "c"))._tag, "wait")
      yield* other.settle({ key: "k", id: "a", amounts: { tokens: 7 }, limits: [minute] })
      assert.deepInclude((yield* one.balances("k", [minute]))[0], { spent: 7, reserved: 60 })
      assert.strictEqual((yield* ask(other, "b"))._tag, "granted")
      assert.strictEqual((yield* ask(other, "c"))._tag, "wait")
    }))

  it.effect("takes a change that was not written for one that was not made", () =>
    Effect.gen(function*() {
      const entries = new Map<string, DocumentsMemory.Entry>()
      const kept = DocumentsMemory.make(entries)
      let isLost = false
      const ledger = Ledger.fromDocuments<string>({
        change: (key, change) =>
          isLost
            ? Effect.suspend(() => {
              change(entries.get(key)?.text, 1)
              return Effect.fail("lost")
            })
            : kept.change(key, change)
      })
      yield* ledger.reserve({ ...reservation, key: "k" })
      yield* ledger.balances("k", [minute])
      isLost = true
      yield* Effect.flip(ledger.leave({ key: "k", id: "a" }))
      isLost = false
      assert.deepInclude((yield* ledger.balances("k", [minute]))[0], { reserved: 60 })
    }))

  it.effect("says for how long a text is needed, and removes it where nothing is", () =>
    Effect.gen(function*() {
      const entries = new Map<string, DocumentsMemory.Entry>()
      const ledger = Ledger.fromDocuments(DocumentsMemory.make(entries))
      const until = () => entries.get("k")?.until
      yield* ledger.reserve({ ...reservation, key: "k" })
      assert.strictEqual(until(), 10_000)
      yield* TestClock.adjust("1 second")
      yield* ledger.settle({ key: "k", id: "a", amounts: { tokens: 10 }, limits: [minute] })
      assert.strictEqual(until(), 60_000)
      yield* ledger.reserve({ ...reservation, key: "k", id: "b", amounts: { tokens: 90 }, lease: Duration.hours(1) })
      yield* ledger.reserve({ ...reservation, key: "k", id: "c", lease: Duration.hours(2) })
      assert.strictEqual(until(), 1_000 + 2 * 3_600_000)
      yield* ledger.leave({ key: "k", id: "b" })
      yield* ledger.leave({ key: "k", id: "c" })
      yield* TestClock.adjust("1 minute")
      yield* ledger.balances("k", [minute])
      assert.strictEqual(entries.size, 0)
      const limits = [{ ...minute, window: Duration.infinity }]
      yield* ledger.settle({ key: "k", id: "a", amounts: { tokens: 10 }, limits })
      assert.strictEqual(until(), Infinity)
    }))

  it.effect("renews the reservations of all keys at once", () =>
    Effect.gen(function*() {
      const documents = DocumentsMemory.make()
      const ledger = Ledger.fromDocuments({
        change: (key, change) => Effect.delay(documents.change(key, change), "1 second")
      })
      const keys = ["one", "two", "three"].map((key) => ({ key, id: "a" }))
      const fiber = yield* Effect.forkChild(ledger.renew(keys, Duration.minutes(1)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.void)
    }))

  it.effect("takes a waiter whose limits are not in the text for one that has none", () =>
    Effect.gen(function*() {
      const text = JSON.stringify([[], [], [], [["waits", "", null, [60, 0, 0], 7]], 0, []])
      const ledger = Ledger.fromDocuments(DocumentsMemory.make(new Map([["k", { text, until: Infinity }]])))
      assert.deepInclude((yield* ledger.balances("k", [minute]))[0], { spent: 0, reserved: 60 })
    }))

  it.effect("stays small however much is spent", () =>
    Effect.gen(function*() {
      const entries = new Map<string, DocumentsMemory.Entry>()
      const ledger = Ledger.fromDocuments(DocumentsMemory.make(entries))
      for (let call = 0; call < 400; call++) {
        yield* ledger.settle({ key: "k", id: `${call}`, amounts: { tokens: 1234 }, limits: [minute] })
        yield* TestClock.adjust("300 millis")
      }
      assert.isAtMost(entries.get("k")!.text.length, 1_500)
    }))

  it.effect("fails where a text is none of its own, and leaves it", () =>
    Effect.gen(function*() {
      for (const text of ["", "null", "[]", "[[],[],[],[],0,[[1,2]]]"]) {
        const entries = new Map([["k", { text, until: 0 }]])
        const error = yield* Effect.flip(Ledger.fromDocuments(DocumentsMemory.make(entries)).balances("k", [minute]))
        assert.strictEqual(error._tag, "LedgerError")
        assert.strictEqual(error.message, "The shared ledger: balances failed")
        assert.deepStrictEqual(entries.get("k"), { text, until: 0 })
      }
    }))
})

describe("A store of texts", () => {
  const broken: ReadonlyArray<readonly [name: string, change: () => never]> = [
    ["dies", () => given(Effect.die("bug"))],
    ["throws", () => {
      throw new Error("bug")
    }],
    ["does nothing", () => given(undefined)]
  ]

  it.effect.each(broken)(
    "that %s is one that cannot be read",
    ([, change]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Ledger.fromDocuments({ change }).balances("k", [minute]))
        assert.strictEqual(error._tag, "LedgerError")
        assert.isDefined(error.cause)
        const other = yield* Effect.flip(AdaptiveLimits.fromDocuments({ change }).read("k", between))
        assert.strictEqual(other._tag, "AdaptiveLimitsError")
        assert.strictEqual(other.message, "The shared limit of concurrency: read failed")
      })
  )
})

describe("AdaptiveLimits.fromDocuments", () => {
  it.effect("keeps a limit and its epoch under each key", () =>
    contract(AdaptiveLimits.fromDocuments(DocumentsMemory.make()), "a"))

  it.effect("keeps a limit for an hour, and nothing that was only read", () =>
    Effect.gen(function*() {
      const entries = new Map<string, DocumentsMemory.Entry>()
      const limits = AdaptiveLimits.fromDocuments(DocumentsMemory.make(entries))
      yield* limits.read("k", between)
      assert.strictEqual(entries.size, 0)
      yield* limits.decrease("k", between, 0, 1)
      yield* TestClock.adjust("10 minutes")
      yield* limits.read("k", between)
      assert.strictEqual(entries.get("k")?.until, 70 * 60_000)
    }))

  it.effect("fails where a text is none of its own", () =>
    Effect.gen(function*() {
      const limits = AdaptiveLimits.fromDocuments(DocumentsMemory.make(new Map([["k", { text: "16", until: 0 }]])))
      const error = yield* Effect.flip(limits.read("k", between))
      assert.strictEqual(error._tag, "AdaptiveLimitsError")
    }))
})
