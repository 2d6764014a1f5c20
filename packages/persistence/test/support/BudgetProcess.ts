/**
 * A process whose calls draw on a budget with keys in a store.
 *
 * Run as a program it calls for each of its keys, again and again, until it is stopped, and prints what was spent or is in
 * flight; imported, it starts that program.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Budget from "@strata/core/policy/Budget"
import * as Key from "@strata/core/policy/Key"
import * as RequestMetadata from "@strata/core/RequestMetadata"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Fixture from "../../../core/test/BudgetFixture.ts"
import * as Stores from "./Stores.ts"

/** Calls take `delay` milliseconds; `atOnce` of them for each key. */
export class Options extends Schema.Class<Options>("Options")({
  store: Stores.Store,
  name: Schema.String,
  keys: Schema.Array(Schema.String),
  atOnce: Schema.Number,
  delay: Schema.Number
}) {}

/** A call that was sent, answered or refused by the budget. */
export const Report = Schema.Struct({
  type: Schema.Literals(["sent", "answered", "refused"]),
  name: Schema.String,
  key: Schema.String
})
export type Report = typeof Report.Type

/** The budget of all processes: ten calls of ten cents in a day, for each key. */
export const budget: Budget.Budget = Budget.make({ name: "tenants", perDay: 1, key: Key.metadata("tenant") })

/** It could cost a little more than the ten cents it does. */
export const callOf = (delay: number) => Fixture.request({ inputTokens: 40, outputTokens: 30, delay }, 30)

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

const spend = Effect.fnUntraced(function*({ atOnce, delay, keys, name }: Options) {
  const report = (type: Report["type"], key: string) =>
    Effect.orDie(Effect.flatMap(Schema.encodeEffect(ReportJson)({ type, name, key }), Console.log))
  const provider = Fixture.makeProvider()
  const { service } = yield* Fixture.make(budget, {
    generate: (request) =>
      Effect.flatMap(
        RequestMetadata.RequestMetadata,
        ({ tenant = "" }) => Effect.andThen(report("sent", tenant), provider.generate(request))
      )
  })
  const call = (tenant: string) =>
    service.generate(callOf(delay)).pipe(
      Effect.andThen(report("answered", tenant)),
      Effect.catchTag("BudgetExceededError", () => Effect.delay(report("refused", tenant), "200 millis")),
      Effect.provideService(RequestMetadata.RequestMetadata, { tenant })
    )
  yield* Effect.forEach(
    keys.flatMap((key) => Array.from({ length: atOnce }, () => key)),
    (key) => Effect.forever(call(key)),
    { concurrency: "unbounded" }
  )
}, Effect.scoped)

if (import.meta.main) {
  const program = Effect.gen(function*() {
    const options = yield* Schema.decodeEffect(OptionsJson)(process.argv[2] ?? "")
    return yield* Effect.provide(spend(options), Stores.shared(options.store))
  })
  NodeRuntime.runMain(program)
}
