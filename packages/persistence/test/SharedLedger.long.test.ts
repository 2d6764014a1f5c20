import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import * as Ledger from "@strata/core/state/Ledger"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redis from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as RedisLedger from "../src/redis/RedisLedger.ts"
import * as SqlState from "../src/sql/SqlState.ts"
import * as Databases from "./support/Databases.ts"
import * as LedgerProcess from "./support/LedgerProcess.ts"
import * as RedisServer from "./support/RedisServer.ts"
import type * as Stores from "./support/Stores.ts"

const amount = 20
const window = 500
const enough = 60

/** Processes that go on drawing when the first is killed. */
const others = ["0", "1", "2", "3", "4"]

type Granted = Extract<LedgerProcess.Report, { readonly type: "granted" }>

/** The most that was granted within one window, wherever it begins. */
const fullest = (grants: ReadonlyArray<Granted>) =>
  Math.max(
    ...grants.map(({ at: start }) =>
      grants.filter(({ at }) => at >= start && at < start + window).reduce((sum, { amount }) => sum + amount, 0)
    )
  )

/** Six processes share the ledger of a store, which is opened here when they have begun. */
const share = Effect.fnUntraced(function*<E, R>(
  store: Stores.Store,
  open: Effect.Effect<Ledger.Ledger, E, R>
) {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped()
  const reports = yield* Queue.unbounded<LedgerProcess.Report>()
  const seen: Array<LedgerProcess.Report> = []
  const grants = () => seen.filter((report) => report.type === "granted")
  const until = (condition: () => boolean) =>
    Effect.whileLoop({
      while: () => !condition(),
      body: () => Queue.take(reports),
      step: (report) => void seen.push(report)
    })
  const count = (type: LedgerProcess.Report["type"]) => seen.filter((report) => report.type === type).length

  const begin = Effect.fnUntraced(function*(name: string, go: string, holds: number, draws: number) {
    const process = yield* LedgerProcess.start(
      new LedgerProcess.Options({
        store,
        name,
        go: `${folder}/${go}`,
        holds,
        draws,
        amount,
        key: "model",
        window: Duration.millis(window),
        lease: Duration.seconds(3)
      })
    )
    yield* Effect.forkScoped(Stream.runForEach(process.reports, (report) => Queue.offer(reports, report)))
    return process
  })

  // It holds a half and asks for the whole, which is never granted while it lives.
  const victim = yield* begin("victim", "go first", amount / 2, amount)
  yield* Effect.forEach(others, (name) => begin(name, "go", 0, 1), { concurrency: "unbounded", discard: true })
  yield* until(() => count("ready") === 1 + others.length)
  yield* files.writeFileString(`${folder}/go first`, "")
  yield* until(() => count("waiting") === 1)
  yield* files.writeFileString(`${folder}/go`, "")
  yield* until(() => count("waiting") === 1 + others.length)
  assert.deepStrictEqual(grants(), [])

  const killed = Date.now()
  yield* victim.kill
  // A process that waits for the machine is granted what it asked for, and says so later.
  const of = (name: string) => grants().filter((grant) => grant.name === name).length
  yield* until(() => grants().length >= enough && others.every((name) => of(name) >= 2))

  const all = grants()
  assert.isTrue(all.every(({ at, name }) => name !== "victim" && at >= killed))
  assert.isAtMost(fullest(all), amount)
  const ledger = yield* open
  const [balance] = yield* ledger.balances("model", [{
    name: "",
    unit: "tokens",
    amount,
    window: Duration.millis(window)
  }])
  assert.isBelow(balance!.reserved, amount / 2, "what the victim held has not come back")

  const granted = new Map(all.map(({ at, id }) => [id, at]))
  const inLine = seen.filter((report) => report.type === "waiting").filter(({ id }) => granted.has(id))
  assert.isAbove(inLine.length, 8)
  for (const one of inLine) {
    for (const other of inLine) {
      if (one.to < other.from) assert.isAtMost(granted.get(one.id)!, granted.get(other.id)!, `${one.id}, ${other.id}`)
    }
  }
})

const title = "keep one quota in one queue, also when one of them is killed at its head"

RedisServer.suite("six processes that share a ledger in Redis", (it) => {
  it.effect(title, () =>
    Effect.gen(function*() {
      const { url } = yield* RedisServer.RedisServer
      yield* share(
        { kind: "redis", place: url },
        Effect.map(Redis.Redis, (redis) => RedisLedger.make(redis, "strata:"))
      )
    }).pipe(Effect.provide(NodeServices.layer)))
})

Databases.suites("six processes that share a ledger in SQL", (it, kind) => {
  it.effect(title, () =>
    Effect.gen(function*() {
      const { place } = yield* Databases.Database
      // Nothing is there yet: six processes make the table at once (jobs 20).
      const ledger = Effect.map(Databases.texts("strata_state"), (documents) =>
        Ledger.fromDocuments(SqlState.within(documents, "ledger:")))
      yield* share({ kind, place }, ledger)
    }).pipe(Effect.provide(NodeServices.layer)))
})
