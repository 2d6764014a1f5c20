/** The contract suites, run by the bridges of `@strata/effect-ai`. */
import { describe, it } from "@effect/vitest"
import { ChatContract, EmbeddingContract } from "@strata/core/testing"
import * as EffectAi from "../src/contract/EffectAi.ts"

for (const subject of [EffectAi.chat, EffectAi.foreignChat]) ChatContract.suite({ describe, it }, subject)

for (const subject of [EffectAi.embedding, EffectAi.foreignEmbedding]) {
  EmbeddingContract.suite({ describe, it }, subject)
}
