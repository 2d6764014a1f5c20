/**
 * The API and the path of a model at Bedrock's endpoints for OpenAI's dialect.
 *
 * OpenAI's own models answer to Responses only, on mantle below `/openai/v1`; all others that are known to Chat Completions, on
 * mantle below `/v1`. Whatever is not known goes where most models are, and the options can send it elsewhere.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/models-api-compatibility.html
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Api, Route } from "../chat/Codec.ts"
import type { Kind, Profile } from "../profile/Profile.ts"

/** What the program says about the route of its models: an API, a path in place of the base URL's. */
export interface Chosen {
  readonly api?: Api | "auto" | undefined
  readonly root?: string | undefined
}

/** A server: `baseUrl` may have the path of a gateway in front of mantle, with or without one of the two roots. */
export interface Server {
  readonly profile: Pick<Profile, "kind">
  readonly baseUrl: string
}

/** The route of a model at a server. What is chosen wins; `auto` is no choice. */
export const route = (
  { baseUrl, profile: { kind } }: Server,
  model: string,
  { api = "auto", root }: Chosen = {}
): Route & { readonly api: Api } => {
  const isHosted = isBedrock(kind) && hosted.test(model)
  return {
    api: api === "auto" ? isHosted ? "responses" : "chat-completions" : api,
    root: root ??
      (kind === "bedrock-mantle"
        ? `${prefixOf(baseUrl)}${isHosted || newest.test(model) ? roots.openai : roots.open}`
        : undefined)
  }
}

const prefixOf = (baseUrl: string): string =>
  Result.match(Result.try(() => new URL(baseUrl)), {
    onFailure: () => "",
    onSuccess: ({ pathname }) => pathname.replace(/(?:\/openai)?(?:\/v1)?\/*$/, "")
  })

const isBedrock = (kind: Kind): boolean => kind === "bedrock" || kind === "bedrock-mantle"

/** `openai.gpt-5.4`, also in a profile of a geography or an ARN; not `openai.gpt-oss-20b`, whose weights are open. */
const hosted = /(?:^|[./])openai\.gpt-\d/

/** Models of other vendors that answer at the root of the hosted ones, as users of several clients report. */
const newest = /(?:^|[./])(?:xai\.grok-|google\.gemma-4)/

const roots = { openai: "/openai/v1", open: "/v1" } as const

/**
 * Whose quota the calls to an endpoint use up: those of `bedrock-runtime` share that of Converse in the region, mantle has one
 * of its own.
 */
export const scope = (
  { kind }: Pick<Profile, "kind">,
  { region, server }: { readonly region: string | undefined; readonly server: string }
): string => kind === "bedrock-mantle" ? `mantle ${region ?? server}` : region ?? server

/**
 * The error of a call that took the wrong route: an `UnsupportedFeatureError` that names the other one. Any other error is
 * returned as it is.
 */
export const explain = <E extends ProviderError.ProviderError>(
  error: E,
  { api, root }: Route,
  { kind }: Pick<Profile, "kind">
): E | ProviderError.UnsupportedFeatureError => {
  const { cause, exception, model, provider, providerMessage: words = "", requestId, server } = error
  const isRoot = /isn.?t supported on this route|not supported on this route/i.test(words)
  if (!isBedrock(kind) || !isRoot && !/does not support the \S+ API/i.test(words)) return error
  const path = `${root ?? roots.openai}/${paths[api]}`
  const other: Api = api === "responses" ? "chat-completions" : "responses"
  const otherRoot = root?.endsWith(roots.openai) === true ? roots.open : roots.openai
  const remedy = isRoot && root !== undefined
    ? `Use \`root: "${otherRoot}"\`, or \`api: "${other}"\``
    : `Use \`api: "${other}"\``
  return new ProviderError.UnsupportedFeatureError({
    provider,
    model,
    requestId,
    server,
    exception,
    providerMessage: words,
    cause,
    field: "model",
    feature: `the API "${api}" at ${path}`,
    problem: `it is not served at ${path}. ${remedy}.`,
    message: `${model} at ${server}${path}: "${words}". ${remedy}.`
  })
}

const paths: { readonly [A in Api]: string } = { "chat-completions": "chat/completions", responses: "responses" }
