/** The lanes of a pool, checked and built. */
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Check from "../../../Check.ts"
import { isPlain } from "../../../internal/check/json.ts"
import * as Trait from "../../../internal/trait.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as Pool from "../../Pool.ts"
import * as Health from "./health.ts"

/**
 * A lane with its service. `served`: how much it was asked, divided by its weight; decides between equal lanes.
 * `counters`: of its calls, by outcome: a metric with other attributes would be built at each update.
 */
export interface Member<Shape> {
  readonly name: string
  readonly service: Shape
  readonly weight: number
  readonly cost: number
  readonly interactive: boolean
  readonly model: string | undefined
  readonly health: Health.Health
  readonly counters: Map<string, ReturnType<typeof Pool.callsOf>>
  served: number
}

/** At least one lane. */
export type Members<Shape> = Arr.NonEmptyReadonlyArray<Member<Shape>>

/** What a service needs to be in a pool; see `internal/middleware.ts`. */
export interface Kind<Service, Shape> {
  readonly tag: Context.Key<Service, Shape>
  readonly cored: (shape: Shape) => Effect.Effect<Shape, ProviderError.InvalidRequestError, Scope.Scope>
}

/** The layer of a pool, from lanes and options that may be any values. */
export const layer = <Service, Shape extends Trait.Trait>(
  { cored, tag }: Kind<Service, Shape>,
  lanes: Pool.Lanes<Service>,
  options: Pool.Options | undefined,
  make: (
    members: Members<Shape>,
    options: Pool.Options
  ) => Effect.Effect<Shape, ProviderError.InvalidRequestError, Scope.Scope>
): Layer.Layer<Service, unknown, unknown> =>
  Layer.fromBuildMemo((memoMap, scope) =>
    Effect.gen(function*() {
      const settings = yield* Check.run(optionsOf, options ?? {}, { provider, field: "pool" })
      const given = yield* Check.run(lanesOf, lanes, { provider, field: "lanes" })
      const members = yield* Effect.forEach(
        given,
        Effect.fnUntraced(function*({ interactive = false, cost = 1, layer, model, name, weight = 1 }) {
          // A layer of another service builds all the same: what it provides is not known by its type.
          const built = Context.getOption(yield* Layer.buildWithMemoMap(layer, memoMap, scope), tag as never)
          if (built._tag === "None") {
            const problem = "its layer does not build the service"
            return yield* Check.invalid(`lanes.${name}`, problem, "Give layers of the same service")
          }
          const service = yield* Scope.provide(cored(built.value as Shape), scope) // by the tag
          return {
            name,
            service,
            weight,
            cost,
            interactive,
            model,
            health: Health.make(),
            counters: new Map(),
            served: 0
          }
        })
      )
      if (!Arr.isReadonlyArrayNonEmpty(members)) {
        return yield* Check.invalid(
          "lanes",
          "a pool without a lane cannot answer",
          "Give at least one lane by its name"
        )
      }
      if (members.every(({ interactive }) => interactive)) {
        const problem = "all lanes are for interactive calls, so other calls have none"
        return yield* Check.invalid("lanes", problem, "Leave out `interactive` of one lane at least")
      }
      const made = yield* Scope.provide(make(members, settings), scope)
      return Context.make(tag, { ...Trait.ofMembers(members.map(({ service }) => service)), ...made })
    })
  )

const provider = "strata"

const optionsOf: Check.Check<Pool.Options> = Check.partial({
  when: Check.callback<NonNullable<Pool.Options["when"]>>(),
  model: Check.callback<NonNullable<Pool.Options["model"]>>()
})

// What a layer provides is checked when it is built.
type AnyLane = Pool.Lane<Layer.Layer<unknown, unknown, unknown>>

const laneOf: Check.Check<AnyLane> = Check.struct<AnyLane>({
  layer: Check.layer as Check.Check<AnyLane["layer"]>,
  weight: Check.optional(Check.number({ above: 0, max: Number.MAX_VALUE, remedy: "Use a number above 0" })),
  cost: Check.optional(Check.number({ min: 0, max: Number.MAX_VALUE, remedy: "Use a number from 0" })),
  interactive: Check.optional(Check.flag),
  model: Check.optional(Check.filled)
}, { remedy: "Give a layer, or an object with a `layer`" })

const lanesOf: Check.Check<ReadonlyArray<AnyLane & { readonly name: string }>> = (given, at) => {
  if (!isPlain(given)) return Check.refuseKind(at, given, "Give an object of lanes by their names")
  const lanes: Array<AnyLane & { readonly name: string }> = []
  for (const [name, value] of Object.entries(given)) {
    at.path.push(name)
    if (name.trim() === "") return Check.refuse(at, "a lane has no name", "Give each lane a name")
    const lane = laneOf(Check.holds(Layer.isLayer, value) ? { layer: value } : value, at)
    if (lane === Check.refused) return lane
    at.path.pop()
    lanes.push({ ...lane, name })
  }
  return lanes
}
