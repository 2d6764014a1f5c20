/**
 * One request of S3: authenticated by its head, then read within the room that the store has left, then answered.
 */
import * as Effect from "effect/Effect"
import type * as AwsError from "../AwsError.ts"
import type * as Trigger from "../fault/Trigger.ts"
import type * as Exchange from "../http/Exchange.ts"
import type * as HttpResponse from "../http/HttpResponse.ts"
import * as Signature from "../Signature.ts"
import type * as Statistics from "../Statistics.ts"
import type * as ObjectStore from "./ObjectStore.ts"
import * as S3 from "./S3.ts"
import * as S3Error from "./S3Error.ts"
import * as S3Operation from "./S3Operation.ts"
import * as Upload from "./Upload.ts"

/** - `now`: milliseconds since 1970, by which the signature is checked. `random`: a whole number from 0 to `below` - 1. */
export interface Context {
  readonly accepted: Signature.Accepted
  readonly attempt: Statistics.Attempt
  readonly exchange: Exchange.Exchange
  readonly now: number
  readonly random: (below: number) => number
  readonly recorder: Statistics.Recorder
  readonly region: string
  readonly store: ObjectStore.ObjectStore
}

/** A request that is ready to be answered, or to be struck by a fault. */
export interface Ready {
  readonly candidate: Trigger.Candidate
  readonly response: Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError>
}

/** Reads and checks a request. */
export const read = Effect.fnUntraced(function*(context: Context) {
  const { accepted, attempt, exchange, now, random, recorder, region, store } = context
  const { headers, method, target } = exchange
  const route = S3Operation.fromTarget(method, target)
  if (route !== undefined) recorder.routed(attempt, route.operation, undefined)
  const signed = { service: "s3" as const, method, target, headers, body: nothing, now }
  attempt.scheme = yield* Signature.authenticate(accepted, region, signed)
  if (route === undefined) return yield* S3Error.make("MethodNotAllowed")
  const body = yield* bodyOf(exchange, route.operation, store)
  recorder.received(attempt, body, undefined)
  const ready: Ready = {
    candidate: {
      operation: route.operation,
      region,
      models: [],
      chats: false,
      texts: () => [route.bucket, route.key],
      fingerprint: attempt.fingerprint ?? ""
    },
    response: S3.respond({ route, store, region, headers, body, random })
  }
  return ready
})

/** The room for an upload is held until the request is over. */
const bodyOf = Effect.fnUntraced(function*(
  exchange: Exchange.Exchange,
  operation: S3Operation.S3Operation,
  store: ObjectStore.ObjectStore
) {
  const tooLarge = () => S3Error.make("EntityTooLarge")
  if (operation !== "PutObject" && operation !== "UploadPart") {
    return yield* Effect.mapError(exchange.bodyWithin(maxXml), tooLarge)
  }
  const length = yield* Effect.fromResult(Upload.lengthOf(exchange.headers))
  yield* Effect.acquireRelease(
    store.arriving.reserve(length),
    () => Effect.sync(() => store.arriving.release(length))
  )
  return yield* Effect.mapError(exchange.bodyWithin(length), tooLarge)
})

/** Above the longest list of parts, in bytes. */
const maxXml = 4_000_000

const nothing = new Uint8Array(0)
