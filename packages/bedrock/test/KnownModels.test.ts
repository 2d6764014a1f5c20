import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as BedrockChat from "../src/BedrockChat.ts"
import type * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import type * as BedrockRerank from "../src/BedrockRerank.ts"
import type * as ModelId from "../src/catalog/ModelId.ts"

/** The strings of a type that an editor completes: those that are not just any string. */
type Completed<A> = A extends string ? string extends A ? never : A extends string & {} ? Named<A> : never : never
type Named<A extends string> = string & {} extends A ? never : A

describe("ids of models", () => {
  it("are completed in a request and in the options of a layer, and any other string is one", () => {
    const ids: ReadonlyArray<ModelId.KnownChatModel> = [
      "anthropic.claude-sonnet-4-5-20250929-v1:0",
      "us.anthropic.claude-opus-5-5",
      "eu.amazon.nova-lite-v1:0",
      "qwen.qwen3-32b-v1:0"
    ]
    const inRequest: ReadonlyArray<Completed<ChatRequest.ChatRequest["model"]>> = ids
    const inOptions: ReadonlyArray<Completed<BedrockChat.Options["model"]>> = ids
    const embeddings: ReadonlyArray<Completed<BedrockEmbedding.Options["model"]>> = ["eu.cohere.embed-v4:0"]
    const reranking: ReadonlyArray<Completed<BedrockRerank.Options["model"]>> = ["cohere.rerank-v3-5:0"]
    // @ts-expect-error -- this one is not completed
    const unknown: Completed<ChatRequest.ChatRequest["model"]> = "acme.oracle-v1:0"
    const others: ReadonlyArray<ChatRequest.ChatRequest> = [unknown, "arn:aws:bedrock:…", String(1)].map((model) => ({
      model,
      messages: "Hi"
    }))
    assert.lengthOf([...inRequest, ...inOptions, ...embeddings, ...reranking, ...others], 13)
  })
})
