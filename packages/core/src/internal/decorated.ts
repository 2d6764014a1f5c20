/**
 * The layer of a service whose functions are wrapped.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Check from "../Check.ts"
import * as ProviderError from "../ProviderError.ts"

/** Decorates the service of a layer, which may be any value: what is no layer of it fails when it is to be built. */
export const make = <Service, Shape, E, R>(
  service: Context.Key<Service, Shape>,
  self: Layer.Layer<Service, E, R>,
  decorate: (shape: Shape) => Effect.Effect<Shape, ProviderError.InvalidRequestError, Scope.Scope>
): Layer.Layer<Service, E | ProviderError.InvalidRequestError, R> =>
  Layer.provide(
    Layer.effect(
      service,
      Effect.flatMap(Effect.serviceOption(service), (built) =>
        Option.isSome(built) ? decorate(built.value) : builtNothing)
    ),
    Check.holds(Layer.isLayer, self)
      ? self
      : Layer.unwrap(Effect.as(Check.run(Check.layer, self, { provider: "strata", field: "layer" }), self))
  )

const builtNothing = Effect.fail(
  ProviderError.invalidRequest({
    provider: "strata",
    field: "layer",
    problem: "it does not build the service that is to be decorated",
    remedy: "Give the layer of one"
  })
)
