/** Marks the models of this package, which take all of a request of ours. */
import type { Identity } from "@strata/core/Identity"
import * as Predicate from "effect/Predicate"

/** Who answers for a model of this package. */
export interface Origin {
  readonly provider?: string
  readonly defaultModel?: string
  readonly identity?: Identity
}

const symbol = Symbol.for("@strata/effect-ai/Origin")

interface Service {
  readonly provider?: string | undefined
  readonly defaultModel?: string | undefined
  readonly identity?: Identity | undefined
}

/** The model with a mark, which a copy of it keeps: the service that answers, and the model of its layer. */
export const mark = <A extends object>(model: A, service: Service, given: unknown): A => {
  const name = typeof given === "string" ? given : service.defaultModel
  const { identity, provider } = service
  const origin: Origin = {
    ...(provider !== undefined && { provider }),
    ...(name !== undefined && { defaultModel: name }),
    ...(identity !== undefined && { identity })
  }
  return { ...model, [symbol]: origin }
}

/** The mark of a model; `undefined` of one from elsewhere. */
export const of = (model: object): Origin | undefined =>
  // Nothing else writes under this symbol.
  Predicate.hasProperty(model, symbol) ? model[symbol] as Origin : undefined
