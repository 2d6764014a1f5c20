/**
 * Act 1: documents are embedded as fast as a token quota allows, and not faster.
 */
import { EmbeddingService } from "@strata/core"
import { Retrieval } from "@strata/local"
import { Clock, Duration, Effect, Stream } from "effect"
import * as Documentation from "../Documentation.ts"
import * as Bedrock from "./Bedrock.ts"
import * as Screen from "./Screen.ts"

/** Embeds the documentation, and makes it searchable. */
export const index = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  const chunks = yield* Documentation.chunks
  const { per, tokens } = Bedrock.quota
  yield* Screen.headline(
    1,
    `${chunks.length} documents are indexed as fast as a token quota allows; none is refused`
  )
  // The first call loads the SDK and connects, which would take time from the first window.
  yield* EmbeddingService.embed("What is a stratum?")
  if (server !== undefined) {
    yield* server.setQuota({
      [Bedrock.embeddingModel]: { tokensPerMinute: tokens, window: per, algorithm: "fixed" }
    })
  }

  const start = yield* Clock.currentTimeMillis
  let done = 0
  const embedding = Retrieval.embed(chunks).pipe(
    Stream.tap(() => Effect.sync(() => done++)),
    Stream.runCollect
  )
  const { while: showing } = yield* Screen.Screen
  const picture = Effect.gen(function*() {
    const share = done === chunks.length ? average((yield* useOfQuota(start))?.shares) : yield* shareNow
    return (gauge: Screen.Gauge) => [
      gauge("documents", done / chunks.length, "green", `${done} of ${chunks.length}`),
      ...share === undefined ? [] : [
        gauge("quota", share, "yellow", `${Screen.percent(share)} of ${Screen.number(tokens)} tokens`)
      ]
    ]
  })
  const embedded = yield* showing(embedding, picture)
  const millis = (yield* Clock.currentTimeMillis) - start

  const use = yield* useOfQuota(start)
  const took = Screen.seconds(millis)
  yield* Screen.result(
    use === undefined
      ? `${chunks.length} documents in ${took}`
      : `${use.requests} requests, ${use.refused} refused, ${
        Screen.percent(average(use.shares) ?? 0)
      } of the quota used, ${took}`
  )
  if ((average(use?.shares) ?? 1) < 0.85) {
    yield* Screen.note("The quota was not the limit: this machine is busy, and its model embeds more slowly.")
  }
  return yield* Retrieval.fromEmbedded(embedded)
})

/** How much of its current window the service has granted. */
const shareNow = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  const quota = (yield* server?.statistics ?? Effect.undefined)?.quota[Bedrock.embeddingModel]
  return quota === undefined ? undefined : 1 - (quota.left ?? 0) / Bedrock.quota.tokens
})

/**
 * What the log of the service says since the start: the requests, how many of them were refused, and the share of the quota
 * that was used in each window, but for the last one, in which the documents ran out.
 */
const useOfQuota = Effect.fnUntraced(function*(start: number) {
  const { server } = yield* Bedrock.Bedrock
  if (server === undefined) return undefined
  const requests = (yield* server.requests).filter(({ receivedAt }) => receivedAt >= start)
  const tokens: Array<number> = []
  for (const { inputTokens = 0, receivedAt } of requests) {
    const window = Math.floor((receivedAt - start) / Duration.toMillis(Bedrock.quota.per))
    tokens[window] = (tokens[window] ?? 0) + inputTokens
  }
  return {
    requests: requests.length,
    refused: requests.filter(({ status }) => status === 429).length,
    shares: Array.from(tokens.slice(0, Math.max(1, tokens.length - 1)), (used = 0) => used / Bedrock.quota.tokens)
  }
})

const average = (shares: ReadonlyArray<number> | undefined) =>
  shares === undefined ? undefined : shares.reduce((sum, share) => sum + share, 0) / shares.length
