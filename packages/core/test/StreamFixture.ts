/**
 * What the tests of policies for streams share: streams of numbers that take their time, break, and are counted.
 */
import * as Policy from "@strata/core/policy/Policy"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Enforcement from "../src/policy/internal/enforcement.ts"
import { target } from "./ChatFixture.ts"

export type Numbers = Stream.Stream<number, ProviderError.ChatStreamError>

/** A function that puts a policy in force for streams. */
export const enforce = (options: Policy.Options) =>
  Effect.map(
    Enforcement.make(Policy.make(options)),
    (enforcement) => (self: Numbers) => enforcement.stream(self, target)
  )

/** One number after the other, each after the time given for it. */
export const paced = (...pauses: ReadonlyArray<Duration.Input>): Numbers =>
  Stream.fromIterable(pauses).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((pause, index) => Effect.as(Effect.sleep(pause), index + 1))
  )

export const breakingWith = (error: ProviderError.ChatStreamError, ...numbers: ReadonlyArray<number>): Numbers =>
  Stream.concat(Stream.rechunk(Stream.fromIterable(numbers), 1), Stream.fail(error))

/** A stream that behaves as each of the given ones in turn, the last one for ever, and counts how often it is opened and closed. */
export const attempts = (...streams: Arr.NonEmptyReadonlyArray<Numbers>) => {
  const counts = { opened: 0, closed: 0 }
  const stream: Numbers = Stream.suspend(() =>
    Stream.ensuring(streams[counts.opened++] ?? Arr.lastNonEmpty(streams), Effect.sync(() => counts.closed++))
  )
  return { stream, counts }
}

/** Everything a stream delivers, and the error it breaks with. */
export const delivered = (self: Numbers) =>
  Effect.suspend(() => {
    const numbers: Array<number> = []
    return Stream.runForEach(self, (number) => Effect.sync(() => numbers.push(number))).pipe(
      Effect.flip,
      Effect.map((error) => ({ numbers, error }))
    )
  })
