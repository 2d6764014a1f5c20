/**
 * An emulator that forwards requests to the real service and records the responses, for `Replay`.
 *
 * Responses are passed on unchanged as they arrive, streams event by event; for what is removed from the recording see
 * `Secret` and `Redaction`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Emulator from "../Emulator.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import type * as JsonFile from "../JsonFile.ts"
import type * as Responder from "../Responder.ts"
import * as Script from "../script/Script.ts"
import * as Content from "./Content.ts"
import * as EventFrame from "./EventFrame.ts"
import * as Recording from "./Recording.ts"
import * as RecordingFile from "./RecordingFile.ts"
import * as Redaction from "./Redaction.ts"
import * as Secret from "./Secret.ts"
import * as Transcript from "./Transcript.ts"
import * as Upstream from "./Upstream.ts"

/**
 * - `responder`: for {@link Emulator.Options}.
 * - `exchanges`: what was recorded so far, in the order of the requests. A response is in it before its last byte is sent.
 */
export class Recorder extends Context.Service<Recorder, {
  readonly responder: Responder.Responder
  readonly exchanges: Effect.Effect<ReadonlyArray<Recording.Exchange>>
}>()("@strata/emulator/Recorder") {}

/**
 * - `upstream`: the URL of the service; that of Bedrock Runtime in `region` when missing.
 * - `region` (us-east-1): the region in signatures.
 * - `credentials`: of the service: every request is signed with them. An effect runs for each request. Without them API
 *   keys are forwarded, and the emulator must accept them by its `apiKeys`; signed requests are refused.
 * - `redact` (false): replace texts by placeholders, those of {@link Redaction.placeholder} with `true`. See
 *   `Redaction` for what counts as text.
 */
export interface Options {
  readonly upstream?: string | undefined
  readonly region?: string | undefined
  readonly credentials?: Upstream.Credentials | undefined
  readonly redact?: boolean | Redaction.Redact | undefined
}

/**
 * Records in memory.
 *
 * A missing response is not recorded: the client gets a `ServiceUnavailableException`. A stream that was interrupted,
 * by the service or by the client, is recorded up to there. Fails with `EmulatorError` when `upstream` is not a URL.
 */
export const make = (
  options: Options = {}
): Effect.Effect<Recorder["Service"], Emulator.EmulatorError, HttpClient.HttpClient> =>
  start(options, () => Effect.void)

/** The file, and whether its content is kept; by default the first exchange replaces it. */
export interface FileOptions extends Options {
  readonly file: string
  readonly append?: boolean | undefined
}

/**
 * An emulator that records into a file, which is updated every second and at the end: a killed process loses what came
 * after the last update. Write errors are logged. Fails with `JsonFileError` when the file cannot be written, or not be
 * read to `append` to it.
 *
 * Every client that can reach the emulator and has its keys uses your credentials. Its default keys are public: on a
 * shared machine, give it its own `credentials` and `apiKeys`.
 *
 * @example
 * Recorder.layer({ file: "test/chat.json", credentials, redact: true }, { port: 4599 })
 */
export const layer = (
  options: FileOptions,
  emulator?: Omit<Emulator.Options, "regions">
): Layer.Layer<
  Emulator.Emulator | Recorder,
  Emulator.EmulatorError | JsonFile.JsonFileError,
  FileSystem.FileSystem
> =>
  Layer.unwrap(
    Effect.map(Recorder, ({ exchanges, responder }) =>
      Emulator.layer({
        backend: { recorded: exchanges },
        ...emulator,
        region: options.region ?? emulator?.region,
        regions: undefined,
        responder
      }))
  ).pipe(
    Layer.provideMerge(Layer.effect(Recorder, toFile({ ...options, region: options.region ?? emulator?.region }))),
    Layer.provide([FetchHttpClient.layer, Script.layer([])])
  )

const toFile = Effect.fnUntraced(function*({ append, file, ...options }: FileOptions) {
  const fileSystem = yield* FileSystem.FileSystem
  const before = append === true && (yield* Effect.orElseSucceed(fileSystem.exists(file), () => false))
    ? (yield* Recording.read(file)).exchanges
    : []
  // before the first response is paid for
  yield* Recording.probe(file)
  const recording = yield* RecordingFile.make(file, before)
  const added = yield* Queue.sliding<void>(1)
  const recorder = yield* start(options, (place, exchange) => {
    recording.add(place, exchange)
    return Queue.offer(added, undefined)
  })
  const logged = <E>(saving: Effect.Effect<void, E>) =>
    Effect.catch(saving, (error) => Effect.logError("The recording could not be written", error))
  yield* Effect.addFinalizer(() => logged(recording.finish))
  yield* Queue.take(added).pipe(
    Effect.andThen(Effect.sleep(saveInterval)),
    Effect.andThen(logged(recording.save)),
    Effect.forever,
    // recordings use real time, even under a test clock
    Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
    Effect.forkScoped
  )
  return recorder
})

