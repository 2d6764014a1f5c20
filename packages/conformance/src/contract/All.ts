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
  OpenAi.responses,
  EffectAi.chat,
  EffectAi.foreignChat,
  Local.chat,
  Doubles.chat
]

/** The same implementations with other models. */
export const chatVariants: ReadonlyArray<ChatContract.Subject> = [OpenAi.open, OpenAi.reasoning]

export const embedding: ReadonlyArray<EmbeddingContract.Subject> = [
  Bedrock.embedding,
  OpenAi.embedding,
  EffectAi.embedding,
  EffectAi.foreignEmbedding,
  Local.embedding,
  Doubles.embedding
]

export const rerank: ReadonlyArray<RerankContract.Subject> = [Bedrock.rerank, Doubles.rerank]
