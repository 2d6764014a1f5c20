/**
 * The asynchronous invocations of an emulator, and the operations on them.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FiberSet from "effect/FiberSet"
import * as AwsError from "../AwsError.ts"
import type * as Answer from "../batch/Answer.ts"
import * as Page from "../batch/Page.ts"
import * as Records from "../batch/Records.ts"
import type * as EmulatorClock from "../EmulatorClock.ts"
import type * as Fault from "../fault/Fault.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import * as Model from "../model/Model.ts"
import type * as Operation from "../Operation.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"
import * as Invocation from "./Invocation.ts"
import * as Marengo from "./Marengo.ts"
import * as Nova from "./Nova.ts"
import type * as Work from "./Work.ts"

/** - `millis`: how long an invocation is in progress at least. `answer`: answers a body of InvokeModel. */
export interface Options<R> {
  readonly clock: EmulatorClock.EmulatorClock
  readonly store: ObjectStore.ObjectStore
  readonly millis: number
  readonly answer: (question: Answer.Question) => Effect.Effect<Answer.Answer, AwsError.AwsError, R>
}

/** - `fate`, `struck`: as of a batch job. `random`: a whole number from 0 to `below` - 1. */
export interface Call {
  readonly route: Operation.AsyncRoute
  readonly catalog: Model.Catalog
  readonly body: unknown
  readonly fate: ReadonlyArray<Fault.JobFault>
  readonly struck: () => void
  readonly random: (below: number) => number
}

/** Responds to one request. */
export interface Invocations {
  readonly respond: (call: Call) => Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError>
}

/** Invocations that are kept; then the oldest is forgotten. */
const maxInvocations = 10_000

/** None yet. Closing the scope ends those that run. */
export const make = Effect.fnUntraced(function*<R>(options: Options<R>) {
  const { clock, store } = options
  const invocations = new Map<string, Invocation.Invocation>()
  const fork = yield* FiberSet.makeRuntime<R, void, never>()

  const run = (invocation: Invocation.Invocation, model: Model.EmbeddingModel, work: Work.Work, failure?: string) =>
    Effect.gen(function*() {
      const { region, request } = invocation
      yield* clock.until(invocation.submitTime + options.millis)
      if (failure !== undefined) return yield* AwsError.validation(failure)
      const folder = Invocation.folderOf(invocation)
      const bucket = yield* Records.bucketOf(store, folder.bucket, {
        action: "PutObject",
        region,
        owner: request.outputDataConfig.s3OutputDataConfig.bucketOwner
      })
      yield* work({
        store,
        region,
        bucket,
        model,
        folder: folder.key,
        answer: (input) => options.answer({ region, model, modelId: model.id, type: "InvokeModel", input })
      })
    }).pipe(
      Effect.catchDefect((defect) =>
        Effect.andThen(
          Effect.logError("An asynchronous invocation failed with a defect", defect),
          Effect.fail(AwsError.make("InternalServerException", AwsError.texts.InternalServerException))
        )
      ),
      Effect.match({
        onFailure: ({ message }) => {
          invocation.status = "Failed"
          invocation.failureMessage = message
        },
        onSuccess: () => {
          invocation.status = "Completed"
        }
      }),
      Effect.andThen(Effect.sync(() => {
        invocation.lastModifiedTime = clock.now()
        invocation.endTime = clock.now()
      })),
      clock.work
    )

  const start = Effect.fnUntraced(function*({ body, catalog, fate, random, struck }: Call) {
    const request = yield* Effect.fromResult(Invocation.read(body))
    const model = yield* Effect.fromResult(Model.resolveAsync(catalog, request.modelId))
    const prepare = model.kind === "embedding" ? families[model.family] : undefined
    if (model.kind !== "embedding" || prepare === undefined) return yield* unsupported
    const work = yield* Effect.fromResult(prepare(request.modelInput))
    const { clientRequestToken: token } = request
    const same = token === undefined ?
      undefined :
      [...invocations.values()].find((invocation) =>
        invocation.region === catalog.region && invocation.request.clientRequestToken === token
      )
    if (same !== undefined) return Equal.equals(same.request, request) ? answered(same) : yield* otherParameters
    const invocation: Invocation.Invocation = {
      id: Array.from({ length: 12 }, () => letters.charAt(random(letters.length))).join(""),
      region: catalog.region,
      model: model.id,
      request,
      submitTime: clock.now(),
      status: "InProgress",
      failureMessage: undefined,
      lastModifiedTime: clock.now(),
      endTime: undefined
    }
    invocations.set(invocation.id, invocation)
    const [oldest] = invocations.size > maxInvocations ? invocations.keys() : []
    if (oldest !== undefined) invocations.delete(oldest)
    const failure = fate.find((fault) => fault.type === "jobFailure")
    if (failure !== undefined) struck()
    fork(run(invocation, model, work, failure && (failure.message ?? "The asynchronous invocation failed.")))
    return answered(invocation)
  })

  const get = (region: string, arn: string) => {
    if (!arnPattern.test(arn)) return Effect.fail(invalidArn(arn))
    const invocation = invocations.get(arn.slice(-12))
    return invocation?.region === region && Invocation.arnOf(invocation) === arn
      ? Effect.succeed(HttpResponse.json(Invocation.describe(invocation)))
      : Effect.fail(notFound)
  }

  const result: Invocations = {
    respond: (call) => {
      const { catalog: { region }, route } = call
      switch (route.operation) {
        case "StartAsyncInvoke":
          return start(call)
        case "GetAsyncInvoke":
          return get(region, route.identifier)
        case "ListAsyncInvokes": {
          const mine = [...invocations.values()].filter((invocation) => invocation.region === region)
          return Effect.map(
            Page.of(mine, route.query, { statuses: Invocation.statuses, sortBy: "SubmissionTime" }),
            ({ items, nextToken }) =>
              HttpResponse.json({ asyncInvokeSummaries: items.map(Invocation.describe), nextToken })
          )
        }
      }
    }
  }
  return result
})

const families: { readonly [Family in Model.EmbeddingFamily]?: typeof Nova.prepare } = {
  "nova-2": Nova.prepare,
  "marengo-2.7": Marengo.prepare27,
  "marengo-3.0": Marengo.prepare30
}

const answered = (invocation: Invocation.Invocation) =>
  HttpResponse.json({ invocationArn: Invocation.arnOf(invocation) })

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

const arnPattern = /^arn:aws(?:-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:async-invoke\/[a-z0-9]{12}$/

const invalidArn = (arn: string) =>
  AwsError.validation(
    `1 validation error detected: Value '${
      arn.slice(0, 100)
    }' at 'invocationArn' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:async-invoke/[a-z0-9]{12}`
  )

/** The operation has no `ResourceNotFoundException` in the service's model; the message is assumed. */
const notFound = AwsError.validation("The asynchronous invocation does not exist.")

/** Assumed, as for a batch job. */
const otherParameters = AwsError.make(
  "ConflictException",
  "The provided client request token was used before with other parameters."
)

/** The message is assumed. */
const unsupported = AwsError.validation(
  "The model that you provided does not support asynchronous invocation. Try again with a supported model."
)
