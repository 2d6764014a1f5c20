/**
 * The bound of everything a store keeps: bytes are reserved before they are taken, and released when they are dropped.
 */
import * as Effect from "effect/Effect"
import type * as AwsError from "../AwsError.ts"
import * as S3Error from "./S3Error.ts"

/** - `reserve`: fails when the bytes do not fit. `force`: takes what is there already, whether it fits or not. */
export interface Budget {
  readonly reserve: (bytes: number) => Effect.Effect<void, AwsError.AwsError>
  readonly force: (bytes: number) => void
  readonly release: (bytes: number) => void
  readonly used: () => number
}

/** An empty one, of so many bytes. */
export const make = (limit: number): Budget => {
  let used = 0
  return {
    force: (bytes) => {
      used += bytes
    },
    release: (bytes) => {
      used = Math.max(0, used - bytes)
    },
    reserve: (bytes) =>
      Effect.suspend(() => {
        if (used + bytes > limit) return Effect.fail(full(limit))
        used += bytes
        return Effect.void
      }),
    used: () => used
  }
}

const full = (limit: number) =>
  S3Error.make(
    "EntityTooLarge",
    `The objects of this emulator would exceed its bound of ${limit} bytes: delete some, or raise s3.maxBytes.`
  )
