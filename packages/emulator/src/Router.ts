/**
 * Routes a request: read, parse, authenticate, inject faults, respond.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Invocations from "./async/Invocations.ts"
import * as AwsError from "./AwsError.ts"
import type * as Jobs from "./batch/Jobs.ts"
import * as Converse from "./converse/Converse.ts"
import * as CountTokens from "./CountTokens.ts"
import type * as Fault from "./fault/Fault.ts"
import type * as Faults from "./fault/Faults.ts"
import * as Spoil from "./fault/Spoil.ts"
import type * as Trigger from "./fault/Trigger.ts"
import * as ApplyGuardrail from "./guardrail/ApplyGuardrail.ts"
import type * as Guardrail from "./guardrail/Guardrail.ts"
import type * as Exchange from "./http/Exchange.ts"
import * as HttpResponse from "./http/HttpResponse.ts"
import * as InvokeChat from "./invoke/chat/InvokeChat.ts"
import * as InvokeModel from "./invoke/InvokeModel.ts"
import * as Json from "./Json.ts"
import * as Listing from "./model/Listing.ts"
import * as Model from "./model/Model.ts"
import * as Dialect from "./openai/Dialect.ts"
import * as OpenAiError from "./openai/OpenAiError.ts"
import * as OpenAiRoute from "./openai/Route.ts"
import * as Operation from "./Operation.ts"
import type * as Quota from "./quota/Quota.ts"
import * as Regions from "./region/Region.ts"
import type * as RegionState from "./region/RegionState.ts"
import type * as Responder from "./Responder.ts"
import type * as ObjectStore from "./s3/ObjectStore.ts"
import * as Requests from "./s3/Requests.ts"
import * as S3Error from "./s3/S3Error.ts"
import * as S3Operation from "./s3/S3Operation.ts"
import * as Signature from "./Signature.ts"
import type * as Statistics from "./Statistics.ts"

/**
 * - `served`: the regions, and `regions` the state of each.
 * - `answering`: the model name passed to the services for a model; `undefined` lets them use their default.
 * - `countInput`: see `Converse.Call`.
 * - `responder`: used instead of the operations on models. `store`: the objects of S3. `jobs`: the batch jobs.
 * - `invocations`: the asynchronous ones.
 */
export interface Options {
  readonly accepted: Signature.Accepted
  readonly served: Regions.Served
  readonly regions: ReadonlyMap<string, RegionState.RegionState>
  readonly faults: Faults.Faults
  readonly recorder: Statistics.Recorder
  readonly latency: Duration.Duration
  readonly guardrails: ReadonlyArray<Guardrail.Guardrail>
  readonly countInput: boolean
  readonly answering: (model: Model.Model) => string | undefined
  readonly responder: Responder.Responder | undefined
  readonly store: ObjectStore.ObjectStore
  readonly jobs: Jobs.Jobs
  readonly invocations: Invocations.Invocations
}

