/**
 * What the program did so far, read from the metrics that Strata keeps.
 */
import { Effect, Metric } from "effect"

/** Requests sent to Bedrock and tokens spent there, over all models. Offline, what answers behind it is not counted. */
export const summary = Effect.map(Metric.snapshot, (metrics) => {
  let requests = 0
  let tokens = 0
  for (const metric of metrics) {
    if (metric.attributes?.["gen_ai.provider.name"] !== "aws.bedrock") continue
    if (metric.id === "strata.client.attempts" && metric.type === "Counter") requests += Number(metric.state.count)
    if (metric.id === "gen_ai.client.token.usage" && metric.type === "Histogram") tokens += metric.state.sum
  }
  return { requests, tokens }
})
