/**
 * The region of calls whose model is not an ARN.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Environment from "./internal/environment.ts"
import { providerName } from "./internal/provider.ts"

/**
 * The given region, else `AWS_REGION`, else `AWS_DEFAULT_REGION`, which the SDK for JavaScript ignores and every other
 * AWS tool reads. Fails for an invalid region; `undefined` when there is none.
 */
export const resolve = (
  given: string | undefined
): Effect.Effect<string | undefined, ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    given === undefined ? fromEnvironment : Effect.succeed(given),
    (region) => region === undefined ? Effect.undefined : validate(region)
  )

/** Fails unless the region is a valid host label, so that it cannot redirect a request to another host. */
export const validate = (region: string): Effect.Effect<string, ProviderError.InvalidRequestError> =>
  Check.run(check, region, { provider: providerName, field: "region" })

/** A region that may be any value. */
export const check: Check.Check<string> = (given, at) => {
  const remedy = "Write it like \"us-east-1\""
  if (typeof given !== "string") return Check.refuseKind(at, given, remedy)
  return hostLabel.test(given)
    ? given
    : Check.refuse(at, `${JSON.stringify(given.slice(0, 60))} is not a region`, remedy)
}

/**
 * The geographies of the inference profiles that keep a request near its region, the narrowest first. Empty where AWS
 * has only `global`, whose requests go to any commercial region.
 *
 * https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html
 */
export const geographies = (region: string): ReadonlyArray<string> =>
  geographyTable.find(([pattern]) => pattern.test(region))?.[1] ?? []

/** The error of a call for which no region is known. */
export const missing = (modelId: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider: providerName,
    model: modelId,
    field: "region",
    problem: "no region is known",
    remedy: "Set `region`, or AWS_REGION in the environment, or use an ARN, which names one"
  })

const fromEnvironment = Effect.map(
  Effect.forEach(["AWS_REGION", "AWS_DEFAULT_REGION"], Environment.read),
  (values) => values.find((value) => value !== undefined)
)

const hostLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

const geographyTable: ReadonlyArray<readonly [pattern: RegExp, geographies: ReadonlyArray<string>]> = [
  [/^us-gov-/, ["us-gov"]],
  [/^us-(?:east|west)-/, ["us"]],
  [/^ca-/, ["ca"]],
  [/^eu-(?!isoe-)/, ["eu"]],
  // profiles of one country came with Claude 4.5: older models have the one of the whole area
  [/^ap-northeast-[13]$/, ["jp", "apac"]],
  [/^ap-southeast-[24]$/, ["au", "apac"]],
  [/^ap-/, ["apac"]]
]
