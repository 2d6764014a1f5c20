/**
 * Bedrock Runtime on 127.0.0.1: a real server for AWS SDKs, backed by the `ChatService` and `EmbeddingService` in
 * context.
 *
 * It checks signatures, requests and models as strictly as the service, enforces token quotas and injects faults. It
 * does not emulate the models themselves.
 */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as TaggedError from "@strata/core/TaggedError"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Invocations from "./async/Invocations.ts"
import type * as AwsError from "./AwsError.ts"
import * as Answer from "./batch/Answer.ts"
import * as JobOptions from "./batch/JobOptions.ts"
import * as Jobs from "./batch/Jobs.ts"
import * as EmulatorClock from "./EmulatorClock.ts"
import type * as Fault from "./fault/Fault.ts"
import * as Faults from "./fault/Faults.ts"
import type * as Guardrail from "./guardrail/Guardrail.ts"
import * as Cors from "./http/Cors.ts"
import type * as Exchange from "./http/Exchange.ts"
import * as HttpResponse from "./http/HttpResponse.ts"
import * as Listener from "./http/Listener.ts"
import * as Tls from "./http/Tls.ts"
import type * as JsonFile from "./JsonFile.ts"
import type * as Model from "./model/Model.ts"
import * as OpenAiSettings from "./openai/Options.ts"
import * as Quota from "./quota/Quota.ts"
import * as Region from "./region/Region.ts"
import * as RegionState from "./region/RegionState.ts"
import type * as Responder from "./Responder.ts"
import * as Router from "./Router.ts"
import * as ObjectStore from "./s3/ObjectStore.ts"
import * as S3Operation from "./s3/S3Operation.ts"
import type * as S3Options from "./s3/S3Options.ts"
import type * as Signature from "./Signature.ts"
import * as Statistics from "./Statistics.ts"
import * as Admin from "./web/Admin.ts"
import type * as Backend from "./web/Backend.ts"

/**
 * The emulator could not start, or an option of it is not valid.
 *
 * When: its port is in use or not permitted, or its certificate, its quotas or another option cannot be used.
 *
 * Remedy: choose another port, or correct the option that the message names.
 */
