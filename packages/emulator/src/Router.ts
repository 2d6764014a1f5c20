/**
 * The way of a request through the emulator: read, recognise, authenticate, perhaps spoil, answer, send.
 */
import type * as ChatService from "@strata/core/ChatService"
import * as EmbeddingService from "@strata/core/EmbeddingService"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import * as Answer from "./Answer.ts"
import * as ApplyGuardrail from "./ApplyGuardrail.ts"
import * as AwsError from "./AwsError.ts"
import * as Converse from "./converse/Converse.ts"
import * as CountTokens from "./converse/CountTokens.ts"
import type * as Faults from "./fault/Faults.ts"
import * as Spoil from "./fault/Spoil.ts"
import type * as Guardrail from "./Guardrail.ts"
import * as InvokeChat from "./invoke/chat/InvokeChat.ts"
import * as InvokeHeaders from "./invoke/chat/InvokeHeaders.ts"
import * as Cohere from "./invoke/Cohere.ts"
import * as Embed from "./invoke/Embed.ts"
import * as Marengo from "./invoke/Marengo.ts"
import * as Metered from "./invoke/Metered.ts"
import * as Nova from "./invoke/Nova.ts"
import * as Rerank from "./invoke/Rerank.ts"
import * as Titan from "./invoke/Titan.ts"
import * as Json from "./Json.ts"
import type * as Listener from "./Listener.ts"
import * as Model from "./Model.ts"
import * as Operation from "./Operation.ts"
import type * as Quota from "./Quota.ts"
import type { Answers } from "./record/Answers.ts"
import * as Signature from "./Signature.ts"
import type * as Statistics from "./Statistics.ts"

/**
 * - `answering`: the model name the services behind are told for a model; `undefined` lets them use their own.
 * - `memory`: what conversations leave behind; `countInput`: see `Converse.Call`.
 * - `answers`: asked instead of the operations.
 */
export interface Options {
  readonly accepted: Signature.Accepted
  readonly catalog: Model.Catalog
  readonly faults: Faults.Faults
  readonly quotas: Quota.Quotas
  readonly recorder: Statistics.Recorder
  readonly latency: Duration.Duration
  readonly guardrails: ReadonlyArray<Guardrail.Guardrail>
  readonly memory: Converse.Memory
  readonly countInput: boolean
  readonly answering: (model: Model.Model) => string | undefined
  readonly answers: Answers | undefined
}

/** Answers one request, whatever it is; never fails. */
export const handle = (options: Options) => {
  const { recorder } = options
  return Effect.fnUntraced(function*(exchange: Listener.Exchange) {
    const random = yield* Random.Random
    const clock = yield* Clock.Clock
    const started = clock.currentTimeMillisUnsafe()
    const requestId = uuid(() => random.nextIntUnsafe())
    const attempt = recorder.begin(exchange, requestId)
    const context: Context = {
      ...options,
      exchange,
      attempt,
      requestId,
      elapsed: () => Math.max(0, Math.round(clock.currentTimeMillisUnsafe() - started)),
      now: started,
      random: (below) => Math.floor(random.nextDoubleUnsafe() * below)
    }
    let dropped = false
    const observed: Listener.Exchange = {
      ...exchange,
      respond: (status, headers) =>
        Effect.suspend(() => {
          recorder.answered(attempt, status)
          return exchange.respond(status, headers)
        }),
      cut: (bytes, how) =>
        Effect.suspend(() => {
          dropped = true
          return exchange.cut(bytes, how)
        })
    }
    yield* answer(context).pipe(
      Effect.catchDefect(Answer.failedInside),
      Effect.catchTag("AwsError", (error) => Effect.succeed(Answer.error(error))),
      Effect.flatMap((answer) => Answer.send(observed, answer, { "x-amzn-requestid": requestId })),
      // what a request holds of a quota, it holds until it is over
      Effect.scoped,
      Effect.onExit((exit) =>
        Effect.sync(() => {
          const gone = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
          recorder.end(attempt, dropped ? "dropped" : gone ? "aborted" : "completed")
        })
      )
    )
  })
}

interface Context extends Options {
  readonly exchange: Listener.Exchange
  readonly attempt: Statistics.Attempt
  readonly requestId: string
  readonly now: number
  readonly elapsed: () => number
  readonly random: (below: number) => number
}

const answer = Effect.fnUntraced(function*(context: Context) {
  const { accepted, answers, attempt, catalog, exchange, faults, latency, now, recorder } = context
  const bytes = yield* Effect.mapError(exchange.body, tooLarge)
  const json = bytes.length === 0 ? Result.succeed({}) : Json.fromBytes(bytes)
  attempt.body = Result.getOrUndefined(json)
  const route = Operation.fromTarget(exchange.method, exchange.target)
  if (route === undefined) return yield* unknownOperation
  const modelId = route.operation === "ApplyGuardrail" ? undefined : route.modelId
  recorder.routed(attempt, route.operation, modelId)
  const model = modelId === undefined ? undefined : Result.getOrUndefined(Model.resolve(catalog, modelId))
  if (model !== undefined) recorder.resolved(attempt, model.id)
  const request = { method: exchange.method, target: exchange.target, headers: exchange.headers, body: bytes }
  attempt.scheme = yield* Signature.authenticate(accepted, { ...request, now })
  const strike = faults.strike({
    operation: route.operation,
    models: [modelId, model?.id].filter((name) => name !== undefined),
    texts: () => textsOf(attempt.body),
    fingerprint: () => fingerprint(exchange.target, bytes)
  })
  const delay = makeDelay(Duration.sum(latency, strike.latency))
  const sound = answers === undefined
    ? dispatch({ ...context, delay }, route, json)
    : answers(request)
  return yield* Spoil.spoil(sound, inItsWords(strike, route.operation)).pipe(
    Effect.tap(delay.wait),
    Effect.tapError(() => delay.wait)
  )
})

