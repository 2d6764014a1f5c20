/** Layers of services decorated by a middleware: a function from a service to a service. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Check from "../Check.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Trait from "./trait.ts"

/** The layer of a decorated service; it fails for a value that is not a layer, and for invalid options. */
export type Decorated<Service, E, R> = Layer.Layer<Service, E | ProviderError.InvalidRequestError, R>

/** Decorates a layer with a middleware, data first or data last. */
export interface Transform<Service, Shape> {
  <E2 = never, R2 = never>(
    middleware: (service: Shape) => Effect.Effect<Shape, E2, R2>
  ): <E, R>(self: Layer.Layer<Service, E, R>) => Decorated<Service, E | E2, R | Exclude<R2, Scope.Scope>>
  <E, R, E2 = never, R2 = never>(
    self: Layer.Layer<Service, E, R>,
    middleware: (service: Shape) => Effect.Effect<Shape, E2, R2>
  ): Decorated<Service, E | E2, R | Exclude<R2, Scope.Scope>>
}

/** Decorates a layer, with options, data first or data last. */
export interface Decorator<Service, Options extends ReadonlyArray<unknown>> {
  (...options: Options): <E, R>(self: Layer.Layer<Service, E, R>) => Decorated<Service, E, R>
  <E, R>(self: Layer.Layer<Service, E, R>, ...options: Options): Decorated<Service, E, R>
}

/** The decorator that applies a middleware. */
export const decorator =
  <Service, Shape>(transform: Transform<Service, Shape>) =>
  <Options extends ReadonlyArray<unknown>>(
    middleware: (
      service: Shape,
      ...options: Options
    ) => Effect.Effect<Shape, ProviderError.InvalidRequestError, Scope.Scope>,
    isDataFirst: (args: ArrayLike<unknown>) => boolean = (args) => args.length > 1
  ): Decorator<Service, Options> =>
    dual<
      (...options: Options) => <E, R>(self: Layer.Layer<Service, E, R>) => Decorated<Service, E, R>,
      <E, R>(self: Layer.Layer<Service, E, R>, ...options: Options) => Decorated<Service, E, R>
    >(isDataFirst, (self, ...options) => transform(self, (service) => middleware(service, ...options)))

/** The `isDataFirst` of a decorator whose options may be left out. */
export const startsWithLayer = (args: ArrayLike<unknown>): boolean => Check.holds(Layer.isLayer, args[0])

/**
 * The `transform` of a service. The middleware runs once, in the scope of the layer, with a plain copy of the service; data
 * that its result omits are those of the service below. `cored` gives a core to a service that `make` did not build, for
 * policies and budgets around it. The layer and the result of the middleware are checked.
 */
export const make = <Service, Shape extends Trait.Trait>(
  tag: Context.Key<Service, Shape>,
  functions: ReadonlyArray<string & keyof Shape>,
  cored: (shape: Shape) => Effect.Effect<Shape, ProviderError.InvalidRequestError, Scope.Scope>
): Transform<Service, Shape> => {
  /** A plain copy with other data; methods keep their `this`. */
  const plain = (shape: Shape, data: Trait.Trait): Shape => {
    const calls = functions.map((name) => {
      const call: unknown = shape[name]
      return [name, (...args: ReadonlyArray<unknown>): unknown => Reflect.apply(call as () => unknown, shape, args)]
    })
    // The same functions under the same names.
    return { ...Object.fromEntries(calls), ...data } as Shape
  }
  const checked = Effect.fnUntraced(function*(given: unknown, field: string) {
    const isShape = Check.holds((given) => {
      const shape = given as Shape
      const { defaultModel = "", provider = "" } = shape
      return typeof provider === "string" && typeof defaultModel === "string" &&
        functions.every((name) => typeof shape[name] === "function")
    }, given)
    if (isShape) return given as Shape
    const names = functions.map((name) => `\`${name}\``).join(", ")
    const remedy = `Return an object with ${names}; \`provider\` and \`defaultModel\` are text`
    return yield* Check.invalid(field, "it does not return a service", remedy)
  })

  return dual(2, <E, R, E2, R2>(
    self: Layer.Layer<Service, E, R>,
    middleware: (shape: Shape) => Effect.Effect<Shape, E2, R2>
  ): Decorated<Service, E | E2, R | Exclude<R2, Scope.Scope>> => {
    const decorated = Effect.gen(function*() {
      const built = yield* Effect.serviceOption(tag)
      if (Option.isNone(built)) {
        return yield* Check.invalid("layer", "it does not build the service to decorate", "Give a layer of the service")
      }
      const service = yield* checked(built.value, "layer")
      const below = yield* cored(plain(service, Trait.dataOf(service)))
      const made = Result.try(() => middleware(below))
      if (Result.isFailure(made)) return yield* Check.threw({ provider: "strata" }, "middleware", made.failure)
      if (!Check.holds(Effect.isEffect, made.success)) {
        return yield* Check.invalid("middleware", "it does not return an `Effect`", "Return `Effect.succeed(service)`")
      }
      const above = yield* checked(yield* made.success, "middleware")
      return plain(above, Trait.joined(below, above))
    })
    const layer = Check.holds(Layer.isLayer, self)
      ? self
      : Layer.unwrap(Effect.as(Check.run(Check.layer, self, { provider: "strata", field: "layer" }), self))
    return Layer.provide(Layer.effect(tag, decorated), layer)
  })
}
