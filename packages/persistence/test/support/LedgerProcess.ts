/**
 * A process that draws on a shared ledger, again and again.
 *
 * Run as a program it does that until it is stopped and prints what it was granted; imported, it starts that program.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Ledger from "@strata/core/state/Ledger"
import { SharedState } from "@strata/persistence"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/**
 * What it does once `go` is a key in Redis.
 *
 * - `holds`: what it sets aside first and keeps, renewing it.
 * - `draws`: what it asks for, holds for 20 ms and spends, until it is stopped.
 */
export class Options extends Schema.Class<Options>("Options")({
  url: Schema.String,
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
 * - `waiting`: it is in the queue, as number `place` of all that ever did.
 * - `granted`: when, by the clock of the server.
 */
export const Report = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["ready", "held"]), name: Schema.String }),
  Schema.Struct({ type: Schema.Literal("waiting"), name: Schema.String, id: Schema.String, place: Schema.Number }),
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

const draw = Effect.fnUntraced(function*(options: Options) {
  const { draws, holds, key, lease, name } = options
  const ledger = yield* Ledger.Ledger
  const redis = yield* Redis.Redis
  const limits = [{ name: "window", unit: "tokens" as const, amount: options.amount, window: options.window }]
  const report = (report: Report) => Effect.flatMap(Schema.encodeEffect(ReportJson)(report), Console.log)
  const often = Duration.divideUnsafe(lease, 6)

  yield* report({ type: "ready", name })
  yield* Effect.repeat(redis.send<number>("EXISTS", options.go), { until: (is) => is === 1, schedule: ticks })

  if (holds > 0) {
    const id = `${name} holds`
    yield* ledger.reserve({ key, id, amounts: { tokens: holds }, limits, lease })
    yield* report({ type: "held", name })
    yield* Effect.forkChild(Effect.forever(Effect.delay(ledger.renew([{ key, id }], lease), often)))
  }

  for (let turn = 0;; turn++) {
    const id = `${name} ${turn}`
    let decision = yield* ledger.reserve({ key, id, amounts: { tokens: draws }, limits, lease })
    if (decision._tag === "wait") {
      const place = yield* redis.eval(arrivalOf)(`strata:{ledger:${key}}:demands`, id)
      if (place !== null) yield* report({ type: "waiting", name, id, place: Number(place) })
    }
    while (decision._tag === "wait") {
      yield* Effect.sleep(Duration.min(decision.retryAfter, often))
      decision = yield* ledger.reserve({ key, id, amounts: { tokens: draws }, limits, lease })
    }
    const at = Number(yield* redis.eval(grantedAt)(`strata:{ledger:${key}}:held`, id))
    yield* report({ type: "granted", name, id, amount: draws, at })
    yield* Effect.sleep("20 millis")
    yield* ledger.settle({ key, id, amounts: { tokens: draws }, limits })
  }
})

const grantedAt = Redis.script((held: string, id: string) => [held, id], {
  numberOfKeys: 1,
  lua: "return string.format('%.17g', (cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1]))))"
}).withReturnType<string>()

const arrivalOf = Redis.script((demands: string, id: string) => [demands, id], {
  numberOfKeys: 1,
  lua: `
    local demand = redis.call('HGET', KEYS[1], ARGV[1])
    return demand and string.format('%.17g', (cmsgpack.unpack(demand))) or nil
  `
}).withReturnType<string | null>()

const ticks = Schedule.spaced("10 millis")

if (import.meta.main) {
  const program = Effect.gen(function*() {
    const options = yield* Schema.decodeEffect(OptionsJson)(process.argv[2] ?? "")
    const redis = NodeRedis.layer({ url: options.url })
    return yield* Effect.provide(draw(options), Layer.merge(SharedState.layerRedis(redis), redis))
  })
  NodeRuntime.runMain(program)
}
