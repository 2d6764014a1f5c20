/** The models on this machine, which answer what they will: nothing scripts them. */
import type { ChatContract, EmbeddingContract } from "@strata/core/testing"
import { ExtractiveChat, LocalEmbedding } from "@strata/local"
import * as Layer from "effect/Layer"

const quotes = { missing: "it answers with sentences of the prompt" } as const

const ignored = { missing: "it has no use for it, and ignores it" } as const

const reads = { refused: "it reads text only" } as const

export const chat: ChatContract.Subject = {
  name: "ExtractiveChat",
  layer: () => ExtractiveChat.layer().pipe(Layer.provide(LocalEmbedding.layer())),
  support: {
    script: quotes,
    maxTokens: { missing: "tested by its own tests: it counts words" },
    systemPrompts: { missing: "it reads their documents, and obeys no rules" },
    temperature: ignored,
    topP: ignored,
    stopSequences: ignored,
    finishReasons: { missing: "`stop` and `length` are all it has" },
    usage: { missing: "it counts words" },
    cacheUsage: { missing: "it has no cache" },
    tools: { missing: "it calls none" },
    toolChoice: { refused: "it calls no tools" },
    parallelTools: { missing: "it calls none" },
    toolFailures: { missing: "it calls none" },
    structuredOutput: { refused: "it writes no JSON" },
    images: reads,
    documents: reads,
    toolImages: reads,
    reasoning: { missing: "it does not reason" },
    signatures: { missing: "it does not reason" },
    errors: { missing: "it has no failures to script" },
    interruption: { missing: "nothing goes on after a call: it runs in this process" },
    brokenStreams: { missing: "no stream of it breaks" }
  }
}

export const embedding: EmbeddingContract.Subject = {
  name: "LocalEmbedding",
  dimensions: LocalEmbedding.dimensions,
  layer: () => LocalEmbedding.layer(),
  support: {
    script: { missing: "it has no failures to script" },
    errors: { missing: "it has no failures to script" },
    interruption: { missing: "tested by its own tests: its thread ends with it" },
    dimensions: { refused: "the model has 512" },
    int8: { refused: "the model gives floats" },
    binary: { refused: "the model gives floats" },
    images: { refused: "the model reads texts" },
    combined: { refused: "the model reads texts" }
  }
}
