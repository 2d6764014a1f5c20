/**
 * Batch jobs on the control plane of Bedrock, each function one attempt, with typed errors.
 *
 * `@aws-sdk/client-bedrock` is an optional package, loaded when a layer is built.
 */
import * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type * as BedrockClient from "../BedrockClient.ts"
import * as ModelId from "../catalog/ModelId.ts"
import * as Siblings from "../client/siblings.ts"
import * as Failure from "../error/Failure.ts"
import { providerName } from "../internal/provider.ts"
import * as Location from "../storage/Location.ts"
import * as JobFailure from "./JobFailure.ts"

/** A job, and the folder below which its output is; `undefined` where the service does not name it. */
export interface Described {
  readonly job: Batch.Job
  readonly output: Location.Location | undefined
}

/** A job to create; `input`: its file, `output`: the folder for its results. */
export interface Creation {
  readonly name: string
  readonly token: string
  readonly model: string
  readonly kind: Batch.Kind
  readonly roleArn: string
  readonly input: Location.Location
  readonly output: Location.Location
  readonly timeoutHours: number
  readonly bucketOwner?: string | undefined
  readonly kmsKey?: string | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
}

/**
 * - `create`: gives the ARN of the job, which is one for all calls with the same token.
 * - `get`: a job by its ARN. `find`: the newest with this very name. `stop`: asks for its end.
 */
export interface Jobs {
  readonly create: (creation: Creation) => Effect.Effect<string, ProviderError.CallError>
  readonly get: (id: string) => Effect.Effect<Described, ProviderError.CallError>
  readonly find: (name: string) => Effect.Effect<Described | undefined, ProviderError.CallError>
  readonly stop: (id: string) => Effect.Effect<void, ProviderError.CallError>
}

/** The control plane, with the credentials and connections of the client. Fails with `InvalidRequestError` without it. */
export const make = Effect.fnUntraced(function*(
  { region, sdk }: BedrockClient.BedrockClient["Service"],
  endpoint: string | undefined
): Effect.fn.Return<Jobs, ProviderError.InvalidRequestError> {
  const Sdk = yield* Effect.promise(Siblings.controlPlane)
  if (Sdk === undefined) return yield* Siblings.notInstalled("a batch job", "@aws-sdk/client-bedrock")
  // The handler is the client's, which closes it: nothing here has to be closed.
  const client = new Sdk.BedrockClient({
    ...Siblings.configWithKeyOf(sdk),
    ...(endpoint === undefined ? undefined : { endpoint })
  })
  const call = <A>(who: string, send: (abortSignal: AbortSignal) => Promise<A>) =>
    Siblings.call(sdk, { who, region }, send)

  return {
    create: ({ bucketOwner, input, kind, kmsKey, model, name, output, roleArn, tags, timeoutHours, token }) => {
      const owner = bucketOwner === undefined ? undefined : { s3BucketOwner: bucketOwner }
      return Effect.flatMap(
        Siblings.call(sdk, { model, region }, (abortSignal) =>
          client.send(
            new Sdk.CreateModelInvocationJobCommand({
              jobName: name,
              clientRequestToken: token,
              modelId: model,
              roleArn,
              modelInvocationType: kind === "chat" ? "Converse" : "InvokeModel",
              inputDataConfig: {
                s3InputDataConfig: { s3Uri: Location.toUri(input), s3InputFormat: "JSONL", ...owner }
              },
              outputDataConfig: {
                s3OutputDataConfig: {
                  s3Uri: Location.toUri(output),
                  ...owner,
                  ...(kmsKey === undefined ? undefined : { s3EncryptionKeyId: kmsKey })
                }
              },
              timeoutDurationInHours: timeoutHours,
              ...(tags === undefined
                ? undefined
                : { tags: Object.entries(tags).map(([key, value]) => ({ key, value })) })
            }),
            { abortSignal }
          )),
        ({ jobArn }) =>
          Predicate.isString(jobArn)
            ? Effect.succeed(jobArn)
            : Effect.fail(Failure.malformed({ model, region }, "the answer names no job"))
      )
    },
    get: (id) =>
      Effect.flatMap(
        Effect.mapError(
          call(named(id), (abortSignal) =>
            client.send(new Sdk.GetModelInvocationJobCommand({ jobIdentifier: id }), { abortSignal })),
          unknownJob(id)
        ),
        (answer) =>
          described(answer, region)
      ),
    find: (name) => {
      const pages = Stream.paginate<string | undefined, unknown, ProviderError.CallError>(
        undefined,
        (nextToken) =>
          Effect.map(
            call(named(name), (abortSignal) =>
              client.send(
                new Sdk.ListModelInvocationJobsCommand({
                  nameContains: name,
                  sortBy: "CreationTime",
                  sortOrder: "Descending",
                  maxResults: 100,
                  ...(nextToken === undefined ? undefined : { nextToken })
                }),
                { abortSignal }
              )),
            ({ invocationJobSummaries = [], nextToken }) =>
              [invocationJobSummaries, nextToken === undefined ? Option.none() : Option.some(nextToken)] as const
          )
      )
      const ofName = Stream.filter(
        pages,
        (summary) => Predicate.hasProperty(summary, "jobName") && summary.jobName === name
      )
      return Effect.flatMap(
        Stream.runHead(ofName),
        Option.match({ onNone: () => Effect.undefined, onSome: (summary) => described(summary, region) })
      )
    },
    stop: (id) =>
      Effect.asVoid(Effect.mapError(
        call(named(id), (abortSignal) =>
          client.send(new Sdk.StopModelInvocationJobCommand({ jobIdentifier: id }), { abortSignal })),
        unknownJob(id)
      ))
  }
})

