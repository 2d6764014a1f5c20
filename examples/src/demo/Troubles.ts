/**
 * Acts 2 and 3: the service refuses calls for a moment, and then its first model is down. Every call is answered.
 */
import { ChatService, Telemetry } from "@strata/core"
import type { Fault } from "@strata/emulator"
import { ExtractiveChat } from "@strata/local"
import { Array, Clock, Effect, Metric } from "effect"
import type * as Documentation from "../Documentation.ts"
import * as Bedrock from "./Bedrock.ts"
import * as Screen from "./Screen.ts"

/** Fifty questions at once to a service that refuses the first eighty requests. */
export const burst = Effect.fnUntraced(function*(documents: ReadonlyArray<Documentation.Chunk>) {
  const { server } = yield* Bedrock.Bedrock
  const { paint, while: showing } = yield* Screen.Screen
  yield* Screen.headline(2, "50 questions at once, and the service throttles: refused calls are sent again, none fails")
  if (server === undefined) return yield* skipped

  const throttling = yield* server.inject({ type: "throttle", model: Bedrock.chatModel, times: 80 })
  const asking = makeAsking(documents)
  const picture = Effect.map(throttling.struck, (struck) => (columns: number) => [
    `   answered   ${
      paint("green", Screen.bar(asking.answers.length / 50, columns - 40))
    } ${asking.answers.length} of 50`,
    `   refused    ${paint("yellow", Screen.bar(struck / 80, columns - 40))} ${struck} times`
  ])
  yield* showing(Effect.forEach(Array.range(1, 50), asking.ask, { concurrency: "unbounded" }), picture)

  yield* Screen.result(
    `${asking.answers.length} answered, ${asking.failures.length} failed; ` +
      `the slowest answer took ${Screen.seconds(asking.longest())}`
  )
})

/** A question every 60 milliseconds. The first model is down from the 12th to the 45th. */
export const outage = Effect.fnUntraced(function*(documents: ReadonlyArray<Documentation.Chunk>) {
  const { server } = yield* Bedrock.Bedrock
  const { paint, while: showing } = yield* Screen.Screen
  yield* Screen.headline(3, "The model goes down for two seconds: another one answers until it is back")
  if (server === undefined) return yield* skipped

  const asking = makeAsking(documents)
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
  const picture = Effect.map(breaker, (state) => (columns: number) => {
    const line = (name: string, model: string, colour: Screen.Colour) =>
      `   ${name} ${paint(colour, Screen.bar(answeredBy(model) / 60, columns - 40))} ` +
      `${answeredBy(model)} by ${nameOf(model)}`
    return [
      line("model     ", Bedrock.chatModel, "green"),
      line("fallback  ", Bedrock.otherModel, "blue"),
      `   service    ${outage !== undefined ? paint("red", "down") : paint("green", "up")}, breaker ` +
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

/** Asks what the documents are about, and keeps what came of it. */
const makeAsking = (documents: ReadonlyArray<Documentation.Chunk>) => {
  const answers: Array<{ readonly model: string; readonly millis: number }> = []
  const failures: Array<ChatService.ChatError> = []
  const ask = Effect.fnUntraced(function*(number: number) {
    // A few documents are enough: the model on this machine reads each of them once.
    const passage = documents[number % Math.min(documents.length, 10)]!
    const start = yield* Clock.currentTimeMillis
    yield* ChatService.generate({
      messages: ExtractiveChat.prompt({ question: "What is this module for?", passages: [passage] }),
      maxTokens: 100
    }).pipe(
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
