/**
 * Acts 2 and 3: the service refuses calls for a moment, and then its first model is down. Every call is answered.
 */
import { ChatService, Telemetry } from "@strata/core"
import type { Fault } from "@strata/emulator"
import { Array, Clock, Effect, Metric } from "effect"
import * as Bedrock from "./Bedrock.ts"
import * as Screen from "./Screen.ts"

/** Fifty questions at once to a service that refuses the first eighty requests. */
export const burst = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  const { while: showing } = yield* Screen.Screen
  yield* Screen.headline(2, "50 questions at once, throttled: refused calls are sent again, none fails")
  if (server === undefined) return yield* skipped

  const throttling = yield* server.inject({ type: "throttle", model: Bedrock.chatModel, times: 80 })
  const asking = makeAsking()
  const picture = Effect.map(throttling.struck, (struck) => (gauge: Screen.Gauge) => [
    gauge("answered", asking.answers.length / 50, "green", `${asking.answers.length} of 50`),
    gauge("refused", struck / 80, "yellow", `${struck} times`)
  ])
  yield* showing(Effect.forEach(Array.range(1, 50), asking.ask, { concurrency: "unbounded" }), picture)

  yield* Screen.result(
    `${asking.answers.length} answered, ${asking.failures.length} failed; ` +
      `the slowest answer took ${Screen.seconds(asking.longest())}`
  )
})

/** A question every 60 milliseconds. The first model is down from the 12th to the 45th. */
export const outage = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  const { paint, while: showing } = yield* Screen.Screen
  yield* Screen.headline(3, "The model goes down for two seconds: another one answers until it is back")
  if (server === undefined) return yield* skipped

  const asking = makeAsking()
  let outage: Fault.Injected | undefined
  const goDown = Effect.map(
    server.inject({
      type: "exception",
      exception: "ServiceUnavailableException",
      model: Bedrock.chatModel,
      times: Infinity
    }),
    (injected) => {
      outage = injected
    }
  )
  const comeBack = Effect.suspend(() => {
    const over = outage?.remove ?? Effect.void
    outage = undefined
    return over
  })
  const changes = new Map([[12, goDown], [45, comeBack]])
  const questions = Effect.forEach(
    Array.range(1, 60),
    (number) => Effect.delay(Effect.andThen(changes.get(number) ?? Effect.void, asking.ask(number)), 60 * number),
    { concurrency: "unbounded" }
  )

  const answeredBy = (model: string) => asking.answers.filter((answer) => answer.model === model).length
  const picture = Effect.map(breaker, (state) => (gauge: Screen.Gauge) => {
    const line = (name: string, model: string, colour: Screen.Colour) =>
      gauge(name, answeredBy(model) / 60, colour, `${answeredBy(model)} by ${nameOf(model)}`)
    return [
      line("model", Bedrock.chatModel, "green"),
      line("fallback", Bedrock.otherModel, "blue"),
      `   service    ${outage === undefined ? paint("green", "up") : paint("red", "down")}, breaker ` +
      paint(state === "closed" ? "green" : "red", state)
    ]
  })
  yield* showing(questions, picture)

  yield* Screen.result(
    `${asking.answers.length} answered, ${asking.failures.length} failed: ` +
      `${answeredBy(Bedrock.otherModel)} by the fallback; the slowest answer took ${Screen.seconds(asking.longest())}`
  )
})

const skipped = Screen.note("Skipped: on the real service nothing is broken on purpose.")

/** Asks questions, and keeps what came of them. Without documents the model on this machine answers at once. */
const makeAsking = () => {
  const answers: Array<{ readonly model: string; readonly millis: number }> = []
  const failures: Array<ChatService.ChatError> = []
  const ask = Effect.fnUntraced(function*(number: number) {
    const start = yield* Clock.currentTimeMillis
    yield* ChatService.generate({ messages: `Question ${number}: what is a stratum?`, maxTokens: 100 }).pipe(
      Effect.matchEffect({
        onFailure: (error) => Effect.sync(() => failures.push(error)),
        onSuccess: ({ model }) =>
          Effect.map(Clock.currentTimeMillis, (end) => answers.push({ model, millis: end - start }))
      })
    )
  })
  return { ask, answers, failures, longest: () => Math.max(0, ...answers.map(({ millis }) => millis)) }
}

const nameOf = (model: string) => model.replace("us.amazon.", "").replace("-v1:0", "")

/** The state of the breaker of the first model, from the metrics that Strata keeps. */
const breaker = Effect.map(Metric.snapshot, (metrics) => {
  const gauge = metrics.find(({ attributes, id, type }) =>
    type === "Gauge" && id === Telemetry.breaker.id && attributes?.["gen_ai.request.model"] === Bedrock.chatModel
  )
  return ["closed", "half open", "open"][gauge?.type === "Gauge" ? Number(gauge.state.value) : 0] ?? "closed"
})
