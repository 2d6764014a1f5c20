/**
 * The endpoint in place of AWS's own: where it is configured, and what it may be.
 *
 * The SDK takes `localhost:4701` for a URL of the scheme `localhost`, and sends requests, with their bearer token, to
 * another port than the one meant.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Environment from "../internal/environment.ts"
import { providerName } from "../internal/provider.ts"
import type { AwsProfile } from "./awsProfile.ts"

/**
 * The endpoint in force, without a slash at its end: the option, else `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`, else
 * `AWS_ENDPOINT_URL`, else the profile's for the service, else the profile's for all; `undefined` for AWS's own. Fails
 * with an `InvalidRequestError` of the field `endpoint` for an invalid one.
 */
export const resolve = Effect.fnUntraced(function*(
  given: string | undefined,
  profile: AwsProfile
): Effect.fn.Return<string | undefined, ProviderError.InvalidRequestError> {
  const found = given === undefined ? yield* configured(profile) : { url: given, source: undefined }
  return found === undefined ? undefined : yield* check(found.url, found.source)
})

/** A URL as the SDK takes it. `source` is where it was found, if not in an option. */
export const check = (
  url: string,
  source?: string
): Effect.Effect<string, ProviderError.InvalidRequestError> => {
  const parsed = Result.getOrElse(Result.try(() => new URL(url)), () => undefined)
  const fault = parsed === undefined ? notUrl : faults.find(([isFault]) => isFault(parsed, url))?.[1]
  return parsed !== undefined && fault === undefined
    ? Effect.succeed(`${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`)
    : Effect.fail(ProviderError.invalidRequest({
      provider: providerName,
      field: "endpoint",
      problem: `${source === undefined ? "" : `${source}: `}${fault ?? notUrl}`,
      remedy: "Give the URL of a server, and a path where it has one: https://bedrock.example.com"
    }))
}

/** Warns of an endpoint whose host names a region, but not the one requests are signed for. */
export const warnOfRegion = (endpoint: string | undefined, region: string | undefined): Effect.Effect<void> => {
  if (endpoint === undefined || region === undefined) return Effect.void
  const regions = new URL(endpoint).hostname.split(".").filter((label) => regionLabel.test(label))
  return regions.length === 0 || regions.includes(region) ? Effect.void : Effect.logWarning(
    `The endpoint ${new URL(endpoint).host} is in ${regions.join(" and ")}, but requests are signed for ${region}: ` +
      "set `region` to the region of the endpoint"
  )
}

const configured = Effect.fnUntraced(function*({ name, services, settings }: AwsProfile) {
  const ignored = (yield* Environment.readAny("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) ??
    settings["ignore_configured_endpoint_urls"]
  if (ignored?.toLowerCase() === "true") return undefined
  for (const source of ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"]) {
    const url = yield* Environment.readAny(source)
    if (url !== undefined) return { url, source }
  }
  if (settings["services"] !== undefined && services === undefined) {
    return yield* Effect.fail(ProviderError.invalidRequest({
      provider: providerName,
      field: "endpoint",
      problem: `the profile ${name} refers to the section services ${settings["services"]}, which is not there`,
      remedy: "Add it to the AWS configuration file, or remove `services` from the profile"
    }))
  }
  const url = services?.["bedrock_runtime.endpoint_url"] ?? settings["endpoint_url"]
  return url === undefined ? undefined : { url, source: `endpoint_url of the profile ${name}` }
})

const notUrl = "it is not a URL"

// The URL itself is not quoted: it may hold a password, or a key in its query.
const faults: ReadonlyArray<readonly [isFault: (url: URL, text: string) => boolean, fault: string]> = [
  [({ protocol }) => protocol !== "http:" && protocol !== "https:", "its scheme is neither http nor https"],
  [({ password, username }) => username !== "" || password !== "", "it holds a user name or a password"],
  [(_, text) => text.includes("?"), "it has a query"],
  [(_, text) => text.includes("#"), "it has a fragment"]
]

const regionLabel = /^[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}$/
