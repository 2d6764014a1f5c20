/**
 * An emulator that replays recorded responses.
 *
 * Equal requests get the recorded responses in order. A request without a recording is refused, with the closest
 * recording and its differences.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import * as Emulator from "../Emulator.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import type * as JsonFile from "../JsonFile.ts"
import type * as Responder from "../Responder.ts"
import * as Script from "../script/Script.ts"
import * as Content from "./Content.ts"
import * as Difference from "./Difference.ts"
import * as EventFrame from "./EventFrame.ts"
import * as Matching from "./Matching.ts"
import * as Recording from "./Recording.ts"
import * as Redaction from "./Redaction.ts"
import * as Transcript from "./Transcript.ts"

/**
 * A refused request. `message` is the one sent to the client. `closest` is the number of the closest exchange, from 1,
 * and `differences` are those of its body; both are missing when the request was recorded but fewer times, and when the
 * recording is empty.
 */
export interface Unmatched {
  readonly request: Recording.Request
  readonly message: string
  readonly closest?: number | undefined
  readonly differences: ReadonlyArray<Difference.Difference>
}

/** An exchange that was not requested; `number` is its position in the recording, from 1. */
export interface Unused {
  readonly number: number
  readonly exchange: Recording.Exchange
}

/**
 * - `responder`: for {@link Emulator.Options}.
 * - `unmatched`: requests refused so far. `unused`: exchanges not requested so far. After a test both should be empty.
 */
export class Replay extends Context.Service<Replay, {
  readonly responder: Responder.Responder
  readonly unmatched: Effect.Effect<ReadonlyArray<Unmatched>>
  readonly unused: Effect.Effect<ReadonlyArray<Unused>>
}>()("@strata/emulator/Replay") {}

/**
 * - `ignore`: paths of the body that may differ, such as `requestMetadata` or `messages[*].content[*].text`.
 * - `atEnd` (fail): the response to a request beyond its recordings: an error, or the last response again.
 * - `timing` (none): responses come at once, or with the `recorded` delays.
 * - `redact`: the function the recording was redacted with, if any.
 */
export interface Options {
  readonly ignore?: ReadonlyArray<string> | undefined
  readonly atEnd?: "fail" | "repeat" | undefined
  readonly timing?: "none" | "recorded" | undefined
  readonly redact?: Redaction.Redact | undefined
}

/** Replays exchanges. Unmatched requests are refused with a `ValidationException`, and logged as warnings. */
export const make = (
  exchanges: ReadonlyArray<Recording.Exchange>,
  { atEnd, ignore = [], redact = Redaction.placeholder, timing }: Options = {}
): Effect.Effect<Replay["Service"]> =>
  Effect.sync(() => {
    const compare = Matching.comparer(ignore)
    const recorded = exchanges.map(({ redacted = false, request }, index) => ({
      index,
      redacted,
      compared: compare(request)
    }))
    const byKey = Arr.groupBy(recorded, ({ compared, redacted }) => keyOf(compared, redacted))
    const asked = new Map<string, number>()
    const used = new Set<number>()
    const refused: Array<Unmatched> = []

    const refuse = (request: Recording.Request, reason: Omit<Unmatched, "request">) => {
      refused.push({ request, ...reason })
      return Effect.andThen(Effect.logWarning(reason.message), Effect.fail(AwsError.validation(reason.message)))
    }

    const responder: Responder.Responder = Effect.fnUntraced(function*(asking) {
      const started = yield* Clock.currentTimeMillis
      const request = Transcript.request(asking)
      const plain = compare(request)
      const veiled = compare({ ...request, ...Redaction.content(request, redact) })
      const key = [keyOf(plain, false), keyOf(veiled, true)].find((key) => Object.hasOwn(byKey, key))
      const matching = key === undefined ? undefined : byKey[key]
      if (key === undefined || matching === undefined) {
        return yield* refuse(request, closest(request, recorded, (redacted) => redacted ? veiled : plain))
      }
      const times = (asked.get(key) ?? 0) + 1
      asked.set(key, times)
      const { index } = matching[Math.min(times, matching.length) - 1] ?? { index: -1 }
      const exchange = exchanges[index]
      if (exchange === undefined || (times > matching.length && atEnd !== "repeat")) {
        return yield* refuse(request, {
          message: `This ${nameOf(request)} was recorded ${count(matching.length)}, and is asked for the ${
            ordinal(times)
          } time.`,
          differences: []
        })
      }
      used.add(index)
      const wait = (at: number) =>
        timing === "recorded"
          ? Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sleep(Math.max(0, started + at - now)))
          : Effect.void
      yield* wait(exchange.response.at)
      return toResponse(exchange.response, wait)
    })

    return Replay.of({
      responder,
      unmatched: Effect.sync(() => [...refused]),
      unused: Effect.sync(() =>
        exchanges.flatMap((exchange, index) => used.has(index) ? [] : [{ number: index + 1, exchange }])
      )
    })
  })

