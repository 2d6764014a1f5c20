/**
 * Act 6: what was sent, by the log of the service.
 */
import { Budget } from "@strata/core"
import { Effect } from "effect"
import * as Activity from "../Activity.ts"
import * as Bedrock from "./Bedrock.ts"
import * as Screen from "./Screen.ts"

/** `millis`: how long the demo took so far. */
export const summary = Effect.fnUntraced(function*(millis: number) {
  const { run } = yield* Budget.spent(Bedrock.budget)
  const { requests, tokens } = yield* Activity.summary
  const log = yield* counts
  yield* Screen.headline(6, log === undefined ? "What was sent" : "What was sent, by the log of the service")
  yield* Screen.result(
    [
      `${Screen.number(log?.requests ?? requests)} requests`,
      ...log === undefined ? [] : [
        `${log.refused} refused and sent again`,
        `${log.down} failed in the outage`,
        `${log.lost} lost`
      ],
      `${Screen.number(log?.tokens ?? tokens)} tokens`,
      Screen.dollars(run?.spent ?? 0),
      Screen.seconds(millis)
    ].join(", ")
  )
})

/** The requests that the service received. Lost are those without an answer. */
const counts = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  if (server === undefined) return undefined
  const { byStatus, completed, inFlight, requests } = yield* server.statistics
  const log = yield* server.requests
  return {
    requests,
    refused: byStatus["429"] ?? 0,
    down: byStatus["503"] ?? 0,
    lost: requests - completed - inFlight,
    tokens: log.reduce((sum, { inputTokens = 0, outputTokens = 0 }) => sum + inputTokens + outputTokens, 0)
  }
})
