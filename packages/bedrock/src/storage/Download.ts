/**
 * Reads objects as they arrive, in ranges: what a lost connection cut off is asked for again, from where it was cut.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { providerName } from "../internal/provider.ts"
import * as Location from "./Location.ts"
import type { Listed, Storage } from "./Storage.ts"

/**
 * - `rangeSize`: bytes of one request.
 * - `retry`: transient failures only; starts anew when bytes arrive.
 */
export interface Options {
  readonly rangeSize: number
  readonly retry: Schedule.Schedule<unknown, ProviderError.CallError>
}

/** All bytes of an object of a listing, as it was then; never fewer without a failure. */
export const bytes = (
  storage: Storage,
  bucket: string,
  { etag, key, size }: Listed,
  { rangeSize, retry }: Options
): Stream.Stream<Uint8Array, ProviderError.CallError> => {
  const location = { bucket, key }
  const range = (start: number) => {
    const end = Math.min(start + rangeSize, size)
    let at = start
    const rest = Stream.suspend(() => {
      if (at >= end) return Stream.empty
      const arriving = Stream.mapEffect(storage.read(location, { start: at, end, etag }), (chunk) => {
        at += chunk.length
        return at > end ? Effect.fail(excess(location)) : Effect.succeed(chunk)
      })
      return Stream.concat(
        arriving,
        Stream.unwrap(
          Effect.suspend(() => at < end ? Effect.fail(cut(location, at, size)) : Effect.succeed(Stream.empty))
        )
      )
    })
    return Stream.retry(rest, retry)
  }
  const starts = Array.from({ length: Math.ceil(size / rangeSize) }, (_, index) => index * rangeSize)
  return Stream.flatMap(Stream.fromIterable(starts), range)
}

/** A small object as a whole; `undefined` when it is missing or larger than `most`. */
export const whole = Effect.fnUntraced(function*(
  storage: Storage,
  location: Location.Location,
  most: number,
  options: Options
) {
  const found = yield* Effect.retry(storage.head(location), options.retry)
  if (found === undefined || found.size > most) return undefined
  const chunks = yield* Stream.runCollect(bytes(storage, location.bucket, { ...found, key: location.key }, options))
  const all = new Uint8Array(found.size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
})

const cut = (location: Location.Location, at: number, size: number) =>
  new ProviderError.ConnectionError({
    provider: providerName,
    message: `${Location.toUri(location)}: the download ended after ${at} of ${size} bytes. Read the results again.`
  })

const excess = (location: Location.Location) =>
  new ProviderError.MalformedResponseError({
    provider: providerName,
    message: `${Location.toUri(location)}: more bytes arrived than were asked for. Check for proxies on the way.`
  })
