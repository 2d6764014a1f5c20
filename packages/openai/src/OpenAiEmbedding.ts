/**
 * Embeddings of any server that speaks OpenAI's API.
 *
 * Numbers are asked for as numbers, and read by the shape that arrives. Lists are split by the caps of the profile; order,
 * duplicates and retries are those of `EmbeddingService.make`.
 */
import * as Check from "@strata/core/Check"
import type * as Embedding from "@strata/core/embedding/Embedding"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Vector from "@strata/core/embedding/Vector"
import type * as Policy from "@strata/core/policy/Policy"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Problem from "./chat/request/Problem.ts"
import * as Vectors from "./embedding/Vectors.ts"
import * as Configured from "./internal/configured.ts"
import { providerKey } from "./internal/provider.ts"
import { OpenAiClient } from "./OpenAiClient.ts"
import * as OpenAiError from "./OpenAiError.ts"
import type { KnownEmbeddingModel } from "./OpenAiOptions.ts"

/**
 * Which model embeds, and under which policy.
 *
 * - `model`: a call can name another. `dimensions`: of calls that ask for none.
 * - `policy`: `Policy.standard` when missing. `coalesce`: how long `embed` waits for other calls to share its request.
 */
export interface Options {
  readonly model?: KnownEmbeddingModel | (string & {}) | undefined
  readonly dimensions?: number | undefined
  readonly policy?: Policy.Policy | undefined
  readonly coalesce?: Duration.Input | undefined
}

/**
 * Builds the service from an {@link OpenAiClient}. Invalid options fail with `InvalidRequestError` when the service is built.
 *
 * Vectors are of type `float`; those of OpenAI have unit length. `purpose` is ignored. `dimensions` is sent only if asked for, and
 * the answer is held to it. Beside the errors of the client, calls fail with
 * - `UnsupportedFeatureError`, before anything is sent, for images, other types of vectors, and `dimensions` where the profile
 *   has none;
 * - `MalformedResponseError` if an answer does not hold one vector for each input, all of one length, none of zeros only.
 */
export const make = Effect.fnUntraced(function*(given?: Options): Effect.fn.Return<
  EmbeddingService.EmbeddingService["Service"],
  ProviderError.InvalidRequestError,
  OpenAiClient | Scope.Scope
> {
  const options = yield* Check.run(optionsOf, given === undefined ? {} : given, {
    provider: providerKey,
    whole: "options"
  })
  const client = yield* OpenAiClient
  const { profile: { embedding, provider }, region, server } = client
  return yield* EmbeddingService.make({
    provider,
    defaultModel: options.model,
    identity: { client: client.identity, dimensions: options.dimensions ?? null },
    policy: options.policy,
    coalesce: options.coalesce,
    metering: { scope: () => region ?? server },
    limits: (request) => {
      const problem = lacking(client, { ...request, dimensions: request.dimensions ?? options.dimensions })
      return problem === undefined
        ? Effect.succeed({
          maxItems: embedding.maxInputs,
          maxLength: (embedding.maxInputTokens ?? 1_000_000) * charactersPerToken,
          // By an estimate of one token for each character, which no text exceeds by much.
          maxBatchLength: embedding.maxTokens
        })
        : Effect.fail(problem)
    },
    embedBatch: (batch) => embedBatch(client, options.dimensions, batch)
  })
})

/** More than any text has on the average: the server decides about texts below that. */
const charactersPerToken = 16

const optionsOf = Check.struct<Options>({
  model: Check.optional(Check.filled),
  dimensions: Check.optional(
    Check.number({ min: 1, whole: true, what: "a number of dimensions", remedy: "Use a whole number from 1" })
  ),
  policy: Check.unchecked<Policy.Policy | undefined>(),
  coalesce: Check.optional(Check.duration())
})

/**
 * The embedding service. Needs an {@link OpenAiClient}, which several services can share. Fails with
 * `InvalidRequestError` for invalid options.
 *
 * @example
 * const Embeddings = OpenAiEmbedding.layer({ model: "text-embedding-3-small" }).pipe(
 *   Layer.provide(OpenAiClient.layerConfig())
 * )
 */
export const layer = (
  options?: Options
): Layer.Layer<EmbeddingService.EmbeddingService, ProviderError.InvalidRequestError, OpenAiClient> =>
  Layer.effect(EmbeddingService.EmbeddingService, make(options))

/**
 * {@link layer} with options from `Config`; a `model` that is not given is read from `OPENAI_EMBEDDING_MODEL`.
 */
export const layerConfig = (
  options: Config.Wrap<Options> = {}
): Layer.Layer<
  EmbeddingService.EmbeddingService,
  Config.ConfigError | ProviderError.InvalidRequestError,
  OpenAiClient
> =>
  Layer.effect(
    EmbeddingService.EmbeddingService,
    Effect.flatMap(
      Configured.read<Options>(options),
      (given) => Effect.flatMap(Configured.model(given, "OPENAI_EMBEDDING_MODEL"), make)
    )
  )

/** What the server does not have. */
const lacking = (
  { profile }: OpenAiClient["Service"],
  { dimensions, model, vectorType }: Embedding.ResolvedOptions
): ProviderError.UnsupportedFeatureError | undefined => {
  const who = { provider: profile.provider, model }
  if (vectorType !== "float") {
    return Problem.unsupported(who, "vectorType", `vectors of type ${vectorType}`, "Use \"float\"")
  }
  return dimensions === undefined || profile.embedding.dimensions
    ? undefined
    : Problem.unsupported(who, "dimensions", "number of dimensions", "Leave it out, or set it in the profile")
}

const embedBatch = Effect.fnUntraced(function*(
  client: OpenAiClient["Service"],
  ownDimensions: number | undefined,
  { inputs, options: { dimensions = ownDimensions, model, normalize, providerOptions } }: Embedding.ProviderBatch
): Effect.fn.Return<Embedding.ProviderBatchResult, ProviderError.CallError> {
  const { provider } = client.profile
  const { openai = {} } = yield* Check.run(ownOptions, providerOptions ?? {}, {
    provider,
    model,
    field: "providerOptions"
  })
  const body = {
    model,
    input: inputs,
    encoding_format: "float",
    ...(dimensions !== undefined && { dimensions }),
    ...openai
  }
  const answer = yield* client.post("embeddings", body, { floats: true })
  const read = Vectors.read(answer.body, inputs.length, dimensions)
  if (Result.isFailure(read)) {
    const asked = { provider, model, server: client.server }
    return yield* Effect.fail(OpenAiError.malformed(asked, answer.requestId, read.failure))
  }
  const { inputTokens, vectors } = read.success
  return {
    vectors: normalize === true ? vectors.map(Vector.normalizeInPlace) : vectors,
    ...(inputTokens !== undefined && { inputTokens })
  }
})

const ownOptions = Check.struct<{ readonly openai?: Readonly<Record<string, unknown>> | undefined }>({
  openai: Check.optional(Check.jsonObject("Give an object with fields of the request"))
}, { others: "ignored" })
