/**
 * The emulator's own paths, beside Bedrock's: statistics and faults, for other processes, and a web page.
 *
 * They require no signature, so they are restricted to this machine and to clients with the admin token; only
 * `/_strata/health` and the root answer anyone. Requests to them are not counted, their connections are.
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import * as Job from "../batch/Job.ts"
import type * as Jobs from "../batch/Jobs.ts"
import * as EmulatorClock from "../EmulatorClock.ts"
import * as Fault from "../fault/Fault.ts"
import type * as Faults from "../fault/Faults.ts"
import * as Cors from "../http/Cors.ts"
import type * as Exchange from "../http/Exchange.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import * as JsonFile from "../JsonFile.ts"
import * as Quota from "../quota/Quota.ts"
import * as Recording from "../record/Recording.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"
import * as ScriptJson from "../script/ScriptJson.ts"
import * as Statistics from "../Statistics.ts"
import * as Admission from "./Admission.ts"
import * as Backend from "./Backend.ts"
import * as Body from "./Body.ts"
import * as Page from "./Page.ts"
import * as RequestLog from "./RequestLog.ts"

/**
 * How to connect. `credentials` and `apiKey` are included when they are the public defaults, never those given in
 * options.
 */
export type Client = typeof Client.Type
/** @see {@link Client} */
export const Client = Schema.Struct({
  region: Schema.String,
  credentials: Schema.optional(Schema.Struct({ accessKeyId: Schema.String, secretAccessKey: Schema.String })),
  apiKey: Schema.optional(Schema.String)
})

/**
 * Who may use the emulator's own paths besides programs on this machine and its own page.
 *
 * - `token` (none): admits clients on other machines and in other containers, by any host name, that send it as
 *   `authorization: Bearer`, or as a password. It is never logged.
 * - `origins` (none): admits web pages of these origins.
 */
export interface Access {
  readonly token?: Redacted.Redacted | undefined
  readonly origins?: Cors.Origins | undefined
}

/**
 * The state that can be read and changed.
 *
 * - `host`: the address the emulator listens on. `access`: see {@link Access}.
 * - `regions`: the regions served.
 * - `now`: milliseconds since 1970, by the recorder's clock. `backend`: what answers.
 */
export interface Options {
  readonly clock: EmulatorClock.EmulatorClock
  readonly jobs: Jobs.Jobs
  readonly store: ObjectStore.ObjectStore
  readonly recorder: Statistics.Recorder
  readonly faults: Faults.Faults
  readonly quota: Quota.Control
  readonly host: string
  readonly access: Access
  readonly regions: ReadonlyArray<string>
  readonly client: Client
  readonly backend: Backend.Backend
  readonly now: () => number
}

/** Whether a request is for the emulator itself. */
export const isFor = ({ method, target }: Exchange.Exchange): boolean => {
  const [path = ""] = target.split("?", 1)
  return path === "/_strata" || path.startsWith(prefix) || (isReading(method) && (path === "/" || path === "/health"))
}

