/**
 * Encodes records as the lines of a batch job: their `modelInput` is the body that a single call would send.
 */
import type { ConverseStreamCommandInput } from "@aws-sdk/client-bedrock-runtime"
import type * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as BedrockClient from "../BedrockClient.ts"
import * as BedrockError from "../BedrockError.ts"
import * as ModelId from "../catalog/ModelId.ts"
import * as DirectRequests from "../client/directRequests.ts"
import type * as Preparation from "../converse/Preparation.ts"
import * as Resolution from "../embedding/Resolution.ts"
import { providerName } from "../internal/provider.ts"

/**
 * What a Converse job may hold, about which AWS's pages disagree: as of 2026 it refuses tools, and takes response formats.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
 */
export interface Allowed {
  readonly tools?: boolean | undefined
  readonly responseFormat?: boolean | undefined
}

/** How records are encoded. */
export interface Settings {
  readonly client: BedrockClient.BedrockClient["Service"]
  readonly prepare: Preparation.Prepare
  readonly familyOf: Resolution.FamilyOf
  readonly allowed: Allowed
}

/** The encoder of records. */
export const make = ({ allowed, client, familyOf, prepare }: Settings): Batch.Provider["encode"] => {
  const chat = Effect.fnUntraced(function*({ recordId, request }: Batch.ResolvedChat) {
    const { answerTool, input } = yield* prepare(request, { streaming: false })
    const refused = refusal(input, answerTool, allowed)
    if (refused !== undefined) return yield* refused
    const body = yield* Effect.tryPromise({
      try: () => DirectRequests.converseBody(client.sdk, input),
      catch: (error) => BedrockError.fromUnknown(error, { model: request.model, request: input })
    })
    return line(recordId, body)
  })
  const embedding = Effect.fnUntraced(function*({ batch, recordId }: Batch.ResolvedEmbedding) {
    const family = yield* familyOf(batch.options)
    return line(recordId, yield* Resolution.encode(family, batch))
  })
  return (record) => {
    const { model } = record.kind === "chat" ? record.request : record.batch.options
    return Effect.andThen(checkModel(model), record.kind === "chat" ? chat(record) : embedding(record))
  }
}

/** The id has letters and digits only, and the body is JSON in one line. */
const line = (recordId: string, body: string): Uint8Array =>
  new TextEncoder().encode(`{"recordId":"${recordId}","modelInput":${body}}`)

/** Fails with `UnsupportedFeatureError` for what no batch job is made of. */
export const checkModel = (model: string): Effect.Effect<void, ProviderError.UnsupportedFeatureError> => {
  const { kind } = ModelId.parse(model)
  return interactive.has(kind) ? Effect.fail(unsupported(model, "model", `a ${kind}`)) : Effect.void
}

const interactive: ReadonlySet<ModelId.Kind> = new Set<ModelId.Kind>([
  "prompt",
  "prompt-router",
  "default-prompt-router",
  "provisioned-model",
  "sagemaker-endpoint"
])

const refusal = (
  { modelId = "", outputConfig, toolConfig }: ConverseStreamCommandInput,
  answerTool: string | undefined,
  { responseFormat = true, tools = false }: Allowed
): ProviderError.UnsupportedFeatureError | undefined => {
  // The call of an answer tool could not be told from that of another when it comes back.
  if (answerTool !== undefined) return unsupported(modelId, "responseFormat", "a response format by a tool")
  if (toolConfig !== undefined && !tools) return unsupported(modelId, "tools", "tools")
  if (outputConfig?.textFormat !== undefined && !responseFormat) {
    return unsupported(modelId, "responseFormat", "a response format")
  }
}

const unsupported = (model: string, field: string, feature: string) => {
  const problem = `a batch job does not take ${feature}. Send the record as a single call, or leave it out.`
  return new ProviderError.UnsupportedFeatureError({
    provider: providerName,
    model,
    field,
    feature: `${feature} in a batch job`,
    problem,
    message: `${field}: ${problem}`
  })
}