/** Responds to any request; never fails. */
export const handle = (options: Options) => {
  const { recorder } = options
  return Effect.fnUntraced(function*(exchange: Exchange.Exchange) {
    const random = yield* Random.Random
    const clock = yield* Clock.Clock
    const started = clock.currentTimeMillisUnsafe()
    const requestId = uuid(() => random.nextIntUnsafe())
    const region = Regions.of(options.served, exchange)
    const name = Result.getOrElse(region, () => options.served[0])
    const attempt = recorder.begin(exchange, requestId, name)
    const context: Omit<Context, keyof RegionState.RegionState> = {
      ...options,
      region: name,
      exchange,
      attempt,
      requestId,
      elapsed: () => Math.max(0, Math.round(clock.currentTimeMillisUnsafe() - started)),
      now: started,
      random: (below) => Math.floor(random.nextDoubleUnsafe() * below)
    }
    let dropped = false
    const observed: Exchange.Exchange = {
      ...exchange,
      respond: (status, headers) =>
        Effect.suspend(() => {
          recorder.responded(attempt, status, headers)
          return exchange.respond(status, headers)
        }),
      write: (bytes) =>
        Effect.suspend(() => {
          recorder.sent(attempt, bytes)
          return exchange.write(bytes)
        }),
      cut: (bytes, how) =>
        Effect.suspend(() => {
          dropped = true
          if (bytes.length > 0) recorder.sent(attempt, bytes)
          return exchange.cut(bytes, how)
        })
    }
    const outcomeOf = (exit: Exit.Exit<unknown>) => {
      if (dropped || exchange.isBroken()) return "dropped"
      if (Exit.isSuccess(exit)) return "completed"
      return Cause.hasInterrupts(exit.cause) ? "aborted" : "failed"
    }
    const refused = (error: AwsError.AwsError) => Effect.sync(() => recorder.refused(attempt, error))
    const isStorage = S3Operation.isFor(exchange)
    const isDialect = !isStorage && OpenAiRoute.isFor(exchange)
    const [resource = ""] = exchange.target.split("?", 1)
    yield* Effect.flatMap(Effect.fromResult(region), (name) => {
      const state = options.regions.get(name)
      // every region that is served has its state
      return state === undefined
        ? Effect.die(`No state of ${name}`)
        : isStorage
        ? store({ ...context, ...state })
        : isDialect
        ? converse({ ...context, ...state })
        : respond({ ...context, ...state })
    }).pipe(
      Effect.catchDefect(HttpResponse.failedInside),
      Effect.map((response) =>
        response.type === "whole" ? response : { ...response, frames: Stream.tapError(response.frames, refused) }
      ),
      Effect.tapError(refused),
      Effect.catchTag(
        "AwsError",
        (error) =>
          Effect.succeed(
            isStorage
              ? S3Error.response(error, { requestId, resource })
              : isDialect
              ? OpenAiError.whole(error)
              : HttpResponse.error(error)
          )
      ),
      Effect.flatMap((response) =>
        isDialect
          ? HttpResponse.send(observed, response, OpenAiError.headers(requestId), OpenAiError.format)
          : HttpResponse.send(observed, response, requestIdOf(isStorage, requestId))
      ),
      Effect.tapDefect((defect) => Effect.logError("A response could not be sent", defect)),
      // a request holds its quota until it is over
      Effect.scoped,
      Effect.onExit((exit) => Effect.sync(() => recorder.end(attempt, outcomeOf(exit))))
    )
  })
}

/** One request and the environment to respond to it. */
interface Context extends Options, RegionState.RegionState {
  readonly region: string
  readonly exchange: Exchange.Exchange
  readonly attempt: Statistics.Attempt
  readonly requestId: string
  readonly now: number
  readonly elapsed: () => number
  readonly random: (below: number) => number
}

const respond = Effect.fnUntraced(function*(context: Context) {
  const { accepted, attempt, exchange, now, recorder, region, responder } = context
  const bytes = yield* Effect.mapError(exchange.body, AwsError.tooLarge)
  const json = bytes.length === 0 ? Result.succeed({}) : Json.fromBytes(bytes)
  recorder.received(attempt, bytes, Result.getOrUndefined(json))
  const route = Operation.fromTarget(exchange.method, exchange.target)
  if (route === undefined) {
    return yield* AwsError.make("UnknownOperationException", Operation.unknown(exchange.method, exchange.target))
  }
  const model = resolve(context, route)
  const request = { method: exchange.method, target: exchange.target, headers: exchange.headers, body: bytes }
  attempt.scheme = yield* Signature.authenticate(accepted, region, { ...request, now, service: "bedrock" })
  const candidate: Trigger.Candidate = {
    operation: route.operation,
    region,
    models: "modelId" in route ? [route.modelId, ...Result.isSuccess(model) ? [model.success.id] : []] : [],
    chats: responder === undefined && isChat(route, model),
    texts: () => Json.texts(Result.getOrUndefined(json)),
    fingerprint: attempt.fingerprint ?? ""
  }
  return yield* struck(context, candidate, (delay, fate) =>
    responder === undefined || !isOfRuntime(route)
      ? dispatch({ ...context, delay, fate }, route, model, json)
      : responder(request))
})

