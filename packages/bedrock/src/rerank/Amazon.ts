/**
 * Amazon Rerank: `amazon.rerank-v1:0`, which us-east-1 does not have. Scores from 0 to 1.
 *
 * Regions: https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
 */
import type * as Family from "./Family.ts"

export const family: Family.Family<"amazon"> = {
  name: "amazon",
  matches: ({ family, vendor }) => vendor === "amazon" && family === "rerank",
  // As for Cohere: the number is that of the operation Rerank, the length that of a body
  limits: { maxDocuments: 1000, maxLength: 4_000_000 },
  reserved: ["query", "documents", "top_n"],
  // Cohere's fields, except `api_version`: the service refuses a body that has it
  encode: ({ documents, query, topN }) => ({ query, documents, top_n: topN })
}