/**
 * Responds to one request; HEAD is GET without the body:
 * - `GET /_strata/health`, `GET /health`: 200 as soon as the emulator serves, to any client and page.
 * - `GET /`, `GET /_strata/`: the page, for browsers. `GET /` is 200 for any client, with a text for those not admitted.
 * - `GET /_strata/client`: a {@link Client}.
 * - `GET /_strata/statistics`: a {@link Statistics.Statistics}.
 * - `GET /_strata/requests`, `GET /_strata/requests?after={revision}`: a {@link RequestLog.Log} of all requests kept,
 *   or of those changed since.
 * - `GET /_strata/requests/{number}`: a {@link RequestLog.Detail}.
 * - `GET /_strata/faults`: every {@link Fault.Pending}.
 * - `GET /_strata/faults/schema`: the JSON schema of a {@link Fault.Fault}.
 * - `POST /_strata/faults`, `content-type: application/json`: injects a {@link Fault.Fault} or a list of them, and responds
 *   with the list of their ids.
 * - `PUT /_strata/faults/{id}`: puts another fault in the place of a pending one; it begins anew.
 * - `GET /_strata/quotas`, `PUT /_strata/quotas`: the {@link Quota.Limits}; setting them starts with full quotas.
 * - `GET /_strata/quotas/history`: by region and name, what was used of each quota in the last windows, and the refusals.
 * - `GET /_strata/script`, `PUT /_strata/script`: the {@link ScriptJson.Script} that answers, where one does. An invalid one is
 *   refused, and the former one still answers.
 * - `GET /_strata/overview`: a {@link Backend.Overview}.
 * - `PUT /_strata/capture` with `{"on": true}`: whether bodies are kept from now on; those kept are dropped otherwise.
 * - `GET /_strata/recording`: a file that a replay reads: what was recorded, or what is captured.
 * - `GET /_strata/batches`: the batch jobs of all regions, the latest first, as GetModelInvocationJob describes them;
 *   `?limit={number}` of them. `POST /_strata/batches/{id}/stop`: stops one.
 * - `GET /_strata/objects`: the buckets of S3, and what is in each.
 * - `GET /_strata/clock`, `POST /_strata/clock` with `{"advance": "2 hours"}`: the time of the emulator, which is moved
 *   forward; it responds when the batch jobs have done what became due.
 * - `DELETE /_strata/faults`, `DELETE /_strata/faults/{id}`: clears all of them, or one.
 */
