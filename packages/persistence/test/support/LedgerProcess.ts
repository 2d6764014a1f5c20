/**
 * A process that draws on a shared ledger, again and again.
 *
 * Run as a program it does that until it is stopped and prints what it was granted; imported, it starts that program.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Ledger from "@strata/core/state/Ledger"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Databases from "./Databases.ts"
import * as Stores from "./Stores.ts"

/**
 * What it does once there is a file `go`.
 *
 * - `store`: where the ledger is.
 * - `holds`: what it sets aside first and keeps, renewing it.
 * - `draws`: what it asks for, holds for 20 ms and spends, until it is stopped.
 */
export class Options extends Schema.Class<Options>("Options")({
  store: Stores.Store,
  name: Schema.String,
  key: Schema.String,
  amount: Schema.Number,
  window: Schema.DurationFromMillis,
  lease: Schema.DurationFromMillis,
  go: Schema.String,
  holds: Schema.Number,
  draws: Schema.Number
}) {}

/**
 * - `ready`: it waits for `go`.
 * - `held`: it has set aside what it keeps.
 * - `waiting`: it is in the queue, since a time between `from` and `to`.
 * - `granted`: when. All times are of the clock of the server.
 */
export const Report = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["ready", "held"]), name: Schema.String }),
  Schema.Struct({
    type: Schema.Literal("waiting"),
    name: Schema.String,
    id: Schema.String,
    from: Schema.Number,
    to: Schema.Number
  }),
  Schema.Struct({
    type: Schema.Literal("granted"),
    name: Schema.String,
    id: Schema.String,
    amount: Schema.Number,
    at: Schema.Number
  })
])
export type Report = typeof Report.Type

const OptionsJson = Schema.fromJsonString(Options)
const ReportJson = Schema.fromJsonString(Report)

/** A new process and what it reports; killed with the scope. */
export const start = Effect.fnUntraced(function*(options: Options) {
  const argument = yield* Schema.encodeEffect(OptionsJson)(options)
  const child = yield* ChildProcess.make(process.execPath, [import.meta.filename, argument], {
    stderr: "inherit",
    killSignal: "SIGKILL"
  })
  const reports = child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapEffect((line) => Schema.decodeEffect(ReportJson)(line))
  )
  return { kill: child.kill({ killSignal: "SIGKILL" }), reports }
})

const draw = Effect.fnUntraced(function*(options: Options, { grantedAt, now }: Server) {
  const { draws, holds, key, lease, name } = options
  const ledger = yield* Ledger.Ledger
  const files = yield* FileSystem.FileSystem
  const limits = [{ name: "window", unit: "tokens" as const, amount: options.amount, window: options.window }]
  const report = (report: Report) => Effect.flatMap(Schema.encodeEffect(ReportJson)(report), Console.log)
  const often = Duration.divideUnsafe(lease, 6)

  yield* report({ type: "ready", name })
  yield* Effect.repeat(files.exists(options.go), { until: (is) => is, schedule: ticks })

  if (holds > 0) {
    const id = `${name} holds`
    yield* ledger.reserve({ key, id, amounts: { tokens: holds }, limits, lease })
    yield* report({ type: "held", name })
    yield* Effect.forkChild(Effect.forever(Effect.delay(ledger.renew([{ key, id }], lease), often)))
  }

  for (let turn = 0;; turn++) {
    const id = `${name} ${turn}`
    const from = yield* now
    let decision = yield* ledger.reserve({ key, id, amounts: { tokens: draws }, limits, lease })
    if (decision._tag === "wait") yield* report({ type: "waiting", name, id, from, to: yield* now })
    while (decision._tag === "wait") {
      yield* Effect.sleep(Duration.min(decision.retryAfter, often))
      decision = yield* ledger.reserve({ key, id, amounts: { tokens: draws }, limits, lease })
    }
    yield* report({ type: "granted", name, id, amount: draws, at: yield* grantedAt(key, id) })
    yield* Effect.sleep("20 millis")
    yield* ledger.settle({ key, id, amounts: { tokens: draws }, limits })
  }
})

/** The clock of the ledger, and when it granted what is held. */
interface Server {
  readonly now: Effect.Effect<number>
  readonly grantedAt: (key: string, id: string) => Effect.Effect<number>
}

const inRedis = Effect.map(Redis.Redis, (redis): Server => ({
  now: redis.send<ReadonlyArray<string>>("TIME").pipe(
    Effect.map(([seconds, micros]) => Number(seconds) * 1_000 + Number(micros) / 1_000),
    Effect.orDie
  ),
  grantedAt: (key, id) =>
    Effect.orDie(Effect.map(redis.eval(grantedAtScript)(`strata:{ledger:${key}}:held`, id), Number))
}))

const grantedAtScript = Redis.script((held: string, id: string) => [held, id], {
  numberOfKeys: 1,
  lua: "return string.format('%.17g', (cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1]))))"
}).withReturnType<string>()

const inSql = Effect.map(Effect.orDie(Databases.texts("strata_state")), ({ change }): Server => ({
  now: Effect.orDie(change("none", (text, now) => Result.succeed({ answer: now, text, keep: 0 }))),
  grantedAt: (key, id) =>
    change(`ledger:${key}`, (text) => Result.succeed({ answer: text, text, keep: 0 })).pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(Account)),
      Effect.map(([held]) => Number(held.find(([name]) => name === id)?.[1])),
      Effect.orDie
    )
}))

/** What of the text of an account says when something was granted. */
const Account = Schema.fromJsonString(
  Schema.TupleWithRest(
    Schema.Tuple([
      Schema.Array(Schema.TupleWithRest(Schema.Tuple([Schema.String, Schema.Finite]), [Schema.Unknown]))
    ]),
    [Schema.Unknown]
  )
)

const ticks = Schedule.spaced("10 millis")

if (import.meta.main) {
  const program = Effect.gen(function*() {
    const options = yield* Schema.decodeEffect(OptionsJson)(process.argv[2] ?? "")
    const { kind, place } = options.store
    const server = kind === "redis"
      ? Effect.provide(inRedis, yield* Layer.build(NodeRedis.layer({ url: place })))
      : Effect.provide(inSql, yield* Layer.build(Databases.connectionTo(kind, place)))
    return yield* Effect.provide(draw(options, yield* server), Stores.shared(options.store))
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  NodeRuntime.runMain(program)
}
