/** Every implementation of the services, as it is declared to the contract suites. */
import type { ChatContract, EmbeddingContract, RerankContract } from "@strata/core/testing"
import * as Bedrock from "./Bedrock.ts"
import * as Doubles from "./Doubles.ts"
import * as EffectAi from "./EffectAi.ts"
import * as Local from "./Local.ts"
import * as OpenAi from "./OpenAi.ts"

export const chat: ReadonlyArray<ChatContract.Subject> = [
  Bedrock.chat,
  OpenAi.chat,
  OpenAi.open,
  OpenAi.responses,
  OpenAi.reasoning,
  EffectAi.chat,
  EffectAi.foreignChat,
  Local.chat,
  Doubles.chat
]

export const embedding: ReadonlyArray<EmbeddingContract.Subject> = [
  Bedrock.embedding,
  OpenAi.embedding,
  EffectAi.embedding,
  EffectAi.foreignEmbedding,
  Local.embedding,
  Doubles.embedding
]

export const rerank: ReadonlyArray<RerankContract.Subject> = [Bedrock.rerank, Doubles.rerank]
