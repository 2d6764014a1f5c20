/** The provider of batch jobs, over its two services. */
import * as Batch from "@strata/core/batch/Batch"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Failure from "../error/Failure.ts"
import { providerName } from "../internal/provider.ts"
import * as Decoding from "./Decoding.ts"
import * as Encoding from "./Encoding.ts"
import type { Jobs } from "./Jobs.ts"
import * as Results from "./Results.ts"
import * as Submitting from "./Submitting.ts"

/** - `rangeSize`: see `Download.Options`. */
export interface Settings extends Encoding.Settings, Omit<Submitting.Settings, "jobs"> {
  readonly jobs: Jobs
  readonly rangeSize: number
  readonly model: string | undefined
  readonly limits: (model: string) => Batch.Limits
  readonly preflight: Batch.Provider["preflight"]
}

export const make = (settings: Settings): Batch.Provider => {
  const { client, familyOf, jobs, limits, model, preflight, retry, storage } = settings
  const retried = <A>(self: Effect.Effect<A, ProviderError.CallError>) => Effect.retry(self, retry)
  const status: Batch.Provider["status"] = (id) => Effect.map(retried(jobs.get(id)), ({ job }) => job)
  return {
    provider: providerName,
    defaultModel: model,
    identity: { client: client.identity },
    limits,
    embeddingLimits: (options) => Effect.map(familyOf(options), ({ limits }) => limits),
    encode: Encoding.make(settings),
    preflight,
    submit: (submission) => Submitting.submit(settings, submission),
    status,
    poll: (id) => Effect.map(jobs.get(id), ({ job }) => job),
    find: (name) => Effect.map(retried(jobs.find(name)), (found) => found?.job),
    // A job that is over cannot be stopped: then its state is the answer, and else the refusal.
    stop: (id) =>
      Effect.matchEffect(retried(jobs.stop(id)), {
        onSuccess: () => status(id),
        onFailure: (error) =>
          error._tag === "InvalidRequestError"
            ? Effect.flatMap(
              status(id),
              (job) => job.state === "stopping" || Batch.isFinished(job) ? Effect.succeed(job) : Effect.fail(error)
            )
            : Effect.fail(error)
      }),
    results: (job, { embedding, model }) =>
      Stream.unwrap(Effect.gen(function*() {
        const where = Failure.whereOf(client, model)
        const decode = job.kind === "chat"
          ? Decoding.chat(model, where)
          : Decoding.embedding(yield* familyOf(embedding), embedding, where)
        const { output = settings.output } = yield* retried(jobs.get(job.id))
        return Results.read(storage, { folder: output, job }, decode, settings)
      })),
    totals: (job) =>
      Effect.flatMap(
        retried(jobs.get(job.id)),
        ({ output = settings.output }) => Results.totals(storage, { folder: output, job }, settings)
      )
  }
}
