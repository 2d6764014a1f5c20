/**
 * The emulator's own paths, beside those of Bedrock: what it saw, and what goes wrong next, for other processes.
 *
 * They ask for no signature, so they are for this machine only; from elsewhere they do not exist. Requests to them are
 * not counted, their connections are.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Answer from "./Answer.ts"
import * as AwsError from "./AwsError.ts"
import * as Fault from "./Fault.ts"
import type * as Faults from "./fault/Faults.ts"
import type * as Listener from "./Listener.ts"
import * as Statistics from "./Statistics.ts"

/** What can be asked about, and changed. */
export interface Options {
  readonly statistics: Effect.Effect<Statistics.Statistics>
  readonly faults: Faults.Faults
}

/** Whether a request is for the emulator itself, by its path. */
export const isFor = ({ target }: Listener.Exchange): boolean => target.startsWith(prefix)

/**
 * Answers one request:
 * - `GET /_strata/statistics`: a {@link Statistics.Statistics}.
 * - `GET /_strata/faults`: every {@link Fault.Pending}.
 * - `POST /_strata/faults`, `content-type: application/json`: injects a {@link Fault.Fault} or a list of them, and answers
 *   the list of their ids.
 * - `DELETE /_strata/faults`, `DELETE /_strata/faults/{id}`: clears all of them, or one.
 */
export const handle = ({ faults, statistics }: Options) => {
  const injectAll = Effect.fnUntraced(function*(exchange: Listener.Exchange) {
    // a web page may send text anywhere without asking, but not JSON
    if (exchange.headers["content-type"]?.startsWith("application/json") !== true) {
      return yield* AwsError.validation("Send JSON.")
    }
    const body = yield* Effect.mapError(exchange.body, () => AwsError.validation("The body is too long."))
    const given = yield* Effect.mapError(
      decodeFaults(decoder.decode(body)),
      ({ message }) => AwsError.validation(message)
    )
    const injected = yield* Effect.forEach("type" in given ? [given] : given, faults.inject)
    return Answer.json(injected.map(({ id }) => id))
  })

  const answer = Effect.fnUntraced(function*(
    exchange: Listener.Exchange
  ): Effect.fn.Return<Answer.Answer, AwsError.AwsError> {
    const path = exchange.target.slice(prefix.length).replace(/\?.*$/, "")
    if (!exchange.local) return yield* nothingHere
    switch (`${exchange.method} ${path}`) {
      case "GET statistics":
        return Answer.json(encodeStatistics(yield* statistics))
      case "GET faults":
        return Answer.json(encodePending(yield* faults.pending))
      case "POST faults":
        return yield* injectAll(exchange)
      case "DELETE faults":
        yield* faults.clear
        return Answer.json([])
    }
    const id = exchange.method === "DELETE" ? /^faults\/(\d+)$/.exec(path)?.[1] : undefined
    return id !== undefined && (yield* faults.remove(Number(id))) ? Answer.json([Number(id)]) : yield* nothingHere
  })

  return (exchange: Listener.Exchange): Effect.Effect<void> =>
    answer(exchange).pipe(
      Effect.catchDefect(Answer.failedInside),
      Effect.catchTag("AwsError", (error) => Effect.succeed(Answer.error(error))),
      Effect.flatMap((answer) => Answer.send(exchange, answer, { "cache-control": "no-store" }))
    )
}

const prefix = "/_strata/"

const decoder = new TextDecoder()

const encodeStatistics = Schema.encodeSync(Schema.toCodecJson(Statistics.Statistics))

const encodePending = Schema.encodeSync(Schema.toCodecJson(Schema.Array(Fault.Pending)))

// a word that is misspelt would be a fault that strikes everything
const decodeFaults = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.toCodecJson(Schema.Union([Fault.Fault, Schema.Array(Fault.Fault)]))),
  { onExcessProperty: "error" }
)

const nothingHere = AwsError.make("UnknownOperationException", "Unknown operation.")