export class EmulatorError extends TaggedError.make<EmulatorError>()("EmulatorError", {
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/** The options a Bedrock client needs to reach the emulator. */
export interface ClientOptions {
  readonly endpoint: string
  readonly region: string
  readonly credentials: Signature.Credentials
}

/**
 * What a client of OpenAI's dialect needs to reach the emulator.
 *
 * - `baseUrl`: OpenAI's own, for models by OpenAI's names: `https://api.openai.com/v1` there. Also for local servers.
 * - `runtimeUrl`: Bedrock Runtime's, whose quotas are those of Converse:
 *   `https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1` there. Also the `v1` API of Azure.
 * - `mantleUrl`: `https://bedrock-mantle.us-east-1.api.aws` there, without `/v1` or `/openai/v1`, which depend on the
 *   model.
 * - `azureUrl`: the resource of Azure: `https://{name}.openai.azure.com` there; deployments have the names of models.
 * - `apiKey`: a bearer key, or the `api-key` of Azure. The key pair of `client` signs as well: for `bedrock`, and for
 *   `bedrock-mantle`.
 */
export interface OpenAiOptions {
  readonly baseUrl: string
  readonly runtimeUrl: string
  readonly mantleUrl: string
  readonly azureUrl: string
  readonly apiKey: Redacted.Redacted
}

/**
 * A running emulator.
 *
 * - `url`: such as `http://127.0.0.1:4599`; HTTP/1.1 and HTTP/2 on the same port. Begins with `https` where there is a
 *   certificate; `http` is still served.
 * - `certificate`: the certificate clients must trust (PEM), where there is one.
 * - `client`: for clients that sign with SigV4; `apiKey`: for those that send a bearer key.
 * - `openai`: for clients of OpenAI's dialect.
 * - `statistics`, `requests`: what it received so far; `requests` keeps the latest ones. `ended`: each completed
 *   request, from the first pull of the stream until the emulator stops.
 * - `inject`, `clearFaults`: faults to come; an invalid fault is refused. `faults`: the pending ones, in order.
 * - `setQuota`: replaces the quotas by full ones of these limits; invalid limits are refused.
 * - `advance`: moves the clock of batch jobs, quotas and faults forward, and returns when the jobs have done what became
 *   due; a duration that is not finite or negative is refused.
 *
 * Other processes on this machine get the same from the `/_strata/` paths, see {@link Admin.handle}, and users from the
 * page at `url`.
 */
export class Emulator extends Context.Service<Emulator, {
  readonly url: string
  readonly certificate: string | undefined
  readonly client: ClientOptions
  readonly apiKey: Redacted.Redacted
  readonly openai: OpenAiOptions
  readonly statistics: Effect.Effect<Statistics.Statistics>
  readonly requests: Effect.Effect<ReadonlyArray<Statistics.ReceivedRequest>>
  readonly ended: Stream.Stream<Statistics.ReceivedRequest>
  readonly inject: (fault: Fault.Fault) => Effect.Effect<Fault.Injected, Fault.FaultError>
  readonly faults: Effect.Effect<ReadonlyArray<Fault.Pending>>
  readonly clearFaults: Effect.Effect<void>
  readonly setQuota: (limits: Quota.Limits) => Effect.Effect<void, EmulatorError>
  readonly advance: (duration: Duration.Input) => Effect.Effect<void, EmulatorError>
}>()("@strata/emulator/Emulator") {}

/**
 * Where an emulator listens, and how it behaves.
 *
 * - `host` (127.0.0.1) and `port` (0: any free one).
 * - `tls` (none): serves TLS too, on the same port; see {@link Tls.Options}.
 * - `region` (us-east-1): the default region, and `regions` (only that): all regions served on the port. The region of a
 *   request is that of its host name, its signature or its ARN, see {@link Region.of}; each has its own quotas, prompt
 *   cache and inference profiles.
 * - `credentials`, `apiKeys`: the accepted ones. By default the key pair of AWS's documentation and {@link
 *   defaultApiKey}.
 * - `latency` (none): delay before the first byte of every response; unauthenticated and throttled requests are refused
 *   at once.
 * - `requestTimeout` (60 seconds): maximum time for a client to send a request; then it gets 408, and its connection
 *   closes. 0: no limit.
 * - `models`: added to {@link Model.defaults}; one with the same id replaces it.
 * - `applicationProfiles`: id or ARN of an application inference profile → model id.
 * - `guardrails` (none): those of the account; see {@link Guardrail.Guardrail}.
 * - `inputTokens` (answered): the source of the input token count: the chat service's where it gives one (`answered`),
 *   or always the emulator's own (`counted`), as in CountTokens.
 * - `answeringModel`: the model name passed to the services, such as `(model) => model.id`. By default none: they use
 *   their default model.
 * - `responder`: responds instead of the services, such as a `Replay` or a `Recorder`. Signatures and faults still
 *   apply; models, bodies and quotas are not checked.
 * - `backend`: what the page can do with what answers; {@link Backend.Backend}. Scripts, recorders and replays give it.
 * - `faults`: injected from the start.
 * - `quota` (none): quotas of the models, of tokens and requests; see {@link Quota.Limits}.
 * - `cors` (loopback): the origins of web pages whose SDKs may call the model; see {@link Cors.Origins}.
 * - `admin`: who may use the page and the `/_strata/` paths besides programs on this machine; see {@link Admin.Access}.
 * - `history` (256): number of requests kept.
 * - `capture` (false): whether the bodies of these requests and their answers, which may hold prompts, are kept and shown
 *   by the page and the `/_strata/` paths; the page can switch it. `maxBytes` (64 MB): the bound of the total size of the
 *   requests, and of that of the answers; the oldest are evicted first.
 * - `s3`: the buckets of S3, which the same port serves; see {@link S3Options.S3Options}.
 * - `batch`: the limits of batch jobs, and how long they take; see {@link JobOptions.JobOptions}.
 * - `openai`: the models and the quirks of OpenAI's dialect; see `OpenAi.Options`.
 */
export interface Options {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly tls?: Tls.Options | undefined
  readonly region?: string | undefined
  readonly regions?: ReadonlyArray<string> | undefined
  readonly credentials?: readonly [Signature.Credentials, ...Array<Signature.Credentials>] | undefined
  readonly apiKeys?: readonly [Redacted.Redacted, ...Array<Redacted.Redacted>] | undefined
  readonly latency?: Duration.Input | undefined
  readonly requestTimeout?: Duration.Input | undefined
  readonly models?: ReadonlyArray<Model.Model> | undefined
  readonly applicationProfiles?: Readonly<Record<string, string>> | undefined
  readonly guardrails?: ReadonlyArray<Guardrail.Guardrail> | undefined
  readonly inputTokens?: "answered" | "counted" | undefined
  readonly answeringModel?: ((model: Model.Model) => string | undefined) | undefined
  readonly responder?: Responder.Responder | undefined
  readonly backend?: Backend.Backend | undefined
  readonly faults?: ReadonlyArray<Fault.Fault> | undefined
  readonly quota?: Quota.Limits | undefined
  readonly cors?: Cors.Origins | undefined
  readonly admin?: Admin.Access | undefined
  readonly history?: number | undefined
  readonly capture?: boolean | { readonly maxBytes: number } | undefined
  readonly s3?: S3Options.S3Options | undefined
  readonly batch?: JobOptions.JobOptions | undefined
  readonly openai?: OpenAiSettings.Options | undefined
}

/** The example key pair of AWS's documentation: it is valid only for an emulator. */
export const defaultCredentials: Signature.Credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: Redacted.make("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

const publishedCredentials = {
  accessKeyId: defaultCredentials.accessKeyId,
  secretAccessKey: Redacted.value(defaultCredentials.secretAccessKey)
}

/** The default API key of an emulator. */
export const defaultApiKey: Redacted.Redacted = Redacted.make("bedrock-api-key-of-the-emulator")

/** The maximum body length of Bedrock, in bytes. */
const maxBodyBytes = 25_000_000

/** The default bound of captured bodies, in bytes. */
const captureBytes = 64_000_000

/**
 * Starts an emulator; closing the scope stops it and closes every connection.
 *
 * It runs on the wall clock, also under `TestClock`, because its clients sign and wait in real time. Only quotas and
 * the schedules of faults use the clock in context, so that a test can advance it.
 *
 * Fails with `EmulatorError` when it cannot listen, and for invalid options.
 */
export const make: (options?: Options) => Effect.Effect<
  Emulator["Service"],
  EmulatorError,
  ChatService.ChatService | EmbeddingService.EmbeddingService | Scope.Scope
> = Effect.fnUntraced(function*(options: Options = {}) {
  const host = options.host ?? "127.0.0.1"
  const served = yield* servedRegions(options)
  const [region] = served
  const credentials = options.credentials ?? [defaultCredentials]
  const apiKeys = options.apiKeys ?? [defaultApiKey]
  const limits = yield* Effect.mapError(Effect.fromResult(Quota.check(options.quota ?? {}, served)), notStarted)
  if (options.admin?.token !== undefined && Redacted.value(options.admin.token).trim() === "") return yield* noToken
  const settings = yield* Effect.mapError(Effect.fromResult(JobOptions.settle(options.batch ?? {})), notStarted)
  const openai = yield* Effect.mapError(Effect.fromResult(OpenAiSettings.check(options.openai ?? {})), notStarted)
  const clock = yield* EmulatorClock.make
  const onClock = Effect.provideService(Clock.Clock, clock.clock)
  const regions = yield* onClock(RegionState.make({ ...options, served, quota: limits, openai }))
  const now = () => Clock.Clock.defaultValue().currentTimeMillisUnsafe()
  const { capture = false } = options
  const recorded = Statistics.make({
    history: options.history ?? 256,
    capture: capture !== false,
    captureBytes: typeof capture === "object" ? capture.maxBytes : captureBytes,
    quotas: new Map([...regions].map(([name, { quotas }]) => [name, quotas])),
    now
  })
  const ended = yield* Effect.acquireRelease(PubSub.unbounded<Statistics.ReceivedRequest>(), PubSub.shutdown)
  const recorder: Statistics.Recorder = {
    ...recorded,
    end: (attempt, outcome) => {
      recorded.end(attempt, outcome)
      PubSub.publishUnsafe(ended, { ...attempt })
    }
  }
  const faults = yield* Effect.mapError(onClock(Faults.make(options.faults ?? [])), notStarted)
  const services = yield* Effect.context<ChatService.ChatService | EmbeddingService.EmbeddingService>()
  const store = yield* Effect.mapError(onClock(ObjectStore.make(options.s3 ?? {}, region)), notStarted)
  const guardrails = options.guardrails ?? []
  const countInput = options.inputTokens === "counted"
  const answering = options.answeringModel ?? (() => undefined)
  const answer = Answer.make({ regions, guardrails, countInput, answering })
  const answered = (question: Answer.Question) => Effect.provideContext(onWallClock(answer(question)), services)
  const jobs = yield* Jobs.make({ clock, store, settings, answer: answered })
  const invocations = yield* Invocations.make({ clock, store, millis: settings.invocation, answer: answered })
  const handle = Router.handle({
    store,
    jobs,
    invocations,
    recorder,
    faults,
    served,
    regions,
    accepted: { credentials, apiKeys },
    latency: Duration.fromInputUnsafe(options.latency ?? 0),
    guardrails,
    countInput,
    answering,
    responder: options.responder
  })
  const quota: Quota.Control = {
    limits: () => inForce,
    history: () => Object.fromEntries([...regions].map(([name, { quotas }]) => [name, quotas.history()])),
    set: (limits) => {
      inForce = limits
      for (const [name, { quotas }] of regions) quotas.replace(Quota.limitsIn(name, limits))
    }
  }
  let inForce = limits
  const administer = Admin.handle({
    clock,
    jobs,
    store,
    quota,
    recorder,
    faults,
    host,
    now,
    access: options.admin ?? {},
    backend: options.backend ?? {},
    regions: served,
    client: {
      region,
      credentials: options.credentials === undefined ? publishedCredentials : undefined,
      apiKey: options.apiKeys === undefined ? Redacted.value(defaultApiKey) : undefined
    }
  })
  const origins = options.cors ?? "loopback"
  const serve = (exchange: Exchange.Exchange) => {
    if (!S3Operation.isFor(exchange) && Admin.isFor(exchange)) return administer(exchange)
    return Cors.isPreflight(exchange)
      ? HttpResponse.send(exchange, Cors.preflight(exchange, origins, "--cors"), {})
      : handle(Cors.expose(exchange, origins))
  }
  const tls = options.tls === undefined
    ? undefined
    : yield* Effect.mapError(onWallClock(Tls.make(options.tls, host)), notStarted)
  const port = yield* Listener.listen({
    host,
    port: options.port ?? 0,
    tls: tls?.server,
    maxBodyBytes,
    requestTimeout: Duration.fromInputUnsafe(options.requestTimeout ?? "60 seconds"),
    onConnection: (traffic) => ({ decision: faults.strikeConnection(), closed: recorder.connection(traffic) }),
    handle: (exchange) => Effect.provideContext(onWallClock(serve(exchange)), services)
  }).pipe(Effect.mapError(notStarted))
  const url = `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`
  return Emulator.of({
    url,
    certificate: tls?.certificate,
    client: { endpoint: url, region, credentials: credentials[0] },
    apiKey: apiKeys[0],
    openai: {
      baseUrl: `${url}/v1`,
      runtimeUrl: `${url}/openai/v1`,
      mantleUrl: `${url}/mantle`,
      azureUrl: url,
      apiKey: apiKeys[0]
    },
    statistics: recorder.statistics,
    requests: recorder.requests,
    ended: Stream.fromPubSub(ended),
    inject: faults.inject,
    faults: faults.pending,
    clearFaults: faults.clear,
    advance: (duration) => Effect.mapError(advance(clock, duration), notStarted),
    setQuota: (limits) =>
      Effect.fromResult(Quota.check(limits, served)).pipe(Effect.map(quota.set), Effect.mapError(notStarted))
  })
})

/**
 * {@link make} as a layer.
 *
 * @example
 * const program = Effect.gen(function*() {
 *   const emulator = yield* Emulator.Emulator
 *   yield* emulator.inject({ type: "throttle", times: 2 })
 *   return emulator.client
 * })
 */
export const layer = (
  options?: Options
): Layer.Layer<Emulator, EmulatorError, ChatService.ChatService | EmbeddingService.EmbeddingService> =>
  Layer.effect(Emulator, make(options))

const advance = (clock: EmulatorClock.EmulatorClock, duration: Duration.Input) =>
  Effect.flatMap(Effect.fromResult(EmulatorClock.check(duration)), clock.advance)

const onWallClock = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())

/** The default region first. */
const servedRegions = ({ region, regions = [] }: Options): Effect.Effect<Region.Served, EmulatorError> => {
  const [first = "us-east-1", ...others] = region === undefined ? regions : [region, ...regions]
  const wrong = [first, ...others].find((name) => !Region.isRegion(name))
  return wrong === undefined
    ? Effect.succeed([first, ...new Set(others.filter((name) => name !== first))])
    : Effect.fail(
      new EmulatorError({ message: `"${wrong}" is not a region: use a name such as us-west-2`, cause: wrong })
    )
}

const noToken = new EmulatorError({ message: "admin.token: Expected a token, got an empty text", cause: undefined })

const notStarted = (
  error: Listener.ListenError | Tls.TlsError | Fault.FaultError | JsonFile.JsonFileError | AwsError.AwsError
) => new EmulatorError({ message: error.message, cause: "cause" in error ? error.cause : error })
