/**
 * The body of an HTTP response, in pieces or whole.
 *
 * The SDK's handlers give a stream of Node; a handler of the user's own may give what it has.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Buffer } from "node:buffer"
import { IncomingMessage } from "node:http"
import { finished, Readable } from "node:stream"
import { GrowingBytes } from "./GrowingBytes.ts"

/** Who reads a body. `onEnd` is called once, with an error when the body broke off. */
export interface Listener {
  readonly onPiece: (piece: Buffer) => void
  readonly onEnd: (error?: unknown) => void
}

/** A body being read. `pause` has the sender wait, once the buffers on the way are full; `stop` is for good. */
export interface Reading {
  readonly pause: () => void
  readonly resume: () => void
  readonly stop: () => void
}

/** Begins to read: each piece is handed over as soon as it is there. It does not close the connection. */
export const read = (body: unknown, { onEnd, onPiece }: Listener): Reading => {
  const stream = toReadable(body)
  let open = true
  const end = (error?: unknown) => {
    if (!open) return
    open = false
    stream.off("data", take)
    onEnd(error)
  }
  const take = (piece: unknown) => {
    const bytes = toBuffer(piece)
    if (bytes !== undefined) return onPiece(bytes)
    end(new RangeError("The request handler returned a body that is not bytes"))
    stream.destroy()
  }
  // It goes on listening for errors, which would end the process without a listener.
  if (stream instanceof IncomingMessage && !stream.destroyed) listen(stream, end)
  else finished(stream, { writable: false }, (error) => end(error ?? undefined))
  stream.on("data", take)
  return {
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    stop: () => {
      open = false
      stream.off("data", take).pause()
    }
  }
}

/** What `finished` does for any stream, in a third of the time for one that has just begun. */
const listen = (stream: IncomingMessage, end: (error?: unknown) => void): void => {
  stream.on("end", () => end())
  stream.on("error", end)
  stream.on("close", () => {
    if (!stream.readableEnded) end(Object.assign(new Error("Premature close"), { code: "ERR_STREAM_PREMATURE_CLOSE" }))
  })
}

/** Receives a body, or what its stream failed with. */
export type OnBody = (body: Result.Result<Uint8Array, unknown>) => void

/** Collects all of a body. Returns what stops it. */
export const whole = (body: unknown, onBody: OnBody): () => void => collect(body, Infinity, onBody)

/** A body of which no more than about `most` bytes are read: a longer one is cut, and its connection closed. */
export const beginning = (body: unknown, most: number, onBody: OnBody): () => void => collect(body, most, onBody)

const collect = (body: unknown, most: number, onBody: OnBody): () => void => {
  let first: Buffer | undefined
  let bytes: GrowingBytes | undefined
  let length = 0
  const all = () => bytes?.toUint8Array() ?? (first === undefined ? new Uint8Array() : new Uint8Array(first))
  const reading = read(body, {
    onPiece: (piece) => {
      length += piece.length
      // Most bodies come in one piece.
      if (first === undefined) first = piece
      else {
        if (bytes === undefined) {
          bytes = new GrowingBytes(Math.min(most, lengthOf(body)))
          bytes.add(first)
        }
        bytes.add(piece)
      }
      if (length <= most) return
      reading.stop()
      if (body instanceof Readable) body.destroy()
      onBody(Result.succeed(all()))
    },
    onEnd: (error) => onBody(error === undefined ? Result.succeed(all()) : Result.fail(error))
  })
  return reading.stop
}

/** As declared; 0 where it is not. */
const lengthOf = (body: unknown): number => {
  const length = body instanceof IncomingMessage ? Number(body.headers["content-length"]) : 0
  return Number.isSafeInteger(length) && length > 0 ? length : 0
}

const toReadable = (body: unknown): Readable => {
  if (body instanceof Readable) return body
  if (body === undefined || body === null) return Readable.from([])
  return isAsyncIterable(body) ? Readable.from(body) : Readable.from([body])
}

const isAsyncIterable = (u: unknown): u is AsyncIterable<unknown> => Predicate.hasProperty(u, Symbol.asyncIterator)

const toBuffer = (piece: unknown): Buffer | undefined => {
  if (Predicate.isString(piece)) return Buffer.from(piece)
  if (Buffer.isBuffer(piece)) return piece
  return piece instanceof Uint8Array ? Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength) : undefined
}