export const handle = (options: Options) => {
  const { access, backend, client, clock, faults, host, jobs, now, quota, recorder, regions, store } = options
  const { origins = [], token } = access
  const refusal = Admission.refuse({ host, token, origins })
  const startedAt = now()
  let faultSchema: unknown

  const setQuotas = Effect.fnUntraced(function*(exchange: Exchange.Exchange) {
    const limits = yield* Body.read(exchange, (json) => Quota.fromJson(json, regions))
    quota.set(limits)
    return HttpResponse.json(encodeLimits(limits))
  })

  const history = () => HttpResponse.json(quota.history())

  const time = () => HttpResponse.json({ now: new Date(clock.now()).toISOString() })

  const moveClock = Effect.fnUntraced(function*(exchange: Exchange.Exchange) {
    const duration = yield* Body.read(exchange, EmulatorClock.fromJson)
    yield* clock.advance(duration)
    return time()
  })

  const injectAll = Effect.fnUntraced(function*(exchange: Exchange.Exchange) {
    const json = yield* Body.json(exchange)
    const given = Array.isArray(json)
      ? json.map((fault: unknown, index) => Fault.fromJson(fault, `faults[${index}]`))
      : [Fault.fromJson(json)]
    const injected = yield* Effect.flatMap(
      Effect.fromResult(Result.all(given)),
      Effect.forEach((fault) => faults.inject(fault))
    ).pipe(Effect.mapError(Body.invalid()))
    return HttpResponse.json(injected.map(({ id }) => id))
  })

  const replaceFault = Effect.fnUntraced(function*(id: number, exchange: Exchange.Exchange) {
    const json = yield* Body.json(exchange)
    const fault = yield* Effect.mapError(Effect.fromResult(Fault.fromJson(json)), Body.invalid())
    const replaced = yield* Effect.mapError(faults.replace(id, fault), Body.invalid())
    return replaced ? HttpResponse.json([id]) : yield* Admission.nothingHere
  })

  const script = Effect.suspend(() => {
    if (backend.script === undefined) return Effect.fail(noScript)
    // a program may have given values that JSON does not have
    return Effect.mapError(
      Effect.map(encodeScript(backend.script.script()), (script) => HttpResponse.json(script)),
      () => AwsError.make("ConflictException", "The script in force has values that JSON does not have.")
    )
  })

  const setScript = Effect.fnUntraced(function*(exchange: Exchange.Exchange) {
    if (backend.script === undefined) return yield* noScript
    const given = yield* Body.read(exchange, (json) => ScriptJson.fromJson(json, "script"), scriptRemedy)
    backend.script.set(given)
    return yield* script
  })

  const setCapture = Effect.fnUntraced(function*(exchange: Exchange.Exchange) {
    const { on } = yield* Body.read(exchange, (json) => decodeCapture(json, "capture"))
    recorder.capture.keep(on)
    return HttpResponse.json(recorder.capture.state())
  })

  const recording = Effect.gen(function*() {
    const exchanges = yield* Backend.exchanges(backend, recorder.capture)
    if (exchanges === undefined) return yield* noRecording
    return {
      ...HttpResponse.json({}, { "content-disposition": "attachment; filename=\"recording.json\"" }),
      body: encoder.encode(Recording.toText(exchanges))
    }
  })

  const batches = (query: string) => {
    const limit = Number(new URLSearchParams(query).get("limit") ?? Infinity)
    const all = jobs.list()
    return HttpResponse.json((limit >= 0 ? all.slice(0, limit) : all).map(Job.describe))
  }

  const stopBatch = (id: string) => Effect.as(jobs.stop(id), HttpResponse.json({}))

  const log = Effect.fnUntraced(function*(query: string) {
    const after = new URLSearchParams(query).get("after") ?? "0"
    if (!/^\d{1,15}$/.test(after)) return yield* AwsError.validation("`after` is a revision, a number.")
    const requests = yield* recorder.requests
    return HttpResponse.json(encodeLog(RequestLog.since(requests, Number(after), { startedAt, now: now() })))
  })

  const detail = Effect.fnUntraced(function*(number: number) {
    const request = (yield* recorder.requests).find((request) => request.number === number)
    if (request === undefined) return yield* Admission.nothingHere
    return HttpResponse.json(encodeDetail(RequestLog.detailOf(request, recorder.capture.answer(number))))
  })

  const remove = Effect.fnUntraced(function*(id: number) {
    return (yield* faults.remove(id)) ? HttpResponse.json([id]) : yield* Admission.nothingHere
  })

  const respond = Effect.fnUntraced(function*(
    exchange: Exchange.Exchange
  ): Effect.fn.Return<HttpResponse.HttpResponse, AwsError.AwsError | Body.InvalidBodyError> {
    const method = isReading(exchange.method) ? "GET" : exchange.method
    const [whole = "", query = ""] = exchange.target.split("?", 2)
    const path = whole.slice(prefix.length)
    if (method === "GET" && (path === "health" || whole === "/health")) {
      return HttpResponse.json({ status: "ok", regions })
    }
    const refused = refusal(exchange)
    if (refused !== undefined) return whole === "/" ? root : yield* refused
    switch (`${method} ${path}`) {
      case "GET client":
        return HttpResponse.json(encodeClient(client))
      case "GET statistics":
        return HttpResponse.json(encodeStatistics(yield* recorder.statistics))
      case "GET requests":
        return yield* log(query)
      case "GET faults":
        return HttpResponse.json(encodePending(yield* faults.pending))
      case "GET faults/schema":
        return HttpResponse.json(faultSchema ??= schemaOfFaults())
      case "GET quotas":
        return HttpResponse.json(encodeLimits(quota.limits()))
      case "GET batches":
        return batches(query)
      case "GET overview":
        return HttpResponse.json(encodeOverview(yield* Backend.overview(backend, recorder.capture)))
      case "GET quotas/history":
        return history()
      case "GET script":
        return yield* script
      case "PUT script":
        return yield* setScript(exchange)
      case "PUT capture":
        return yield* setCapture(exchange)
      case "GET recording":
        return yield* recording
      case "GET objects":
        return HttpResponse.json(store.summaries())
      case "GET clock":
        return time()
      case "POST clock":
        return yield* moveClock(exchange)
      case "PUT quotas":
        return yield* setQuotas(exchange)
      case "POST faults":
        return yield* injectAll(exchange)
      case "DELETE faults":
        yield* faults.clear
        return HttpResponse.json([])
    }
    const [, collection, number] = /^(requests|faults)\/(\d{1,15})$/.exec(path) ?? []
    if (method === "GET" && collection === "requests") return yield* detail(Number(number))
    if (method === "DELETE" && collection === "faults") return yield* remove(Number(number))
    if (method === "PUT" && collection === "faults") return yield* replaceFault(Number(number), exchange)
    const [, job] = /^batches\/([a-z0-9]{1,20})\/stop$/.exec(path) ?? []
    if (method === "POST" && job !== undefined) return yield* stopBatch(job)
    return method === "GET" ? yield* Page.file(path) : yield* Admission.nothingHere
  })

  return (exchange: Exchange.Exchange): Effect.Effect<void> => {
    const allowed = isHealth(exchange) ? "any" : origins
    if (Cors.isPreflight(exchange)) {
      return HttpResponse.send(exchange, Cors.preflight(exchange, allowed, "--admin-cors"), headers)
    }
    return respond(exchange).pipe(
      Effect.catchDefect(HttpResponse.failedInside),
      Effect.catchTag("AwsError", (error) => Effect.succeed(refusing(error))),
      Effect.catchTag("InvalidBodyError", (error) => Effect.succeed(invalid(error))),
      Effect.flatMap((response) => HttpResponse.send(Cors.expose(exchange, allowed), response, headers))
    )
  }
}

