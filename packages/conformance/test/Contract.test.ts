/** The contract suites of `@strata/core/testing`, run by every implementation. */
import { describe, it } from "@effect/vitest"
import { ChatContract, EmbeddingContract, RerankContract } from "@strata/core/testing"
import * as Bedrock from "../src/contract/Bedrock.ts"
import * as Doubles from "../src/contract/Doubles.ts"
import * as Local from "../src/contract/Local.ts"

for (const subject of [Doubles.chat, Bedrock.chat, Local.chat]) ChatContract.suite({ describe, it }, subject)

for (const subject of [Doubles.embedding, Bedrock.embedding, Local.embedding]) {
  EmbeddingContract.suite({ describe, it }, subject)
}

for (const subject of [Doubles.rerank, Bedrock.rerank]) RerankContract.suite({ describe, it }, subject)
