/**
 * Act 1: documents are embedded as fast as a token quota allows, and not faster.
 */
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
    `${chunks.length} documents are indexed under a token quota: used to the last, never exceeded`
  )
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
  const { paint, while: showing } = yield* Screen.Screen
  const picture = Effect.gen(function*() {
    const share = done === chunks.length ? average((yield* useOfQuota)?.shares) : yield* shareNow
    return (columns: number) => [
      `   documents  ${paint("green", Screen.bar(done / chunks.length, columns - 40))} ${done} of ${chunks.length}`,
      ...share === undefined ? [] : [
        `   quota      ${paint("yellow", Screen.bar(share, columns - 40))} ` +
        `${Screen.percent(share)} of ${Screen.number(tokens)} tokens in ${per}`
      ]
    ]
  })
  const embedded = yield* showing(embedding, picture)
  const millis = (yield* Clock.currentTimeMillis) - start

  const use = yield* useOfQuota
  yield* Screen.result(
    use === undefined
      ? `${chunks.length} documents in ${Screen.seconds(millis)}`
      : `${use.requests} requests, ${use.refused} refused, ${
        Screen.percent(average(use.shares) ?? 0)
      } of the quota used ` +
        `while documents were waiting, ${Screen.seconds(millis)}`
  )
  return yield* Retrieval.fromEmbedded(embedded)
})

/** How much of its current window the service has granted. */
const shareNow = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  const quota = (yield* server?.statistics ?? Effect.undefined)?.quota[Bedrock.embeddingModel]
  return quota === undefined ? undefined : 1 - (quota.left ?? 0) / Bedrock.quota.tokens
})

/**
 * What the log of the service says: the requests, how many of them were refused, and the share of the quota that was used in
 * each window, but for the last one, in which the documents ran out.
 */
export const useOfQuota = Effect.gen(function*() {
  const { server } = yield* Bedrock.Bedrock
  if (server === undefined) return undefined
  const requests = (yield* server.requests).filter(({ modelId }) => modelId === Bedrock.embeddingModel)
  const start = Math.min(...requests.map(({ receivedAt }) => receivedAt))
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
