/**
 * The regions of one emulator: which of them a request is for, and which geography each belongs to.
 *
 * One port serves several regions, where AWS has an endpoint for each. The region of a request is the one its host
 * names, as in `bedrock-runtime.us-west-2.localhost:4599`; else that of its signature's credential scope; else that of
 * an ARN in its path; else the first one.
 */
import * as Result from "effect/Result"
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"

/** The regions served; the first one is the default. */
export type Served = readonly [string, ...ReadonlyArray<string>]

/** Whether a text has the form of a region, such as `us-gov-west-1`. */
export const isRegion = (text: string): boolean => /^[a-z]{2,}(?:-[a-z]+)+-\d+$/.test(text)

/** The region of a request. Fails when its host names a region that is not served, and nothing else tells. */
export const of = (
  served: Served,
  { headers, target }: Pick<Exchange.Exchange, "headers" | "target">
): Result.Result<string, AwsError.AwsError> => {
  const named = hostPattern.exec((headers[":authority"] ?? headers["host"] ?? "").toLowerCase())?.[1]
  if (named !== undefined && served.includes(named)) return Result.succeed(named)
  const scope = scopePattern.exec(headers["authorization"] ?? "")?.[1]
  // a scope that is not served is refused with the signature
  if (scope !== undefined) return Result.succeed(served.includes(scope) ? scope : served[0])
  if (named !== undefined) return Result.fail(notServed(named, served))
  const arn = arnPattern.exec(decoded(target))?.[1]
  return Result.succeed(arn !== undefined && served.includes(arn) ? arn : served[0])
}

/** Whether the inference profiles of a geography, such as `us`, can be called in a region. */
export const isIn = (region: string, geography: string): boolean => geographies[geography]?.test(region) ?? true

/**
 * The regions an inference profile of a geography routes to from a region, at most five as in the service: most of those
 * in the user guide.
 */
export const destinations = (region: string, geography: string): ReadonlyArray<string> =>
  [...new Set([region, ...routed[geography] ?? []])].toSorted()

/** The AWS partition of a region. */
export const partitionOf = (region: string): string =>
  region.startsWith("us-gov-") ? "aws-us-gov" : region.startsWith("cn-") ? "aws-cn" : "aws"

/** The account of every emulator: that of AWS's examples. */
export const account = "123456789012"

/** From the user guide, "Supported Regions and models for inference profiles"; of all models together. */
const geographies: Readonly<Record<string, RegExp>> = {
  us: /^(?:us-(?:east|west)|ca)-/,
  eu: /^(?:eu|il)-/,
  apac: /^(?:ap|me)-/,
  jp: /^ap-northeast-[13]$/,
  au: /^ap-southeast-[246]$/,
  ca: /^ca-/,
  "us-gov": /^us-gov-/,
  global: /^(?!us-gov-|cn-)/
}

const routed: Readonly<Record<string, ReadonlyArray<string>>> = {
  us: ["us-east-1", "us-east-2", "us-west-2"],
  eu: ["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"],
  apac: ["ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2"],
  jp: ["ap-northeast-1", "ap-northeast-3"],
  au: ["ap-southeast-2", "ap-southeast-4"],
  ca: ["ca-central-1", "us-east-1", "us-east-2", "us-west-2"],
  "us-gov": ["us-gov-east-1", "us-gov-west-1"]
}

const hostPattern = /^(?:bedrock(?:-runtime|-mantle)?|s3)(?:-fips)?\.([a-z]{2,}(?:-[a-z]+)+-\d+)\./

const scopePattern = /^AWS4-HMAC-SHA256\s.*Credential=[^/,\s]*\/[^/,\s]*\/([^/,\s]+)\//i

const arnPattern = /^\/[a-z-]+\/arn:aws[a-z-]*:bedrock:([a-z0-9-]+):/

const decoded = (target: string): string => Result.getOrElse(Result.try(() => decodeURIComponent(target)), () => target)

const notServed = (region: string, served: Served) =>
  AwsError.validation(
    `The host names the region ${region}, but this emulator serves ${
      served.join(", ")
    }. Start it with that region too: --region ${[...served, region].join(",")}.`
  )
