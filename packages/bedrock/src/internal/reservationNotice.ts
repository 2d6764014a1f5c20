/**
 * Warns once about a request without `maxTokens`, which uses up the quota sooner than expected.
 */
import type { ConverseStreamCommandInput } from "@aws-sdk/client-bedrock-runtime"
import * as Effect from "effect/Effect"
import * as ModelId from "../catalog/ModelId.ts"
import { providerName } from "./provider.ts"

/** Inspects a request that is about to be sent. */
export type Notice = (input: ConverseStreamCommandInput) => Effect.Effect<void>

/** A notice that has not been logged yet. */
export const make: Effect.Effect<Notice> = Effect.sync(() => {
  let given = false
  return ({ inferenceConfig, modelId }) =>
    Effect.suspend(() => {
      // the limit of a prompt of Prompt management is in the prompt
      if (given || inferenceConfig?.maxTokens !== undefined || ModelId.parse(modelId ?? "").kind === "prompt") {
        return Effect.void
      }
      given = true
      return Effect.logWarning(
        "maxTokens is not set: while a request runs, Bedrock reserves the model's maximum output against the quota " +
          "of tokens, so fewer requests fit into it. Logged once per layer."
      ).pipe(Effect.annotateLogs({ provider: providerName, model: modelId }))
    })
})
