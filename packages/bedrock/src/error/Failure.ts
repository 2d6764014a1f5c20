/**
 * What the message of an error says, in one form for all of Bedrock's: who was asked and where, what came back, the id of
 * the request, and one remedy.
 *
 *     amazon.nova-lite-v1:0 in us-east-1: "Too many tokens, please wait." (request 4f0c). Send fewer …
 *     amazon.nova-lite-v1:0 at localhost:4599: the connection was lost (ECONNRESET). Send the request again.
 *
 * The service's own words are quoted, verbatim but for redacted passages.
 */
import type { Identity } from "@strata/core/Identity"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as ModelId from "../catalog/ModelId.ts"
import { providerName } from "../internal/provider.ts"

/** Where a request goes: `server` is the host it was sent to, with a port other than 443, `proxy` what it went through. */
export interface Where {
  readonly region?: string | undefined
  readonly server?: string | undefined
  readonly proxy?: string | undefined
}

/** Who was asked, and in which request; `who` where it was no model. */
export interface Asked extends Where {
  readonly model?: string | undefined
  readonly who?: string | undefined
  readonly requestId?: string | undefined
}

/** The fields common to all errors of a call. */
export interface Fields {
  readonly provider: string
  readonly model: string | undefined
  readonly requestId: string | undefined
  readonly server: string | undefined
  readonly exception: string | undefined
  readonly providerMessage: string | undefined
}

/**
 * What is known of a failure.
 *
 * - `words`: those of the service, safe to show; empty when it said nothing.
 * - `raw`: the same unredacted, for classification only.
 * - `silence`: what to say when there are no words.
 */
export interface Failure {
  readonly asked: Asked
  readonly exception?: string | undefined
  readonly words: string
  readonly raw: string
  readonly silence: string
}

/** The fields of its error: `remedy` in the imperative and without a period, `problem` in place of the service's words. */
export const toFields = (
  { asked, exception, silence, words }: Failure,
  remedy: string,
  problem?: string
): Fields & { readonly message: string } => ({
  provider: providerName,
  model: asked.model,
  requestId: asked.requestId,
  server: asked.server,
  exception,
  providerMessage: words === "" ? undefined : words,
  message: message(asked, problem ?? (words === "" ? silence : `"${words}"`), remedy)
})

/** The message of an error. */
export const message = (asked: Asked, problem: string, remedy: string): string => {
  const id = asked.requestId === undefined ? "" : ` (request ${asked.requestId})`
  const end = id === "" && /[.!?]"$/.test(problem) ? "" : "."
  return `${nameOf(asked)}: ${problem}${id}${end} ${remedy}.`
}

/** An answer that is none; `problem` has no period. */
export const malformed = (asked: Asked, problem: string): ProviderError.MalformedResponseError =>
  new ProviderError.MalformedResponseError(silent(asked, problem, malformedRemedy))

/** The fields of the error for a failure about which the service said nothing. */
export const silent = (asked: Asked, problem: string, remedy: string): ReturnType<typeof toFields> =>
  toFields({ asked, words: "", raw: "", silence: problem.charAt(0).toLowerCase() + problem.slice(1) }, remedy)

/** What to do about a model that is not there. */
export const modelRemedy = "Check the id of the model, and that the region serves it"

/** What to do about an answer that cannot be read. */
export const malformedRemedy = "If it happens again, check for proxies on the way, or ask AWS support"

/** Where a client sends a request for a model. */
export const whereOf = (
  client: { readonly region: string | undefined; readonly identity: Identity },
  model: string
): Where => ({ region: ModelId.region(model) ?? client.region, server: serverOf(client.identity) })

const serverOf = (identity: Identity): string | undefined => {
  const endpoint = Predicate.hasProperty(identity, "endpoint") ? identity.endpoint : undefined
  return Predicate.isString(endpoint)
    ? Result.getOrElse(Result.try(() => new URL(endpoint).host), () => undefined)
    : undefined
}

const nameOf = ({ model, region, server, who = model ?? "Bedrock" }: Asked): string => {
  if (server !== undefined && !isRegional(server, region)) return `${who} at ${server}`
  return region === undefined ? who : `${who} in ${region}`
}

/** The host, where {@link message} does not name it. */
export const hostOf = ({ region, server }: Asked): string | undefined =>
  server !== undefined && isRegional(server, region) ? server : undefined

/** Whether it is the service's own host in a region, which says no more than the region does. */
const isRegional = (server: string, region: string | undefined): boolean => {
  const [service = "", label] = server.split(".")
  return region !== undefined && service.startsWith("bedrock") && label === region
}