/** Like {@link respond}, for a request of OpenAI's dialect. */
const converse = Effect.fnUntraced(function*(context: Context) {
  const { candidate, response } = yield* Dialect.read(context)
  return yield* struck(context, candidate, (delay) => response((names) => reserving({ ...context, delay }, names)))
})

/** Like {@link respond}, for a request of S3. */
const store = Effect.fnUntraced(function*(context: Context) {
  const { candidate, response } = yield* Requests.read(context)
  return yield* struck(context, candidate, () => response)
})

/** The response with the faults and the latency of a request. */
const struck = <R>(
  context: Context,
  candidate: Trigger.Candidate,
  sound: (delay: Delay, fate: JobFate) => Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError, R>
) =>
  Effect.suspend(() => {
    const { attempt, latency, recorder } = context
    const strike = context.faults.strike(candidate)
    const types = typesOf(strike)
    if (types.length > 0) recorder.struck(attempt, types)
    const delay = makeDelay(Duration.sum(latency, strike.latency))
    const spared = (isSpared: (type: Fault.Fault["type"]) => boolean) =>
      recorder.struck(attempt, attempt.faults.filter((type) => !isSpared(type)))
    const fate: JobFate = { fate: strike.job.map(({ fault }) => fault), struck: () => strikes = true }
    let strikes = strike.job.length === 0
    return Spoil.spoil(sound(delay, fate), strike, {
      nameOf: candidate.operation === "InvokeModelWithResponseStream" ? InvokeChat.streamName : AwsError.streamName,
      spare: (blow) => {
        blow.spare()
        spared((type) => type === blow.fault.type)
      }
    }).pipe(
      // no job was created
      Effect.ensuring(Effect.sync(() => {
        if (strikes) return
        for (const blow of strike.job) blow.spare()
        spared((type) => fate.fate.some((fault) => fault.type === type))
      })),
      Effect.tap(delay.wait),
      Effect.tapError(() => delay.wait)
    )
  })

/** What becomes of the job that a request creates. */
type JobFate = Pick<Jobs.Call, "fate" | "struck">

/** S3 has another header for it. */
const requestIdOf = (isStorage: boolean, requestId: string): Exchange.Headers => ({
  [isStorage ? "x-amz-request-id" : "x-amzn-requestid"]: requestId
})

type Resolved = Result.Result<Model.Model, AwsError.AwsError>

/** Whether the operation is one of Bedrock's runtime, and not of its control plane. */
const isOfRuntime = (route: Operation.Route): boolean => "modelId" in route || route.operation === "ApplyGuardrail"

/** The model of a request, or why it is refused; recorded with the request. Some operations have no model. */
const resolve = ({ attempt, catalog, recorder }: Context, route: Operation.Route): Resolved => {
  if (!("modelId" in route)) {
    recorder.routed(attempt, route.operation, undefined)
    return Result.fail(notChat)
  }
  recorder.routed(attempt, route.operation, route.modelId)
  const model = route.operation === "CountTokens"
    ? Model.resolveCounted(catalog, route.modelId)
    : Model.resolve(catalog, route.modelId)
  if (Result.isSuccess(model)) recorder.resolved(attempt, model.success.id)
  return model
}

/** Whether a chat service will be called. */
const isChat = ({ operation }: Operation.Route, model: Resolved): boolean =>
  operation !== "CountTokens" && Result.isSuccess(model) && model.success.kind === "chat"

const typesOf = ({ job, latency, other, slow }: Faults.Strike) => [
  ...(Duration.isZero(latency) ? [] : ["latency" as const]),
  ...[slow, ...job, other].flatMap((blow) => blow === undefined ? [] : [blow.fault.type])
]

/** Waits once, on the first `wait`, or not at all. */
interface Delay {
  readonly wait: Effect.Effect<void>
  readonly skip: Effect.Effect<void>
}

