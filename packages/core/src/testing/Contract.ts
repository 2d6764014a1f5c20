/**
 * What the contract suites have in common: a suite is a function that declares the tests every implementation of a service
 * must pass, with the test runner it is given.
 *
 * What an implementation lacks is declared, never skipped in silence: a feature that is `refused` is asked for, and must give
 * a typed error before anything is sent; what is `missing` is skipped with its reason; a known deviation still runs, and is
 * reported when it is gone.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TaggedError from "../TaggedError.ts"

/** Declares a test; `timeout` in milliseconds. */
export type Declare = (
  title: string,
  test: () => Effect.Effect<unknown, unknown, Scope.Scope>,
  timeout?: number
) => void

/** What the suites need of `@effect/vitest`: its `describe` and `it`. Tests run on the wall clock. */
export interface Runner {
  readonly describe: (name: string, tests: () => void) => void
  readonly it: { readonly live: Declare & { readonly skip: Declare } }
}

/**
 * How an implementation supports a feature.
 *
 * - `yes`: the tests of the feature run.
 * - `refused`: a request that needs it fails with `UnsupportedFeatureError` or `InvalidRequestError`, before anything is
 *   sent; tested.
 * - `missing`: its tests are left out; one skipped test says how many, and why.
 */
export type Support = "yes" | { readonly refused: string } | { readonly missing: string }

/**
 * The implementation of a service does not keep the contract of the service.
 *
 * When: a test of `ChatContract`, `EmbeddingContract` or `RerankContract` finds a difference.
 *
 * Remedy: correct the implementation, or declare the deviation.
 */
export class ContractError extends TaggedError.make<ContractError>()("ContractError", { message: Schema.String }) {}
