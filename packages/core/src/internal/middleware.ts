/**
 * Layers of services decorated by a middleware: a function from a service to a service.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Check from "../Check.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Trait from "./trait.ts"

/** The layer of a decorated service: it fails for what is no layer, and for options that cannot be right. */
export type Decorated<Service, E, R> = Layer.Layer<Service, E | ProviderError.InvalidRequestError, R>

/**
 * The `transform` of a service. The middleware runs once, in the scope of the layer; `bound` gives it a plain copy of the
 * service, and the data that its result does not mention are those of the service below.
 *
 * The layer may be any value, and so may what the middleware returns.
 */
export const make = <Service, Shape extends Trait.Trait>(
  tag: Context.Key<Service, Shape>,
  functions: ReadonlyArray<string & keyof Shape>
) =>
<E, R, E2, R2>(
  self: Layer.Layer<Service, E, R>,
  middleware: (shape: Shape) => Effect.Effect<Shape, E2, R2>
): Decorated<Service, E | E2, R | Exclude<R2, Scope.Scope>> => {
  const bound = (shape: Shape): Shape => {
    const calls = functions.map((name) => {
      const call: unknown = shape[name]
      return [name, (...args: ReadonlyArray<unknown>): unknown => Reflect.apply(call as () => unknown, shape, args)]
    })
    // The same functions under the same names, and the same data.
    return { ...Object.fromEntries(calls), ...Trait.dataOf(shape) } as Shape
  }
  const isShape = (given: unknown): given is Shape =>
    Check.holds((given) => {
      const { defaultModel = "", provider = "", ...shape } = given as Shape
      return typeof provider === "string" && typeof defaultModel === "string" &&
        functions.every((name) => typeof (shape as Shape)[name] === "function")
    }, given)

  const decorated = Effect.flatMap(Effect.serviceOption(tag), (built) =>
    Option.isNone(built)
      ? Effect.fail(refused("layer", "it does not build the service that is to be decorated", "Give the layer of one"))
      : Effect.flatMap(
        Effect.suspend((): Effect.Effect<Shape, E2 | ProviderError.InvalidRequestError, R2> => {
          const made = Result.try(() => middleware(bound(built.value)))
          return Result.isFailure(made)
            ? Effect.fail(Check.threw({ provider: "strata" }, "middleware", made.failure))
            : Check.holds(Effect.isEffect, made.success)
            ? made.success
            : Effect.fail(refused("middleware", "it does not give an `Effect`", "Return `Effect.succeed(service)`"))
        }),
        (shape) =>
          isShape(shape)
            ? Effect.succeed(Trait.merged(built.value, shape))
            : Effect.fail(refused(
              "middleware",
              "it does not give a service",
              `Return an object with ${
                functions.map((name) => `\`${name}\``).join(", ")
              }; \`provider\` and \`defaultModel\` are text`
            ))
      ))

  return Layer.provide(
    Layer.effect(tag, decorated),
    Check.holds(Layer.isLayer, self)
      ? self
      : Layer.unwrap(Effect.as(Check.run(Check.layer, self, { provider: "strata", field: "layer" }), self))
  )
}

const refused = (field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: "strata", field, problem, remedy })
