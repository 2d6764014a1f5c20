/**
 * Cohere Rerank: `cohere.rerank-v3-5:0`. Scores from 0 to 1.
 *
 * A query and a document have 4,096 tokens together. A longer document is split or truncated by the model, not refused:
 * https://docs.cohere.com/docs/reranking-best-practices
 */
import type * as Family from "./Family.ts"

export const family: Family.Family<"cohere"> = {
  name: "cohere",
  matches: ({ family, vendor }) => vendor === "cohere" && family === "rerank",
  // AWS documents 1,000 documents for the operation Rerank, and no number for InvokeModel. A body may have 25 MB:
  // 4,000,000 characters fit even if each is escaped (`\u0000`).
  limits: { maxDocuments: 1000, maxLength: 4_000_000 },
  reserved: ["query", "documents", "top_n"],
  // The service refuses a body without `api_version`, and any number below 2
  encode: ({ documents, query, topN }) => ({ query, documents, top_n: topN, api_version: 2 })
}
