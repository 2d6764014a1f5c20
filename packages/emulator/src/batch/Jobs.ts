/**
 * The batch jobs of an emulator, and the operations on them.
 *
 * What the service model and the documentation leave open is marked as assumed.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FiberSet from "effect/FiberSet"
import * as AwsError from "../AwsError.ts"
import type * as Fault from "../fault/Fault.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import * as Model from "../model/Model.ts"
import type * as Operation from "../Operation.ts"
import * as Fate from "./Fate.ts"
import * as Job from "./Job.ts"
import * as JobRequest from "./JobRequest.ts"
import * as JobRun from "./JobRun.ts"
import * as Page from "./Page.ts"
import type * as Processing from "./Processing.ts"

/**
 * - `fate`: the faults that strike the creation of a job; `struck` is called when it is created.
 * - `random`: a whole number from 0 to `below` - 1.
 */
export interface Call {
  readonly route: Operation.JobRoute
  readonly catalog: Model.Catalog
  readonly body: unknown
  readonly fate: ReadonlyArray<Fault.JobFault>
  readonly struck: () => void
  readonly random: (below: number) => number
}

/**
 * - `respond`: the response to one request. `list`: all jobs, the latest first. `stop`: stops the job with this id.
 */
export interface Jobs {
  readonly respond: (call: Call) => Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError>
  readonly list: () => ReadonlyArray<Job.Job>
  readonly stop: (id: string) => Effect.Effect<void, AwsError.AwsError>
}

/** Jobs that are kept; then the oldest that is over is forgotten. */
const maxJobs = 10_000

/** No jobs yet. Closing the scope ends those that run. */
export const make = Effect.fnUntraced(function*<R>(options: Processing.Options<R>) {
  const { clock, settings } = options
  const jobs = new Map<string, Job.Job>()
  const fork = yield* FiberSet.makeRuntime<R, void, never>()

  const find = (region: string, identifier: string) => {
    if (!identifierPattern.test(identifier)) return Effect.fail(invalidIdentifier(identifier))
    const job = jobs.get(identifier.slice(-idLength))
    return job === undefined || job.region !== region || (identifier.length > idLength && Job.arnOf(job) !== identifier)
      ? Effect.fail(notFound)
      : Effect.succeed(job)
  }

  const create = Effect.fnUntraced(function*({ body, catalog, fate, random, struck }: Call) {
    const request = yield* Effect.fromResult(JobRequest.read(body))
    yield* Effect.fromResult(Model.resolve(catalog, request.modelId))
    const { clientRequestToken: token } = request
    const mine = [...jobs.values()].filter(({ region }) => region === catalog.region)
    const same = token === undefined ? undefined : mine.find((job) => job.request.clientRequestToken === token)
    if (same !== undefined) {
      return Equal.equals(same.request, request) ? answered(same) : yield* otherParameters
    }
    if (mine.some(({ request: { jobName } }) => jobName === request.jobName)) return yield* nameInUse
    const open = mine.filter((job) => !Job.isOver(job) && job.request.modelId === request.modelId)
    if (open.length >= settings.maxQueued) return yield* tooManyJobs
    const now = clock.now()
    const job: Job.Job = {
      id: Array.from({ length: idLength }, () => letters.charAt(random(letters.length))).join(""),
      region: catalog.region,
      request,
      fate: Fate.of(fate),
      submitTime: now,
      expirationTime: now + Job.timeoutOf(request),
      stop: Deferred.makeUnsafe(),
      status: "Submitted",
      message: undefined,
      lastModifiedTime: now,
      endTime: undefined,
      counts: undefined
    }
    jobs.set(job.id, job)
    struck()
    const oldest = jobs.size > maxJobs ? [...jobs.values()].find(Job.isOver) : undefined
    if (oldest !== undefined) jobs.delete(oldest.id)
    fork(JobRun.run(options, job))
    return answered(job)
  })

  const stop = Effect.fnUntraced(function*(job: Job.Job) {
    if (Job.isOver(job)) return yield* isOver(job)
    if (job.status !== "Stopping") {
      job.status = "Stopping"
      job.lastModifiedTime = clock.now()
      yield* Deferred.succeed(job.stop, undefined)
    }
    return HttpResponse.json({})
  })

  const result: Jobs = {
    list: () => [...jobs.values()].toReversed(),
    stop: (id) => {
      const job = jobs.get(id)
      return job === undefined ? Effect.fail(notFound) : Effect.asVoid(stop(job))
    },
    respond: (call) => {
      const { catalog: { region }, route } = call
      switch (route.operation) {
        case "CreateModelInvocationJob":
          return create(call)
        case "GetModelInvocationJob":
          return Effect.map(find(region, route.identifier), (job) => HttpResponse.json(Job.describe(job)))
        case "StopModelInvocationJob":
          return Effect.flatMap(find(region, route.identifier), stop)
        case "ListModelInvocationJobs": {
          const mine = [...jobs.values()].filter((job) => job.region === region)
          return Effect.map(
            Page.of(mine, route.query, {
              statuses: Job.statuses,
              sortBy: "CreationTime",
              nameOf: ({ request }) => request.jobName
            }),
            ({ items, nextToken }) => HttpResponse.json({ invocationJobSummaries: items.map(Job.describe), nextToken })
          )
        }
      }
    }
  }
  return result
})

const answered = (job: Job.Job) => HttpResponse.json({ jobArn: Job.arnOf(job) })

const idLength = 12

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

const identifierPattern =
  /^(?:arn:aws(?:-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:model-invocation-job\/)?[a-z0-9]{12}$/

const invalidIdentifier = (identifier: string) =>
  AwsError.validation(
    `1 validation error detected: Value '${
      identifier.slice(0, 100)
    }' at 'jobIdentifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:model-invocation-job/)?[a-z0-9]{12})`
  )

/** Assumed. */
const notFound = AwsError.make("ResourceNotFoundException", "Could not find the batch inference job.")

/** That names are unique, and this exception, are assumed. */
const nameInUse = AwsError.make("ConflictException", "The provided job name is currently being used.")

/** Documented is only that a repeated token is ignored; other parameters with it are assumed to be refused. */
const otherParameters = AwsError.make(
  "ConflictException",
  "The provided client request token was used before with other parameters."
)

/** The message is assumed. */
const tooManyJobs = AwsError.make(
  "ServiceQuotaExceededException",
  "The number of submitted or in progress batch inference jobs for this model exceeds the quota of your account."
)

/** Assumed. */
const isOver = ({ status }: Job.Job) =>
  AwsError.make("ConflictException", `The batch inference job cannot be stopped: its status is ${status}.`)
