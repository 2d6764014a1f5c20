/**
 * What every direction does: asks the product something while the wire answers, and takes down how it went.
 */
import { ProviderError } from "@strata/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Difference } from "./Difference.ts"
import * as Wire from "./subject/Wire.ts"

/** What was found out about one exchange. `changes`: kinds of changes the product reported. */
export interface Finding {
  readonly differences: ReadonlyArray<Difference>
  readonly changes?: ReadonlyArray<string> | undefined
}

/** One direction's question to one exchange; `undefined` where it has none. */
export type Check<Subject, R> = (subject: Subject) => Effect.Effect<Finding | undefined, never, R>

/** How a call ended. `defect`: it died, hung, or failed with something that is no `ProviderError`. */
export type Outcome<A> =
  | { readonly type: "value"; readonly value: A }
  | { readonly type: "error"; readonly error: ProviderError.ProviderError }
  | { readonly type: "defect"; readonly defect: string }

/** What came of a call, and what was sent for it. */
export interface Attempt<A> {
  readonly outcome: Outcome<A>
  readonly received: ReadonlyArray<Wire.Received>
}

/** Calls while the wire gives this answer. */
export const attempt = <A, E, R>(
  answer: Wire.Answer,
  call: Effect.Effect<A, E, R>
): Effect.Effect<Attempt<A>, never, R | Wire.Wire> =>
  Effect.flatMap(Wire.Wire, (wire) => wire.answering(answer)(outcomeOf(call))).pipe(
    Effect.map(({ received, result }) => ({ outcome: result, received }))
  )

/** How a call ends; never fails. */
export const outcomeOf = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<Outcome<A>, never, R> =>
  call.pipe(
    Effect.timeoutOption("10 seconds"),
    Effect.exit,
    Effect.map((exit): Outcome<A> => {
      if (Exit.isSuccess(exit)) {
        return Option.match(exit.value, {
          onNone: () => ({ type: "defect", defect: "nothing came within 10 seconds" }),
          onSome: (value) => ({ type: "value", value })
        })
      }
      const failure = Result.getOrUndefined(Cause.findError(exit.cause))
      return ProviderError.isProviderError(failure) && Result.isFailure(Cause.findDefect(exit.cause))
        ? { type: "error", error: failure }
        : { type: "defect", defect: Cause.pretty(exit.cause) }
    })
  )

/** What is wrong with an outcome that should have been a value. */
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

/** What is wrong with an outcome that should have been an error. */
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
