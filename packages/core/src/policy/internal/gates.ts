/**
 * Policies and budgets of decorators, passed to the cores below at each call.
 *
 * A decorator builds its gates once and provides them by a reference while it calls the service below; a core reads them
 * when it is called. So any decorator may stand between the two. The outermost policy is in force, since its decorator sets
 * the reference first; the option of the layer is the default. Budgets add up, each counted once.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Trait from "../../internal/trait.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Telemetry from "../../Telemetry.ts"
import type * as Budget from "../Budget.ts"
import type * as Policy from "../Policy.ts"
import * as BudgetGate from "./budget/gate.ts"
import * as Enforcement from "./enforcement.ts"

/** What is in force for a call of one core. */
export interface Gates {
  readonly enforcement: Enforcement.Enforcement
  readonly budgets: ReadonlyArray<BudgetGate.BudgetGate>
}

type Handed = Partial<Gates>

const Handed = Context.Reference<ReadonlyMap<Trait.Core, Handed>>("@strata/core/policy/Gates", {
  defaultValue: () => new Map()
})

/** What a core is built with: the policy of its layer in force, and what a call of a model is aimed at. */
interface Built {
  readonly own: Enforcement.Enforcement
  readonly targetOf: (model: string | undefined) => Telemetry.Target
}

const built = new WeakMap<Trait.Core, Built>()

/** Builds a core, and its calls through the gates in force: its own `policy` where no decorator passes another. */
export const core = Effect.fnUntraced(function*(
  provider: string,
  policy: Policy.Policy,
  targetOf: Built["targetOf"]
) {
  const own = yield* Enforcement.make(policy, provider)
  const core: Trait.Core = { provider }
  built.set(core, { own, targetOf })
  const gates = Effect.map(Handed, (handed): Gates => ({ enforcement: own, budgets: [], ...handed.get(core) }))
  return {
    cores: [core],
    gates,
    call: <A, R>(
      self: Effect.Effect<A, ProviderError.CallError, R>,
      target: Telemetry.Target,
      metering: Enforcement.Metering<A>
    ) => Effect.flatMap(gates, ({ budgets, enforcement }) => enforcement.call(self, target, metering, budgets)),
    stream: <A, R>(
      self: Stream.Stream<A, ProviderError.ChatStreamError, R>,
      target: Telemetry.Target,
      metering: Enforcement.Metering<A>
    ) =>
      Stream.unwrap(
        Effect.map(gates, ({ budgets, enforcement }) => enforcement.stream(self, target, metering, budgets))
      )
  }
})

/** A core with the policy in force for it, and what a call of a model is aimed at. */
export interface Ahead {
  readonly enforcement: Enforcement.Enforcement
  readonly target: Telemetry.Target
}

/** The cores that a call of a service may reach, the first one first, and the policies in force for them. */
export const ahead = (
  { [Trait.cores]: cores = [], [Trait.policies]: policies }: Trait.Trait,
  model: string | undefined
): Effect.Effect<ReadonlyArray<Ahead>> =>
  Effect.map(Handed, (handed) =>
    cores.flatMap((core) => {
      const made = built.get(core)
      // Only `policy` below makes them.
      const around = policies?.get(core) as Enforcement.Enforcement | undefined
      return made === undefined ? [] : [{
        enforcement: handed.get(core)?.enforcement ?? around ?? made.own,
        target: made.targetOf(model)
      }]
    }))

/** Passes gates to the cores that a call, or a stream, reaches. */
export interface Handing {
  readonly effect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly stream: <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
}

/** Puts a policy in force for the cores of a service: each has permits, quota and breakers of its own. */
export const policy = Effect.fnUntraced(function*({ [Trait.cores]: cores = [] }: Trait.Trait, policy: Policy.Policy) {
  const enforcements = new Map<Trait.Core, Enforcement.Enforcement>()
  for (const core of cores) enforcements.set(core, yield* Enforcement.make(policy, core.provider))
  return {
    ...handing(cores, (handed, core) => ({ enforcement: enforcements.get(core)!, ...handed })),
    [Trait.policies]: enforcements
  }
})

/** Puts the cores of a service on a budget, which counts the attempts of all of them. */
export const budget = Effect.fnUntraced(function*({ [Trait.cores]: cores = [] }: Trait.Trait, budget: Budget.Budget) {
  const gates = yield* BudgetGate.make(budget)
  return handing(cores, (handed) => ({ ...handed, budgets: BudgetGate.joined(handed?.budgets ?? [], gates) }))
})

const handing = (
  cores: ReadonlyArray<Trait.Core>,
  change: (handed: Handed | undefined, core: Trait.Core) => Handed
): Handing => {
  const changed = (handed: ReadonlyMap<Trait.Core, Handed>) =>
    new Map([...handed, ...cores.map((core) => [core, change(handed.get(core), core)] as const)])
  return {
    effect: (self) => Effect.updateService(self, Handed, changed),
    stream: (self) => Stream.updateService(self, Handed, changed)
  }
}
