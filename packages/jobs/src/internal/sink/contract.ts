/** What a sink is. */
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as SqlError from "effect/sql/SqlError"
import type * as JobStore from "../../JobStore.ts"

/** An item and what came of it. `hash`: of the stored item, to tell whether it changed. */
export interface Written<out Item, out Output> {
  readonly id: string
  readonly item: Item
  readonly output: Output
  readonly hash: string
}

/** How often an item is written when processes die. */
export type Guarantee = "exactly-once" | "at-least-once"

/** The job and the process that a sink is opened for. */
export interface Opening {
  readonly job: number
  readonly name: string
  readonly runner: string
  readonly store: JobStore.JobStore["Service"]
}

/**
 * An open sink. `write` is to write the rows of one chunk, and to run `transaction` exactly once, with what belongs to it:
 * it marks the chunk as done, and fails where another process has done so.
 */
export interface Writer<in Item, in Output, out E> {
  readonly write: <E2>(
    rows: ReadonlyArray<Written<Item, Output>>,
    transaction: (inside: Effect.Effect<void, E | SqlError.SqlError>) => Effect.Effect<void, E2>
  ) => Effect.Effect<void, E | E2 | SqlError.SqlError>
}

/** A sink; it is opened once by each process that runs a job. */
export interface Sink<in Item, in Output, out E = never, out R = never, out G extends Guarantee = Guarantee> {
  readonly guarantee: G
  readonly open: (
    opening: Opening
  ) => Effect.Effect<
    Writer<Item, Output, E>,
    E | SqlError.SqlError | ProviderError.InvalidRequestError,
    R | Scope.Scope
  >
}
