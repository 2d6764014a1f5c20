/**
 * What all directions share: calls the product with a given answer on the wire, and records the outcome.
 */
import { ProviderError } from "@strata/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Difference } from "./Difference.ts"
import * as Wire from "./subject/Wire.ts"

/** The result for one exchange. `changes`: the kinds of changes the product reported. */
export interface Finding {
  readonly differences: ReadonlyArray<Difference>
  readonly changes?: ReadonlyArray<string> | undefined
}

/** The check of one direction for one exchange; `undefined` where it does not apply. */
export type Check<Subject, R> = (subject: Subject) => Effect.Effect<Finding | undefined, never, R>

/** The outcome of a call. `defect`: it died, timed out, or failed with an error other than a `ProviderError`. */
export type Outcome<A> =
  | { readonly type: "value"; readonly value: A }
  | { readonly type: "error"; readonly error: ProviderError.ProviderError }
  | { readonly type: "defect"; readonly defect: string }

/** The outcome of a call, and the requests it sent. */
export interface Attempt<A> {
  readonly outcome: Outcome<A>
  readonly received: ReadonlyArray<Wire.Received>
}

/** Runs a call against this answer on the wire. */
export const attempt = <A, E, R>(
  answer: Wire.Answer,
  call: Effect.Effect<A, E, R>
): Effect.Effect<Attempt<A>, never, R | Wire.Wire> =>
  Effect.flatMap(Wire.Wire, (wire) => wire.answering(answer)(outcomeOf(call))).pipe(
    Effect.map(({ received, result }) => ({ outcome: result, received }))
  )

/** The outcome of a call; never fails. */
export const outcomeOf = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<Outcome<A>, never, R> =>
  call.pipe(
    Effect.timeoutOption("10 seconds"),
    Effect.exit,
    Effect.map((exit): Outcome<A> => {
      if (Exit.isSuccess(exit)) {
        return Option.match(exit.value, {
          onNone: () => ({ type: "defect", defect: "no outcome within 10 seconds" }),
          onSome: (value) => ({ type: "value", value })
        })
      }
      const failure = Result.getOrUndefined(Cause.findError(exit.cause))
      return ProviderError.isProviderError(failure) && Result.isFailure(Cause.findDefect(exit.cause))
        ? { type: "error", error: failure }
        : { type: "defect", defect: Cause.pretty(exit.cause) }
    })
  )

/** The differences when the outcome is not the expected value. */
export const unlessValue = <A>(
  outcome: Outcome<A>,
  check: (value: A) => ReadonlyArray<Difference>
): ReadonlyArray<Difference> => {
  switch (outcome.type) {
    case "value":
      return check(outcome.value)
    case "error":
      return [{ path: "", problem: "refused", actual: `${outcome.error._tag}: ${outcome.error.message}` }]
    case "defect":
      return [{ path: "", problem: "defect", actual: outcome.defect }]
  }
}

/** The differences when the outcome is not the expected error. */
export const unlessError = <A>(
  outcome: Outcome<A>,
  check: (error: ProviderError.ProviderError) => ReadonlyArray<Difference>
): ReadonlyArray<Difference> => {
  switch (outcome.type) {
    case "value":
      return [{ path: "", problem: "accepted", actual: outcome.value }]
    case "error":
      return check(outcome.error)
    case "defect":
      return [{ path: "", problem: "defect", actual: outcome.defect }]
  }
}
