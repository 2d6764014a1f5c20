/** Which lane of a pool a call tries first, and which after it. */
import * as Effect from "effect/Effect"
import type * as Trait from "../../../internal/trait.ts"
import * as Watchdog from "../../../internal/watchdog.ts"
import type * as Enforcement from "../enforcement.ts"
import * as Gates from "../gates.ts"
import type * as Lanes from "./lanes.ts"

/**
 * What decides between lanes.
 *
 * - `model`: that the request names.
 * - `interactive`: whether it may use lanes reserved for such calls.
 * - `cached`: the share of its prompt, 0 to 1, that a lane has in its cache.
 */
export interface Wish<Shape> {
  readonly modelOf: (lane: Lanes.Member<Shape>) => string | undefined
  readonly interactive: boolean
  readonly cached: (lane: Lanes.Member<Shape>) => number
}

/**
 * The lanes for a call, best first: one that is due for a probe; then those with room, of them the cheaper ones, of equal
 * cost the emptier ones for their weight, of equal load those that were asked less. Those without room come last, so that a
 * call waits in their queues too. Lanes that are out are not in it.
 *
 * What a lane has cached makes it cheaper there, so that a conversation stays where its prompt is, as long as there is room.
 */
export const ranked = Effect.fnUntraced(function*<Shape extends Trait.Trait>(
  members: ReadonlyArray<Lanes.Member<Shape>>,
  wish: Wish<Shape>
) {
  const now = yield* Watchdog.now
  const choices: Array<Choice<Shape>> = []
  for (const member of members) {
    if (member.interactive && !wish.interactive) continue
    const model = wish.modelOf(member)
    const standing = member.health.standing(model ?? "", now)
    if (standing === "out" || standing === "probing") continue
    const { isOpen, used } = yield* loadOf(member.service, model)
    choices.push({
      member,
      place: standing === "due" ? 0 : isOpen || used >= 1 ? 2 : 1,
      cost: member.cost * (1 - saved * wish.cached(member)),
      load: used / member.weight
    })
  }
  return choices.sort(better).map(({ member }) => member)
})

interface Choice<Shape> {
  readonly member: Lanes.Member<Shape>
  readonly place: number
  readonly cost: number
  readonly load: number
}

const better = (self: Choice<unknown>, that: Choice<unknown>): number =>
  self.place - that.place || self.cost - that.cost || self.load - that.load || self.member.served - that.member.served

/** A lane that is a fallback or a pool is as empty as the emptiest of its services. */
const loadOf = Effect.fnUntraced(function*(service: Trait.Trait, model: string | undefined) {
  let emptiest: Enforcement.Load | undefined
  for (const { enforcement, target } of yield* Gates.ahead(service, model)) {
    const load = yield* enforcement.load(target)
    if (emptiest === undefined || (load.isOpen ? Infinity : load.used) < (emptiest.isOpen ? Infinity : emptiest.used)) {
      emptiest = load
    }
  }
  return emptiest ?? { used: 0, isOpen: false }
})

/** The part of a token's price that reading it from a cache saves: nine tenths with most models that cache. */
const saved = 0.9