const named = (job: string): string => `batch job ${job}`

/** The service calls whatever it does not find a resource. */
const unknownJob = (id: string) => (error: ProviderError.CallError): ProviderError.CallError =>
  error._tag !== "ModelNotFoundError" ? error : ProviderError.invalidRequest({
    provider: providerName,
    field: "id",
    problem: `there is no batch job "${id}"`,
    remedy: "Check the ARN, the account and the region, or find the job by its name"
  })

/** A job as the service describes it, of which each field may be of any type. */
const described = (
  given: unknown,
  region: string | undefined
): Effect.Effect<Described, ProviderError.MalformedResponseError> => {
  const read = (name: string): unknown => Predicate.hasProperty(given, name) ? given[name] : undefined
  const text = (name: string): string | undefined => {
    const value = read(name)
    return Predicate.isString(value) ? value : undefined
  }
  const count = (name: string): number | undefined => {
    const value = read(name)
    return Predicate.isNumber(value) && Number.isSafeInteger(value) && value >= 0 ? value : undefined
  }
  const time = (name: string): number | undefined => {
    const value = read(name)
    const milliseconds = value instanceof Date ? value.getTime() : Number.NaN
    return Number.isNaN(milliseconds) ? undefined : milliseconds
  }
  const id = text("jobArn")
  const modelId = text("modelId")
  if (id === undefined || modelId === undefined) {
    return Effect.fail(Failure.malformed({ who: "batch job", region }, "the answer describes no job"))
  }
  const state = states.get(text("status") ?? "") ?? "running"
  const message = text("message")
  const model = modelOf(modelId)
  const job: Batch.Job = {
    id,
    name: text("jobName") ?? "",
    model,
    kind: read("modelInvocationType") === "Converse" ? "chat" : "embedding",
    state,
    ...(state === "failed" && { failure: JobFailure.of(message ?? "", { model, region }) }),
    counts: {
      total: count("totalRecordCount"),
      processed: count("processedRecordCount"),
      succeeded: count("successRecordCount"),
      failed: count("errorRecordCount")
    },
    submittedAt: time("submitTime") ?? 0,
    endedAt: time("endTime"),
    expiresAt: time("jobExpirationTime")
  }
  const config = read("outputDataConfig")
  const s3 = Predicate.hasProperty(config, "s3OutputDataConfig") ? config.s3OutputDataConfig : undefined
  const uri = Predicate.hasProperty(s3, "s3Uri") && Predicate.isString(s3.s3Uri) ? s3.s3Uri : ""
  return Effect.succeed({ job, output: Location.parse(uri) })
}

/** A state newer than this list is one of a job that works. */
const states: ReadonlyMap<string, Batch.State> = new Map<string, Batch.State>([
  ["Submitted", "submitted"],
  ["Validating", "validating"],
  ["Scheduled", "scheduled"],
  ["InProgress", "running"],
  ["Stopping", "stopping"],
  ["Completed", "completed"],
  ["PartiallyCompleted", "partially-completed"],
  ["Expired", "expired"],
  ["Failed", "failed"],
  ["Stopped", "stopped"]
])

/** The model as requests name it: prices and families are looked up by that. */
const modelOf = (modelId: string): string => {
  const { kind } = ModelId.parse(modelId)
  return ModelId.isArn(modelId) && (kind === "foundation-model" || kind === "inference-profile")
    ? modelId.slice(modelId.indexOf("/") + 1)
    : modelId
}
