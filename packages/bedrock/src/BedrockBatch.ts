/**
 * Batch inference on Amazon Bedrock: jobs whose records are files in S3, at half the price of single calls for most models.
 *
 * Records of chat go through Converse, those to embed through InvokeModel, encoded as `BedrockChat` and `BedrockEmbedding`
 * do. It needs two optional packages: `@aws-sdk/client-bedrock` and `@aws-sdk/client-s3`.
 *
 * https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
 */
import type * as Batch from "@strata/core/batch/Batch"
import * as BatchService from "@strata/core/batch/BatchService"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Encoding from "./batch/Encoding.ts"
import * as Jobs from "./batch/Jobs.ts"
import * as Limits from "./batch/Limits.ts"
import * as Preflight from "./batch/Preflight.ts"
import * as Provider from "./batch/provider.ts"
import { BedrockClient } from "./BedrockClient.ts"
import * as Endpoint from "./client/endpoint.ts"
import type * as History from "./converse/History.ts"
import * as Preparation from "./converse/Preparation.ts"
import * as Families from "./embedding/Families.ts"
import * as Resolution from "./embedding/Resolution.ts"
import * as InferenceProfile from "./InferenceProfile.ts"
import * as Configured from "./internal/configured.ts"
import * as OwnOptions from "./internal/ownOptions.ts"
import { providerName } from "./internal/provider.ts"
import * as WorkOptions from "./internal/workOptions.ts"
import * as Location from "./storage/Location.ts"
import * as Storage from "./storage/Storage.ts"

/**
 * What a Converse job may hold, about which AWS's pages disagree: `tools` are refused when missing, `responseFormat` is
 * taken, where the model has it natively.
 */
export type Allowed = Encoding.Allowed

/** Limits of jobs by model: an id with or without its geography, or `*` for all. See `Batch.Limits`. */
export type LimitsByModel = Limits.Overrides

/**
 * Which model answers, where in S3 the files of jobs are, and how long a job may take.
 *
 * - `model`: for records and jobs that name none. Most models need the id of an inference profile (`us.amazon.nova-…`).
 * - `input`, `output`: folders in S3, `s3://bucket/prefix/`. A job has a file `<input><name>.jsonl`, and a folder in `output`.
 * - `roleArn`: the role that Bedrock takes on to read and write there.
 *   https://docs.aws.amazon.com/bedrock/latest/userguide/batch-iam-sr.html
 * - `timeout`: of jobs that name none: 24 hours, up to 168, when missing. What is not answered then is lost to the job.
 * - `limits`: where Service Quotas has others for the account; `maxOpenJobs`: the same for all models.
 * - `family`: the model behind an id that does not name it, as in the options of `BedrockChat` and `BedrockEmbedding`.
 * - `history`: as in the options of `BedrockChat`. `allow`: see {@link Allowed}.
 * - `endpoint`: a URL in place of the control plane's own.
 * - the rest: see {@link WorkOptions.WorkOptions}.
 */
export interface Options extends WorkOptions.WorkOptions {
  readonly model?: string | undefined
  readonly input: string
  readonly output: string
  readonly roleArn: string
  readonly timeout?: Duration.Input | undefined
  readonly limits?: LimitsByModel | undefined
  readonly maxOpenJobs?: number | undefined
  readonly family?: string | undefined
  readonly history?: History.Mode | undefined
  readonly allow?: Allowed | undefined
  readonly endpoint?: string | undefined
}

/** {@link Options}, each of them given or read from `Config`. */
export type ConfigOptions = { readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]> }

/**
 * Builds the service from a {@link BedrockClient}, whose credentials, region and connections it uses. S3 takes no API keys:
 * with one, the credentials of the environment are used for it.
 *
 * Fails with `InvalidRequestError` for invalid options, and when one of the two packages is not installed. Nothing is sent.
 */
