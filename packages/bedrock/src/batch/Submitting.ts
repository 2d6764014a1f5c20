/**
 * Creates jobs: one for each name, whatever becomes of the answer to its creation.
 */
import type * as Batch from "@strata/core/batch/Batch"
import * as ProviderError from "@strata/core/ProviderError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import * as ModelId from "../catalog/ModelId.ts"
import { providerName } from "../internal/provider.ts"
import * as Location from "../storage/Location.ts"
import type { Storage } from "../storage/Storage.ts"
import * as Upload from "../storage/Upload.ts"
import * as Encoding from "./Encoding.ts"
import * as JobFailure from "./JobFailure.ts"
import type { Creation, Jobs } from "./Jobs.ts"

/** What all jobs of a layer have in common. */
export interface Settings
  extends Pick<Creation, "roleArn" | "output" | "bucketOwner" | "kmsKey" | "tags">, Upload.Options
{
  readonly jobs: Jobs
  readonly storage: Storage
  readonly input: Location.Location
}

/**
 * Adopts the job of this name, or else uploads the lines and creates it.
 *
 * The name and the token are in the request, so after any doubt about an answer the job is looked up by its name, and only
 * where there is none the creation is sent again.
 */
export const submit = Effect.fnUntraced(function*<E, R>(
  { input, jobs, storage, ...settings }: Settings,
  { kind, lines, model, name, timeout, token }: Batch.ResolvedSubmission<E, R>
): Effect.fn.Return<Batch.Submitted, E | ProviderError.SubmitError, R> {
  const { retry } = settings
  yield* checkName(name)
  yield* Encoding.checkModel(model)
  const adopted = Effect.flatMap(
    Effect.retry(jobs.find(name), retry),
    (found): Effect.Effect<Batch.Submitted | undefined, ProviderError.InvalidRequestError> =>
      found === undefined
        ? Effect.undefined
        : isFor(found.job, kind, model)
        ? Effect.succeed({ outcome: "existing", job: found.job })
        : Effect.fail(taken(found.job, model))
  )
  const existing = yield* adopted
  if (existing !== undefined) return existing
  const file = Location.inside(input, `${name}.jsonl`)
  yield* Upload.lines(storage, file, lines, settings)
  const creation: Creation = {
    name,
    token: tokenOf(token),
    model,
    kind,
    roleArn: settings.roleArn,
    input: file,
    output: settings.output,
    timeoutHours: Math.ceil(Duration.toHours(timeout)),
    bucketOwner: settings.bucketOwner,
    kmsKey: settings.kmsKey,
    tags: settings.tags
  }
  const submittedAt = yield* Clock.currentTimeMillis
  const created = (id: string): Effect.Effect<Batch.Submitted> =>
    Effect.catch(
      Effect.map(jobs.get(id), ({ job }): Batch.Submitted => ({ outcome: "created", job })),
      // It is there, whether or not it can be described.
      () =>
        Effect.succeed({
          outcome: "created",
          job: { id, name, model, kind, state: "submitted", counts: {}, submittedAt }
        })
    )
  const attempt = Effect.matchEffect(jobs.create(creation), {
    onSuccess: (id) => Effect.map(created(id), Result.succeed),
    onFailure: (error): Effect.Effect<Attempted, ProviderError.CallError> => {
      const refused = JobFailure.ofCreation(error)
      // It is for the program to wait, for hours maybe.
      if (refused._tag === "QueueFullError") return Effect.succeed(Result.fail(refused))
      if (!isDoubtful(error)) return Effect.fail(error)
      return Effect.flatMap(
        adopted,
        (found) => found === undefined ? Effect.fail(error) : Effect.succeed(Result.succeed(found))
      )
    }
  })
  return yield* Effect.fromResult(yield* Effect.retry(attempt, retry))
})

type Attempted = Result.Result<Batch.Submitted, ProviderError.QueueFullError>

/** Whether there may be a job in spite of an error: an answer was lost, or another process was faster. */
const isDoubtful = (error: ProviderError.CallError): boolean =>
  !ProviderError.isRefusal(error) || error.exception === "ConflictException"

/** Whether a job is that of a submission, as far as its description shows: ids of models are written in several ways. */
const isFor = (job: Batch.Job, kind: Batch.Kind, model: string): boolean => {
  const [own, asked] = [ModelId.parse(job.model).baseId, ModelId.parse(model).baseId]
  return job.kind === kind && (own === undefined || asked === undefined || own === asked)
}

const taken = (job: Batch.Job, model: string) =>
  ProviderError.invalidRequest({
    provider: providerName,
    model,
    field: "name",
    problem: `there is a job of this name, of kind ${job.kind} for ${job.model}`,
    remedy: "Use another name for each job"
  })

// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html
const checkName = (name: string): Effect.Effect<void, ProviderError.InvalidRequestError> =>
  /^[a-zA-Z0-9][a-zA-Z0-9+.-]{0,61}[a-zA-Z0-9]$|^[a-zA-Z0-9]$/u.test(name)
    ? Effect.void
    : Effect.fail(ProviderError.invalidRequest({
      provider: providerName,
      field: "name",
      problem: "it is not the name of a batch job",
      remedy: "Use 1 to 63 letters, digits and `-+.`, of which a letter or a digit is first and last"
    }))

/** A token has letters, digits and hyphens only; another text is one by its digest. */
const tokenOf = (token: string): string =>
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,254}[a-zA-Z0-9])?$/u.test(token)
    ? token
    : Crypto.createHash("sha256").update(token).digest("hex")
