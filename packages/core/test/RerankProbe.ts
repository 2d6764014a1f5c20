/**
 * A provider for tests: what was sent, and predictable scores.
 */
import * as Effect from "effect/Effect"
import * as Policy from "../src/policy/Policy.ts"
import type * as Rerank from "../src/rerank/Rerank.ts"
import * as RerankService from "../src/rerank/RerankService.ts"

type Answer = RerankService.Provider["rerank"]

/** The score of a document is the number it ends in; results are worst first. */
export const numbered: Answer = ({ documents, topN }) =>
  Effect.succeed({
    results: documents
      .map((document, index) => ({ index, score: numberOf(document) }))
      .sort((self, that) => that.score - self.score)
      .slice(0, topN)
      .reverse(),
    inputTokens: documents.length,
    requestId: "request-1"
  })

const numberOf = (document: string): number => Number(/\d+$/u.exec(document)?.[0] ?? 0)

/** The service of a scripted provider that records requests. */
export const make = Effect.fnUntraced(function*(options: Partial<RerankService.Provider> = {}) {
  const sent: Array<Rerank.ProviderRequest> = []
  const { rerank = numbered, ...rest } = options
  const service = yield* RerankService.make({
    provider: "probe",
    defaultModel: "probe-1",
    policy: Policy.none,
    ...rest,
    rerank: (request) =>
      Effect.suspend(() => {
        sent.push(request)
        return rerank(request)
      })
  })
  return { sent, service }
})

/** Limits of one request. */
export const atMost = (maxDocuments: number, maxLength?: number): RerankService.Provider["limits"] => () =>
  Effect.succeed({ maxDocuments, maxLength })
