import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as RedisLedger from "../src/redis/RedisLedger.ts"
import * as LedgerProcess from "./support/LedgerProcess.ts"
import * as RedisServer from "./support/RedisServer.ts"

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

RedisServer.suite("six processes that share a ledger", (it) => {
  it.effect("keep one quota in one queue, also when one of them is killed at its head", () =>
    Effect.gen(function*() {
      const { url } = yield* RedisServer.RedisServer
      const redis = yield* Redis.Redis
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
            url,
            name,
            go,
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
      yield* redis.send("SET", "go first", "1")
      yield* until(() => count("waiting") === 1)
      yield* redis.send("SET", "go", "1")
      yield* until(() => count("waiting") === 1 + others.length)
      assert.deepStrictEqual(grants(), [])

      const killed = Date.now()
      yield* victim.kill
      // A process that waits for the machine is granted what it asked for, and says so later.
      const of = (name: string) => grants().filter((grant) => grant.name === name).length
      yield* until(() => grants().length >= enough && others.every((name) => of(name) >= 2))

      const all = grants()
      assert.isTrue(all.every(({ at, name }) => name !== "victim" && at > killed))
      assert.isAtMost(fullest(all), amount)
      const ledger = RedisLedger.make(redis, "strata:")
      const [balance] = yield* ledger.balances("model", [{
        name: "",
        unit: "tokens",
        amount,
        window: Duration.millis(window)
      }])
      assert.isBelow(balance!.reserved, amount / 2, "what the victim held has not come back")

      const granted = new Map(all.map(({ at, id }) => [id, at]))
      const inLine = seen.filter((report) => report.type === "waiting").sort((a, b) => a.place - b.place)
      const served = inLine.flatMap(({ id }) => granted.get(id) ?? [])
      assert.isAbove(served.length, 8)
      assert.deepStrictEqual(served, served.toSorted((a, b) => a - b))
    }).pipe(Effect.provide(NodeServices.layer)))
})
