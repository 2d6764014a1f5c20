/**
 * The limits of request metadata by the service model, and what is in force for a call.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Pairs, RequestMetadata } from "../RequestMetadata.ts"
import { providerName } from "./provider.ts"

/** Pairs within the limits; none at all are allowed, and not sent. */
export const check: Check.Check<Pairs> = (given, at) => {
  const pairs = plain(given, at)
  if (pairs === Check.refused) return pairs
  // Nothing that is not plain is copied: the entries of a `Map` would be lost.
  if (Object.getPrototypeOf(pairs) !== Object.prototype) return Check.refuseKind(at, given, remedy)
  const entries = Object.entries(pairs)
  if (entries.length > mostPairs) return Check.refuse(at, `it has ${entries.length} pairs`, `Use at most ${mostPairs}`)
  for (const [name, value] of entries) {
    at.path.push(name)
    if (!isName.test(name)) return Check.refuse(at, "Bedrock does not accept this name", `Use 1 to 256 ${characters}`)
    if (typeof value !== "string") return Check.refuseKind(at, value, "Give text")
    if (!isValue.test(value)) {
      return Check.refuse(at, "Bedrock does not accept this value", `Use up to 256 ${characters}`)
    }
    at.path.pop()
  }
  // Each value is text.
  return pairs as Pairs
}

const remedy = "Give a plain object of texts"

const plain = Check.jsonObject(remedy, { others: true })

const mostPairs = 16

const isName = /^[a-zA-Z0-9\s:_@$#=/+,\-.]{1,256}$/

const isValue = /^[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}$/

const characters = "letters from A to Z, digits, blanks and characters of `:_@$#=/+,-.`"

/** Whether the fiber has some. */
export const isSet: Effect.Effect<boolean> = Effect.map(RequestMetadata, (given) => given !== unset)

const unset = RequestMetadata.defaultValue()

/**
 * What a call sends: the pairs of its layer, its fiber and its request, of which the later win. Those of the layer and the
 * request are checked already. `undefined` where there are none.
 */
export const inForce = (
  model: string | undefined,
  ofLayer: Pairs | undefined,
  ofRequest: Pairs | undefined
): Effect.Effect<Pairs | undefined, ProviderError.InvalidRequestError> =>
  Effect.flatMap(RequestMetadata, (given) => {
    if (given === unset) {
      return ofLayer === undefined && ofRequest === undefined
        ? Effect.undefined
        : checked(model, { ...ofLayer, ...ofRequest })
    }
    const ofFiber = Check.settle(check, given, { field: "RequestMetadata" })
    return Result.isFailure(ofFiber)
      ? fail(model, ofFiber.failure)
      : checked(model, { ...ofLayer, ...ofFiber.success, ...ofRequest })
  })

/** The same for the options of a request that is not checked yet, for keys; none are empty. */
export const ofRequest = (
  ofLayer: Pairs | undefined,
  { model, providerOptions }: {
    readonly model: string
    readonly providerOptions?: { readonly bedrock?: { readonly requestMetadata?: unknown } | undefined } | undefined
  }
): Effect.Effect<Pairs, ProviderError.InvalidRequestError> => {
  const given = providerOptions?.bedrock?.requestMetadata
  const field = "providerOptions.bedrock.requestMetadata"
  const own = given === undefined ? Effect.undefined : Check.run(check, given, { provider: providerName, model, field })
  return Effect.flatMap(own, (own) => Effect.map(inForce(model, ofLayer, own), (pairs) => pairs ?? unset))
}

const checked = (model: string | undefined, pairs: Pairs) => {
  const { length } = Object.keys(pairs)
  return length > mostPairs
    ? fail(model, {
      field: "requestMetadata",
      problem: `those of the layer, the fiber and the request are ${length} pairs`,
      remedy: `Use at most ${mostPairs} in all`
    })
    : Effect.succeed(length === 0 ? undefined : pairs)
}

const fail = (model: string | undefined, problem: Check.Problem) =>
  Effect.fail(ProviderError.invalidRequest({ provider: providerName, model, ...problem }))

/** Pairs, which may be any value, as a header of InvokeModel: JSON in visible ASCII. `undefined` for none. */
export const header = (given: unknown): Result.Result<string | undefined, Check.Problem> =>
  Check.settle(
    (given, at) => {
      const pairs = check(given, at)
      if (pairs === Check.refused) return pairs
      const text = inAscii(JSON.stringify(pairs))
      return text.length <= longestHeader
        ? text === "{}" ? undefined : text
        : Check.refuse(
          at,
          `in the header it has ${text.length} characters`,
          `Use at most ${longestHeader}: white space other than blanks takes several`
        )
    },
    given,
    { field: "requestMetadata" }
  )

const longestHeader = 8500

const inAscii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