export const make = Effect.fnUntraced(function*(
  given: Options
): Effect.fn.Return<Batch.Batch, ProviderError.InvalidRequestError, BedrockClient> {
  const { allow = {}, endpoint, family, history, limits = {}, maxOpenJobs, s3 = {}, timeout, ...options } = yield* Check
    .run(optionsOf, given, { provider: providerName, whole: "options" })
  const client = yield* BedrockClient
  const control = endpoint === undefined ? undefined : yield* Endpoint.check(endpoint)
  if (s3.endpoint !== undefined) yield* Endpoint.check(s3.endpoint)
  const jobs = yield* Jobs.make(client, control)
  const storage = yield* Storage.make(client, s3, options, "a batch job")
  const familyHint = Families.names.find((name) => name === family)
  const retry = WorkOptions.transient(options.retry)
  return yield* BatchService.make(Provider.make({
    ...options,
    partSize,
    rangeSize: WorkOptions.rangeSize,
    model: options.model,
    client,
    jobs,
    storage,
    allowed: allow,
    prepare: yield* Preparation.make({ family, history }),
    familyOf: Resolution.make(familyHint, yield* InferenceProfile.InferenceProfile),
    limits: Limits.make(limits, {
      ...(timeout === undefined ? undefined : { timeout }),
      ...(maxOpenJobs === undefined ? undefined : { maxOpenJobs })
    }),
    retry,
    preflight: Preflight.make({ ...options, jobs, storage, retry, region: client.region })
  }))
})

/** S3 takes parts from 5 MiB on; one is held in memory. */
const partSize = 8 * 1024 * 1024

/**
 * The batch service of Bedrock. Needs a {@link BedrockClient}, which several services can share. Fails with
 * `InvalidRequestError` as {@link make} does.
 *
 * @example
 * const Batches = BedrockBatch.layer({
 *   model: "us.amazon.nova-lite-v1:0",
 *   input: "s3://my-bucket/in/",
 *   output: "s3://my-bucket/out/",
 *   roleArn: "arn:aws:iam::123456789012:role/batch"
 * }).pipe(Layer.provide(BedrockClient.layer()))
 */
export const layer = (
  options: Options
): Layer.Layer<BatchService.BatchService, ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(BatchService.BatchService, make(options))

/**
 * {@link layer} with the options, or some of them, taken from `Config`.
 *
 * @example
 * BedrockBatch.layerConfig({
 *   model: "us.amazon.nova-lite-v1:0",
 *   input: Config.String("BATCH_INPUT"),
 *   output: Config.String("BATCH_OUTPUT"),
 *   roleArn: Config.String("BATCH_ROLE_ARN")
 * })
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<BatchService.BatchService, Config.ConfigError | ProviderError.InvalidRequestError, BedrockClient> =>
  Layer.effect(BatchService.BatchService, Effect.flatMap(Configured.read<Options>(options), make))

const roleArn: Check.Check<string> = (given, at) =>
  typeof given === "string" && !/^arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/\S+$/u.test(given)
    ? Check.refuse(at, "it is not the ARN of a role", "Write it like \"arn:aws:iam::123456789012:role/my-batch-role\"")
    : Check.text(given, at)

const optionsOf = Check.struct<
  & Omit<Options, "input" | "output" | "limits" | "timeout">
  & {
    readonly input: Location.Location
    readonly output: Location.Location
    readonly limits?: Limits.SettledOverrides | undefined
    readonly timeout?: Duration.Duration | undefined
  }
>({
  ...WorkOptions.fields,
  model: OwnOptions.model,
  input: Location.folder,
  output: Location.folder,
  roleArn,
  timeout: Check.optional(Check.duration({ zero: false })),
  limits: Check.optional(Limits.check),
  maxOpenJobs: Check.optional(
    Check.number({ min: 1, whole: true, what: "a number of jobs", remedy: "Use a whole number from 1" })
  ),
  family: Check.optional(Check.filled),
  history: Check.optional(Check.word(["repair", "strict"])),
  allow: Check.optional(Check.struct<Allowed>({
    tools: Check.optional(Check.flag),
    responseFormat: Check.optional(Check.flag)
  })),
  endpoint: Check.optional(Check.filled)
})