/** The exception of a fault, as the stream of the operation calls it. */
const inItsWords = (strike: Faults.Strike, operation: Operation.Operation): Faults.Strike => {
  const { fault } = strike
  return fault?.type === "streamException" && operation === "InvokeModelWithResponseStream"
    ? { ...strike, fault: { ...fault, name: fault.name ?? InvokeChat.streamName(fault.exception) } }
    : strike
}

/** Waits once, whoever waits first, or not at all. */
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

const textsOf = (body: unknown): ReadonlyArray<string> => {
  if (typeof body === "string") return [body]
  return typeof body === "object" && body !== null ? Object.values(body).flatMap(textsOf) : []
}

const fingerprint = (target: string, body: Uint8Array): string =>
  Crypto.createHash("sha256").update(`${target}\n`).update(body).digest("base64")

const dispatch = Effect.fnUntraced(function*(
  context: Context & { readonly delay: Delay },
  route: Operation.Route,
  json: Result.Result<unknown, AwsError.AwsError>
): Effect.fn.Return<
  Answer.Answer,
  AwsError.AwsError,
  ChatService.ChatService | EmbeddingService.EmbeddingService | Scope.Scope
> {
  const { catalog, guardrails, quotas } = context
  if (route.operation === "ApplyGuardrail") {
    const body = yield* Effect.fromResult(json)
    return yield* ApplyGuardrail.applyGuardrail({ ...route, guardrails, region: catalog.region, body })
  }
  if (route.operation === "CountTokens") {
    const model = yield* Effect.fromResult(Model.resolveCounted(catalog, route.modelId))
    return yield* CountTokens.countTokens(yield* Effect.fromResult(json), model)
  }
  const model = yield* Effect.fromResult(Model.resolve(catalog, route.modelId))
  const body = yield* Effect.fromResult(json)
  const answering = context.answering(model)
  // the time an answer takes, its tokens are held; a refusal takes none
  const reserve: Quota.Reserve = (claim) =>
    quotas.reserve([route.modelId, model.id])(claim).pipe(
      Effect.tapError(() => context.delay.skip),
      Effect.tap(context.delay.wait)
    )
  const { exchange: { headers } } = context
  const call = { ...context, region: catalog.region, body, answering, reserve, headers }
  if (route.operation === "InvokeModelWithResponseStream") {
    return yield* model.kind === "chat" ? InvokeChat.invokeStream({ ...call, model }) : notStreamable
  }
  if (route.operation === "InvokeModel") {
    if (model.kind === "chat") return yield* InvokeChat.invoke({ ...call, model })
    yield* InvokeHeaders.checkContentType(headers)
    if (model.kind === "rerank") {
      return Rerank.toAnswer(yield* Rerank.rerank(model.family, body, answering), context.elapsed())
    }
    const invoked = yield* Effect.updateService(
      invoke(model.family, body, answering, context.requestId),
      EmbeddingService.EmbeddingService,
      (service) => Metered.metered(service, reserve)
    )
    return Embed.toAnswer(invoked, context.elapsed())
  }
  if (model.kind !== "chat") return yield* notChat
  return yield* route.operation === "Converse"
    ? Converse.converse({ ...call, model })
    : Converse.converseStream({ ...call, model })
})

const invoke = (
  family: Model.EmbeddingFamily,
  body: unknown,
  answering: string | undefined,
  id: string
): Effect.Effect<Embed.Invoked, AwsError.AwsError, EmbeddingService.EmbeddingService> => {
  switch (family) {
    case "titan-v1":
      return Titan.v1(body, answering)
    case "titan-v2":
      return Titan.v2(body, answering)
    case "titan-image-v1":
      return Titan.image(body, answering)
    case "nova-2":
      return Nova.v2(body, answering)
    case "cohere-v3":
      return Cohere.v3(body, answering, id)
    case "cohere-v4":
      return Cohere.v4(body, answering, id)
    case "marengo-2.7":
      return Marengo.v2_7(body, answering)
    case "marengo-3.0":
      return Marengo.v3_0(body, answering)
  }
}

const unknownOperation = AwsError.make("UnknownOperationException", "Unknown operation.")

const notChat = AwsError.validation(
  "This action doesn't support the model that you provided. Try again with a supported text or chat model"
)

const notStreamable = AwsError.validation("The model is unsupported for streaming.")

const tooLarge = ({ limit }: Listener.BodyTooLargeError) =>
  AwsError.make("RequestEntityTooLargeException", `The request body is larger than ${limit} bytes.`)

/** A version 4 UUID from four random 32-bit numbers. */
const uuid = (next: () => number): string => {
  const hex = Array.from({ length: 4 }, () => (next() >>> 0).toString(16).padStart(8, "0")).join("")
  const variant = "89ab".charAt(parseInt(hex.charAt(16), 16) & 3)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}