const makeDelay = (duration: Duration.Duration): Delay => {
  let isOver = Duration.isZero(duration)
  return {
    wait: Effect.suspend(() => {
      if (isOver) return Effect.void
      isOver = true
      return Effect.sleep(duration)
    }),
    skip: Effect.sync(() => {
      isOver = true
    })
  }
}

const dispatch = Effect.fnUntraced(function*(
  context: Context & { readonly delay: Delay; readonly fate: JobFate },
  route: Operation.Route,
  resolved: Resolved,
  json: Result.Result<unknown, AwsError.AwsError>
): Effect.fn.Return<
  HttpResponse.HttpResponse,
  AwsError.AwsError,
  ChatService.ChatService | EmbeddingService.EmbeddingService | Scope.Scope
> {
  const { catalog, guardrails } = context
  if (route.operation === "ApplyGuardrail") {
    const body = yield* Effect.fromResult(json)
    return yield* ApplyGuardrail.applyGuardrail({ ...route, guardrails, region: catalog.region, body })
  }
  if (Operation.isOfJobs(route)) {
    const body = route.operation === "CreateModelInvocationJob" ? yield* Effect.fromResult(json) : undefined
    return yield* context.jobs.respond({ ...context.fate, route, catalog, body, random: context.random })
  }
  if (Operation.isAsync(route)) {
    const body = route.operation === "StartAsyncInvoke" ? yield* Effect.fromResult(json) : undefined
    return yield* context.invocations.respond({ ...context.fate, route, catalog, body, random: context.random })
  }
  if (!("modelId" in route)) return yield* Listing.respond(route, catalog)
  const model = yield* Effect.fromResult(resolved)
  const body = yield* Effect.fromResult(json)
  const call: InvokeModel.Call = {
    ...context,
    region: catalog.region,
    headers: context.exchange.headers,
    body,
    model,
    answering: context.answering(model),
    reserve: reserving(context, [route.modelId, model.id])
  }
  switch (route.operation) {
    case "InvokeModel":
      return yield* InvokeModel.invoke(call)
    case "InvokeModelWithResponseStream":
      return yield* InvokeModel.invokeStream(call)
  }
  if (model.kind !== "chat") return yield* notChat
  switch (route.operation) {
    case "Converse":
      return yield* Converse.converse({ ...call, model })
    case "ConverseStream":
      return yield* Converse.converseStream({ ...call, model })
    case "CountTokens":
      return yield* CountTokens.countTokens(body, model)
  }
})

/** Reserves quota of a model, and records the request's cost. */
const reserving = (
  { attempt, delay, quotas, recorder }: Context & { readonly delay: Delay },
  names: ReadonlyArray<string>
): Quota.Reserve =>
(claim) =>
  quotas.reserve(names)(claim).pipe(
    // tokens are held while the answer is produced; a refusal takes none
    Effect.tapError(() => delay.skip),
    Effect.tap(delay.wait),
    Effect.map((reservation) => {
      let fromCache = 0
      return {
        cached: (tokens) => {
          fromCache = tokens
          reservation.cached(tokens)
        },
        wrote: (outputTokens) => {
          reservation.wrote(outputTokens)
          recorder.spent(attempt, { outputTokens })
        },
        settle: (usage) => {
          reservation.settle(usage)
          const { cacheWriteTokens, inputTokens, outputTokens } = usage
          recorder.spent(attempt, { inputTokens: inputTokens + cacheWriteTokens + fromCache, outputTokens })
        }
      }
    })
  )

const notChat = AwsError.validation(
  "This action doesn't support the model that you provided. Try again with a supported text or chat model"
)

/** A version 4 UUID from four random 32-bit numbers. */
const uuid = (next: () => number): string => {
  const hex = Array.from({ length: 4 }, () => (next() >>> 0).toString(16).padStart(8, "0")).join("")
  const variant = "89ab".charAt(parseInt(hex.charAt(16), 16) & 3)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}