const encoder = new TextEncoder()

const isReading = (method: string): boolean => method === "GET" || method === "HEAD"

const isHealth = ({ target }: Exchange.Exchange): boolean => /^\/(?:_strata\/)?health(?:\?|$)/.test(target)

/** With 401 a browser asks for the token. */
const refusing = (error: AwsError.AwsError): HttpResponse.Whole => {
  const response = HttpResponse.error(error)
  return error.status === 401
    ? { ...response, headers: { ...response.headers, "www-authenticate": "Basic realm=\"Strata emulator\"" } }
    : response
}

/** 400, like a validation error, and with what is wrong at each path. */
const invalid = ({ message, problems, remedy }: Body.InvalidBodyError): HttpResponse.Whole => ({
  ...HttpResponse.error(AwsError.validation(message)),
  body: encoder.encode(JSON.stringify({ message, problems, remedy }))
})

const noScript = AwsError.make(
  "ConflictException",
  "No script answers here. Start the emulator with --script, or without --replay, --record and --answer local."
)

const scriptRemedy = "Correct the paths that are named, and send the script again. The former script still answers."

const noRecording = AwsError.make(
  "ConflictException",
  "Nothing is recorded. Turn capture on, by PUT /_strata/capture with {\"on\": true}, or start the emulator with --record."
)

/** For those who may not see the page, but ask whether the emulator runs. */
const root: HttpResponse.Whole = {
  type: "whole",
  status: 200,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: encoder.encode(
    "Emulator of Amazon Bedrock Runtime. Its page is available on its machine, or with its admin token: /_strata/\n"
  )
}

const prefix = "/_strata/"

const headers: Exchange.Headers = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff"
}

const encodeClient = Schema.encodeSync(Client)

const encodeStatistics = Schema.encodeSync(Schema.toCodecJson(Statistics.Statistics))

const encodeLog = Schema.encodeSync(RequestLog.Log)

const encodeDetail = Schema.encodeSync(RequestLog.Detail)

const encodeOverview = Schema.encodeSync(Backend.Overview)

const encodeScript = Schema.encodeUnknownEffect(Schema.toCodecJson(ScriptJson.Script))

const decodeCapture = JsonFile.fromJson(Schema.Struct({ on: Schema.Boolean }))

const encodeLimits = Schema.encodeSync(Schema.toCodecJson(Quota.Limits))

const encodePending = Schema.encodeSync(Schema.toCodecJson(Schema.Array(Fault.Pending)))

const schemaOfFaults = () => Schema.toJsonSchemaDocument(Schema.toCodecJson(Fault.Fault)).schema
