/** Reads whole bodies, up to a number of bytes. */
import * as Effect from "effect/Effect"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

/** Thousands of vectors of thousands of numbers, as text. */
export const mostBytes = 256 * 1024 * 1024

/** An error says what it has to say at its beginning. */
export const mostErrorBytes = 64 * 1024

/** A body that is longer than allowed; what was read of it is kept. */
export interface Read {
  readonly text: string
  readonly isWhole: boolean
}

/** The text of a body; empty where there is none. */
export const read = <E>(bytes: Stream.Stream<Uint8Array, E>, most: number): Effect.Effect<Read, E> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    return Effect.map(
      Stream.runForEachWhile(bytes, (chunk) =>
        Effect.sync(() => {
          size += chunk.length
          chunks.push(chunk)
          return size <= most
        })),
      (): Read => {
        const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
        let at = 0
        for (const chunk of chunks) {
          whole.set(chunk, at)
          at += chunk.length
        }
        return { text: new TextDecoder().decode(whole), isWhole: size <= most }
      }
    )
  })

/** The bytes of an answer; none where the client calls that an error. */
export const bytesOf = (response: HttpClientResponse.HttpClientResponse) =>
  Stream.catchIf(
    response.stream,
    ({ reason }) => reason._tag === "EmptyBodyError",
    () => Stream.empty
  )
