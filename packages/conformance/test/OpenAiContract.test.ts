/** The contract suites, run by the services of `@strata/openai`. */
import { describe, it } from "@effect/vitest"
import { ChatContract, EmbeddingContract } from "@strata/core/testing"
import * as OpenAi from "../src/contract/OpenAi.ts"

for (const subject of [OpenAi.chat, OpenAi.responses]) ChatContract.suite({ describe, it }, subject)

EmbeddingContract.suite({ describe, it }, OpenAi.embedding)
