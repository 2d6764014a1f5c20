/**
 * Calls a model through the inference profile of its region when Bedrock does not serve it by its own id.
 *
 * Bedrock signals this by a validation error. The profiles that work are cached for the lifetime of the client, for the 256
 * models used last, so that only one request per model is refused.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as ModelId from "../catalog/ModelId.ts"
import * as Failure from "../error/Failure.ts"
import * as ValidationText from "../error/ValidationText.ts"
import * as LeastRecent from "../internal/leastRecent.ts"
import { providerName } from "../internal/provider.ts"
import * as Region from "../Region.ts"

/** See `BedrockClient.Options`. */
export type Mode = "geography" | "global" | "never"

/** The target of a call: `inferenceProfile` is `modelId` when a profile replaces the requested model. */
export interface Target<Id extends string | undefined> {
  readonly modelId: Id
  readonly inferenceProfile: string | undefined
}

/** `call`: sends a request to a model, and again to its profile when needed. */
export interface ProfileFallback {
  readonly call: <Id extends string | undefined, A, R>(
    modelId: Id,
    send: (target: Target<Id | string>) => Effect.Effect<A, ProviderError.CallError, R>
  ) => Effect.Effect<A, ProviderError.CallError, R>
}

/** For the client of one region, with an empty cache. */
export const make = (region: string | undefined, mode: Mode): ProfileFallback => {
  const known = LeastRecent.make<string>(256)
  const geographies = mode === "never" || region === undefined
    ? []
    : [...Region.geographies(region), ...(mode === "global" ? ["global"] : [])]

  const remember = (model: string, profile: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (known.get(model) !== undefined) return Effect.void
      known.set(model, profile)
      return Effect.logInfo(
        `Bedrock serves ${model} through inference profiles only: ${profile} is used from now on. ` +
          "Set it as `model` to avoid the first, refused request."
      ).pipe(Effect.annotateLogs({ provider: providerName, model, inferenceProfile: profile }))
    })

  return {
    call: (modelId, send) => {
      if (modelId === undefined || region === undefined || geographies.length === 0) {
        return send({ modelId, inferenceProfile: undefined })
      }

      const through = (
        profile: string,
        others: ReadonlyArray<string>,
        refused: ReadonlyArray<string>
      ): ReturnType<typeof send> =>
        Effect.matchEffect(send({ modelId: profile, inferenceProfile: profile }), {
          onSuccess: (answer) => Effect.as(remember(modelId, profile), answer),
          onFailure: (error) => {
            if (!isRefusal(error)) return Effect.andThen(remember(modelId, profile), Effect.fail(error))
            const [next, ...rest] = others
            return next === undefined
              ? Effect.fail(refusedAll(modelId, region, [...refused, profile], error))
              : through(next, rest, [...refused, profile])
          }
        })

      return Effect.suspend(() => {
        const profile = known.get(modelId)
        if (profile !== undefined) return send({ modelId: profile, inferenceProfile: profile })
        return Effect.catch(send({ modelId, inferenceProfile: undefined }), (error) => {
          if (!ValidationText.needsProfile(error)) return Effect.fail(error)
          const [first, ...others] = profilesOf(modelId, geographies)
          return first === undefined ? Effect.fail(error) : through(first, others, [])
        })
      })
    }
  }
}

/** An id with a geography or an ARN is an explicit choice. */
const profilesOf = (modelId: string, geographies: ReadonlyArray<string>): ReadonlyArray<string> =>
  !ModelId.isArn(modelId) && ModelId.parse(modelId).kind === "foundation-model"
    ? geographies.map((geography) => `${geography}.${modelId}`)
    : []

/** Whether the profile is at fault: it does not exist, or not for this account. */
const isRefusal = (error: ProviderError.CallError): boolean =>
  error._tag === "ModelNotFoundError" || error._tag === "PermissionDeniedError" || ValidationText.needsProfile(error)

const refusedAll = (
  model: string,
  region: string,
  profiles: ReadonlyArray<string>,
  { _tag, exception, providerMessage: words = "", requestId, server }: ProviderError.CallError
): ProviderError.CallError => {
  const them = `its inference ${profiles.length === 1 ? "profile" : "profiles"} ${profiles.join(" and ")}`
  const silence = `it is served through inference profiles only, and ${them} cannot be called`
  const problem = words === "" ? silence : `${silence}: "${words}"`
  const failure = { asked: { model, region, requestId, server }, exception, words, raw: words, silence }
  if (_tag === "PermissionDeniedError") {
    const remedy = "Request access to the model for this account, or name another inference profile of it"
    return new ProviderError.PermissionDeniedError(Failure.toFields(failure, remedy, problem))
  }
  const remedy = "Name an inference profile of the model"
  return new ProviderError.InvalidRequestError({
    ...Failure.toFields(failure, remedy, problem),
    field: "model",
    remedy
  })
}
