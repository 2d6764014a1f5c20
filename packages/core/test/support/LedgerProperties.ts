/** What every ledger does with any steps: all of them are compared with the same plain models. */
import type { Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as LedgerFairness from "./LedgerFairness.ts"
import * as LedgerModel from "./LedgerModel.ts"
import * as LedgerShares from "./LedgerShares.ts"
import { specification as basics, type World } from "./LedgerSpecification.ts"
import * as LedgerWaiters from "./LedgerWaiters.ts"

/** `runs`: of the first property; the others have more in proportion. `forgets`: see `LedgerModel.watch`. */
export interface Options {
  readonly runs: number
  readonly greed: number
  readonly forgets: boolean
}

/** Declares all that every ledger promises: single cases, and properties. Each has keys of its own. */
export const specification = <R>(
  effect: Vitest.Tester<R | Scope.Scope>,
  world: Effect.Effect<World, never, R | Scope.Scope>,
  { forgets, greed, runs }: Options
): void => {
  let keys = 0
  basics(effect, world)
  LedgerShares.specification(effect, world)
  LedgerWaiters.specification(effect, world)

  effect.prop(
    "grants what a plain list of everything would grant, in order of arrival",
    {
      steps: LedgerModel.Steps
    },
    ({ steps }) => Effect.flatMap(world, (world) => LedgerModel.watch(world, `model ${keys++}`, steps)),
    {
      arbitrary: { runs }
    }
  )

  effect.prop(
    "grants what a plain list of everything would grant, fair between shares",
    {
      steps: LedgerModel.Steps
    },
    ({ steps }) =>
      Effect.flatMap(
        world,
        (world) => LedgerModel.watch(world, `shares ${keys++}`, steps, LedgerModel.shares, forgets)
      ),
    {
      arbitrary: { runs: 2 * runs }
    }
  )

  effect.prop(
    "grants a share no less than another while both wait",
    {
      steps: LedgerFairness.Steps
    },
    ({ steps }) => Effect.flatMap(world, (world) => LedgerFairness.watch(world, `fair ${keys++}`, steps, greed)),
    {
      arbitrary: { runs }
    }
  )
}
