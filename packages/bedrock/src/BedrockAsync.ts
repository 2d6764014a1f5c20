/**
 * Embeds long texts, audio and video in segments: one vector for each, and where in the content it is.
 *
 * It starts an asynchronous invocation (StartAsyncInvoke), waits for its end, and reads the vectors from S3. An invocation
 * goes on when the program stops: by its ARN any process can read it. It needs the optional package `@aws-sdk/client-s3`.
 *
 * It is no `EmbeddingService`: an input has many vectors, and they come after minutes. For a text in one vector use
 * `BedrockEmbedding`, also with `truncate: "chunk"`.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { BedrockClient } from "./BedrockClient.ts"
import * as Endpoint from "./client/endpoint.ts"
import type * as Families from "./embedding/Families.ts"
import * as Resolution from "./embedding/Resolution.ts"
import * as Configured from "./internal/configured.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"
import * as WorkOptions from "./internal/workOptions.ts"
import * as Invocations from "./segments/Invocations.ts"
import type * as Output from "./segments/Output.ts"
import type * as SegmentRequest from "./segments/Request.ts"
import * as Segments from "./segments/service.ts"
import * as Location from "./storage/Location.ts"
import * as Storage from "./storage/Storage.ts"

/** What to embed, and how. */
export type Request = SegmentRequest.Request

/** A text, bytes, or an object in S3. */
export type Source = SegmentRequest.Source

/** The vector of a part of the content, and where that part is. */
export type Segment = Output.Segment

/** An invocation; `failure`: why it failed. */
export type Invocation = Segments.Invocation

/**
 * Which model embeds, and where in S3 its input and output are.
 *
 * - `model`: for requests that name none.
 * - `output`: the folder in S3 for the vectors, `s3://bucket/prefix/`; each invocation has a folder of its own in it.
 * - `input`: the folder for content that does not fit into a request; without it such content is refused.
 * - `family`: of a model whose id does not name it.
 * - `polling`: when to ask whether an invocation is over: by default after 5 seconds, growing to 1 minute, with jitter.
 * - the rest: see {@link WorkOptions.WorkOptions}. Marengo needs `bucketOwner` for content in S3.
 */
export interface Options extends WorkOptions.WorkOptions {
  readonly model?: string | undefined
  readonly output: string
  readonly input?: string | undefined
  readonly family?: Families.Name | undefined
  readonly polling?: Schedule.Schedule<unknown> | undefined
}

/** {@link Options}, each of them given or read from `Config`. */
export type ConfigOptions = { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }

/**
 * Embeds in segments.
 *
 * - `start`: starts an invocation, or finds the one of the same request. Fails with `InvalidRequestError` for what the model
 *   does not take, before it is sent.
 * - `status`: an invocation by its ARN.
 * - `resume`: the segments of an invocation, when it is over; fails when it failed, and, after all others, for segments that
 *   the model failed on.
 * - `embedSegments`: both together.
 *
 * What the service counts and charges is not in its answers: there is no usage and no cost here.
 */
export class BedrockAsync extends Context.Service<BedrockAsync, Segments.Service>()("@strata/bedrock/BedrockAsync") {}

/** Starts an invocation, or finds the one of the same request. */
export const start = (request: Request): Effect.Effect<Invocation, ProviderError.CallError, BedrockAsync> =>
  BedrockAsync.use((service) => service.start(request))

/** An invocation by its ARN. */
export const status = (arn: string): Effect.Effect<Invocation, ProviderError.CallError, BedrockAsync> =>
  BedrockAsync.use((service) => service.status(arn))

/** The segments of an invocation that any process started, when it is over. */
export const resume = (arn: string): Stream.Stream<Segment, ProviderError.CallError, BedrockAsync> =>
  Stream.unwrap(BedrockAsync.useSync((service) => service.resume(arn)))

/**
 * The vectors of a text, of audio or video in segments.
 *
 * @example
 * BedrockAsync.embedSegments({
 *   model: "amazon.nova-2-multimodal-embeddings-v1:0",
 *   source: { uri: "s3://my-bucket/talk.mp4", mediaType: "video/mp4" },
 *   segment: { duration: "10 seconds" }
 * })
 */
export const embedSegments = (request: Request): Stream.Stream<Segment, ProviderError.CallError, BedrockAsync> =>
  Stream.unwrap(BedrockAsync.useSync((service) => service.embedSegments(request)))

/**
 * Builds the service from a {@link BedrockClient}. Fails with `InvalidRequestError` for invalid options, and when
 * `@aws-sdk/client-s3` is not installed. Nothing is sent.
 */
export const make = Effect.fnUntraced(function*(
  given: Options
): Effect.fn.Return<BedrockAsync["Service"], ProviderError.InvalidRequestError, BedrockClient> {
  const { polling, s3 = {}, ...options } = yield* Check.run(optionsOf, given, {
    provider: providerName,
    whole: "options"
  })
  const client = yield* BedrockClient
  if (s3.endpoint !== undefined) yield* Endpoint.check(s3.endpoint)
  return Segments.make({
    ...options,
    region: client.region,
    invocations: Invocations.make(client),
    storage: yield* Storage.make(client, s3, options, "an asynchronous invocation"),
    polling: polling ?? Segments.standardPolling,
    retry: WorkOptions.transient(options.retry),
    rangeSize: WorkOptions.rangeSize
  })
})

/**
 * The service of a {@link BedrockClient}, which several services can share. Fails with `InvalidRequestError` as
 * {@link make} does.
 *
 * @example
 * const Videos = BedrockAsync.layer({
 *   model: "amazon.nova-2-multimodal-embeddings-v1:0",
 *   output: "s3://my-bucket/vectors/"
 * }).pipe(Layer.provide(BedrockClient.layer()))
 */
export const layer = (
  options: Options
): Layer.Layer<BedrockAsync, ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(BedrockAsync, make(options))

/** {@link layer} with the options, or some of them, taken from `Config`. */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<BedrockAsync, Config.ConfigError | ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(BedrockAsync, Effect.flatMap(Configured.read<Options>(options), make))

const optionsOf = Check.struct<
  & Omit<Options, "input" | "output">
  & { readonly input?: Location.Location | undefined; readonly output: Location.Location }
>({
  ...WorkOptions.fields,
  model: OwnOptions.model,
  output: Location.folder,
  input: Check.optional(Location.folder),
  family: Resolution.familyName,
  // The types of a schedule cannot be checked.
  polling: Check.optional(
    Check.instance(Schedule.isSchedule, "Give a `Schedule`") as Check.Check<Schedule.Schedule<unknown>>
  )
})
