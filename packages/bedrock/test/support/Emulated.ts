/** A Bedrock on this machine, and a client of it. */
import type * as Embedding from "@strata/core/embedding/Embedding"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BedrockClient from "../../src/BedrockClient.ts"

/** Before a model whose vectors have so many numbers. */
export const embedding = (dimensions: number, limits?: Partial<Embedding.Limits>) =>
  Layer.effect(
    BedrockClient.BedrockClient,
    Effect.flatMap(Emulator.Emulator, ({ client }) => BedrockClient.make(client))
  ).pipe(
    Layer.provideMerge(Emulator.layer()),
    Layer.provideMerge(Layer.merge(
      TestChat.layer(),
      TestEmbedding.layer({ dimensions, limits: { maxLength: 100_000, ...limits } })
    ))
  )