/** The files; the exchanges of several are concatenated. */
export interface FileOptions extends Options {
  readonly file: string | ReadonlyArray<string>
}

/**
 * An emulator that replays files. Fails with `JsonFileError` when one cannot be read.
 *
 * @example
 * const program = Effect.gen(function*() {
 *   const { client } = yield* Emulator.Emulator
 *   yield* theTest(client)
 *   assert.deepStrictEqual(yield* (yield* Replay.Replay).unused, [])
 * }).pipe(Effect.provide(Replay.layer({ file: "test/chat.json" })))
 */
export const layer = (
  { file, ...options }: FileOptions,
  emulator?: Emulator.Options
): Layer.Layer<Emulator.Emulator | Replay, Emulator.EmulatorError | JsonFile.JsonFileError, FileSystem.FileSystem> =>
  Layer.unwrap(
    Effect.map(Replay, (replay) => Emulator.layer({ backend: { replay }, ...emulator, responder: replay.responder }))
  ).pipe(
    Layer.provideMerge(Layer.effect(
      Replay,
      Effect.flatMap(
        Effect.forEach(typeof file === "string" ? [file] : file, Recording.read),
        (recordings) => make(recordings.flatMap(({ exchanges }) => exchanges), options)
      )
    )),
    Layer.provide(Script.layer([]))
  )

const keyOf = (compared: Matching.Compared, redacted: boolean): string => `${redacted} ${Matching.keyOf(compared)}`

interface Recorded {
  readonly index: number
  readonly redacted: boolean
  readonly compared: Matching.Compared
}

/** The closest exchange, preferably of the same operation and model. */
const closest = (
  request: Recording.Request,
  recorded: ReadonlyArray<Recorded>,
  sent: (redacted: boolean) => Matching.Compared
): Omit<Unmatched, "request"> => {
  const candidates = recorded.map(({ compared, index, redacted }) => {
    const { body, modelId, what } = sent(redacted)
    const names: ReadonlyArray<Difference.Difference> = [
      { path: "operation", recorded: compared.what, sent: what },
      { path: "modelId", recorded: compared.modelId, sent: modelId }
    ].filter(({ recorded, sent }) => recorded !== sent)
    const differences = Difference.between(compared.body, body)
    return { index, names, differences, distance: 1e6 * names.length + Difference.distance(differences) }
  })
  const [nearest] = candidates.toSorted((a, b) => a.distance - b.distance)
  const nothing = `No recording of this ${nameOf(request)}`
  if (nearest === undefined) return { message: `${nothing}: the recording is empty.`, differences: [] }
  const all = [...nearest.names, ...nearest.differences]
  const more = all.length - shown
  return {
    closest: nearest.index + 1,
    differences: all,
    message: [
      `${nothing}. The closest is number ${nearest.index + 1}, which differs in`,
      ...all.slice(0, shown).map((difference) => `- ${Difference.toText(difference)}`),
      ...(more > 0 ? [`- and ${more} more`] : [])
    ].join("\n")
  }
}

/** The maximum number of differences in a message. */
const shown = 5

const nameOf = ({ method, modelId, operation, path }: Recording.Request): string =>
  operation === undefined ? `${method} ${path}` : modelId === undefined ? operation : `${operation} of ${modelId}`

const count = (times: number) => times === 1 ? "once" : times === 2 ? "twice" : `${times} times`

const ordinal = (n: number) => {
  const suffix = n % 100 > 10 && n % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th"
  return `${n}${suffix}`
}

const toResponse = (
  response: Recording.Response,
  wait: (at: number) => Effect.Effect<void>
): HttpResponse.HttpResponse => {
  const { end, events, headers, status } = response
  if (events === undefined) return { type: "whole", status, headers, body: Content.toBytes(response) }
  const frames = Stream.rechunk(Stream.fromIterable(events), 1).pipe(
    Stream.mapEffect((event) => Effect.as(wait(event.at), EventFrame.fromEvent(event)))
  )
  return {
    ...HttpResponse.stream(end === undefined ? frames : Stream.concat(frames, Stream.fail(endings[end]))),
    headers
  }
}

const endings = {
  broken: AwsError.make("ServiceUnavailableException", "The recorded stream was interrupted here."),
  abandoned: AwsError.make("ModelStreamErrorException", "The client stopped reading the recorded stream here.")
}