/** The maximum delay before an exchange is saved. */
const saveInterval = "1 second"

/** `recorded` runs after each exchange; `place` is the position of its request. */
const start = Effect.fnUntraced(function*(
  options: Options,
  recorded: (place: number, exchange: Recording.Exchange) => Effect.Effect<unknown>
): Effect.fn.Return<Recorder["Service"], Emulator.EmulatorError, HttpClient.HttpClient> {
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const { credentials, redact, region = "us-east-1" } = options
  const url = options.upstream ?? `https://bedrock-runtime.${region}.amazonaws.com`
  if (!/^https?:/.test(url) || !URL.canParse(url)) return yield* noUrl(url)
  const ask = Upstream.make({ url: new URL(url), region, credentials, client })
  const redacted = (exchange: Recording.Exchange) =>
    redact === undefined || redact === false
      ? exchange
      : Redaction.exchange(exchange, redact === true ? Redaction.placeholder : redact)
  // in the order of the requests, sparse where there was no response
  const kept: Array<Recording.Exchange> = []
  let requests = 0

  const responder: Responder.Responder = Effect.fnUntraced(function*(request) {
    const place = requests++
    const clock = yield* Clock.Clock
    const started = clock.currentTimeMillisUnsafe()
    const elapsed = () => Math.max(0, Math.round(clock.currentTimeMillisUnsafe() - started))
    const { body, headers, secrets, status } = yield* ask(request)
    const scrub = Secret.scrubber([...secrets, ...Secret.ofRequest(request.headers)])
    const keep = (at: number, said: Parameters<typeof Transcript.response>[1]) =>
      Effect.suspend(() => {
        const exchange = redacted({
          request: Transcript.request(request, scrub),
          response: Transcript.response({ status, at, headers }, said, scrub)
        })
        kept[place] = exchange
        return recorded(place, exchange)
      })
    if (status === 200 && headers["content-type"]?.startsWith("text/event-stream") === true) {
      const begun = elapsed()
      const pieces: Array<Uint8Array> = []
      let ended = false
      const finish = (end?: Recording.Response["end"]) =>
        Effect.suspend(() => {
          if (ended) return Effect.void
          ended = true
          const said = Transcript.content(Content.fromBytes(Buffer.concat(pieces)), scrub)
          return keep(begun, { ...said, ...(end === undefined ? undefined : { end }) })
        })
      yield* Effect.addFinalizer(() => finish("abandoned"))
      const frames = body.pipe(
        Stream.map((piece) => {
          pieces.push(piece)
          return piece
        }),
        Stream.tapError(() => finish("broken")),
        Stream.concat(Stream.fromEffectDrain(finish()))
      )
      return { ...HttpResponse.stream(frames), headers }
    }
    if (status !== 200 || headers["content-type"] !== "application/vnd.amazon.eventstream") {
      const bytes = Buffer.concat(yield* Stream.runCollect(body))
      yield* keep(elapsed(), Transcript.content(Content.fromBytes(bytes), scrub))
      return { type: "whole", status, headers, body: bytes }
    }
    const begun = elapsed()
    const events: Array<Recording.Event> = []
    const cutter = EventFrame.makeCutter()
    let ended = false
    const finish = (end?: Recording.Response["end"]) =>
      Effect.suspend(() => {
        if (ended) return Effect.void
        ended = true
        return keep(begun, { events, ...(end === undefined ? undefined : { end }) })
      })
    yield* Effect.addFinalizer(() => finish("abandoned"))
    const frames = Stream.map(body, cutter.push).pipe(
      Stream.flattenIterable,
      Stream.concat(Stream.suspend(() => Stream.fromIterable(cutter.rest()))),
      Stream.map((frame) => {
        events.push(Transcript.event(EventFrame.toEvent(frame, elapsed()), scrub))
        return frame
      }),
      Stream.tapError(() => finish("broken")),
      Stream.concat(Stream.fromEffectDrain(finish()))
    )
    return { ...HttpResponse.stream(frames), headers }
  })

  return Recorder.of({ responder, exchanges: Effect.sync(() => kept.filter((exchange) => exchange !== undefined)) })
})

const noUrl = (upstream: string) =>
  new Emulator.EmulatorError({
    message: `The upstream "${upstream}" is not a URL such as https://bedrock-runtime.us-east-1.amazonaws.com`,
    cause: undefined
  })
