/**
 * Addresses of servers: which kind one is, and the URL of each of its operations.
 *
 * Joining neither doubles nor drops a slash, and keeps the query.
 */
import * as Check from "@strata/core/Check"
import * as Result from "effect/Result"
import type { Kind } from "../profile/Profile.ts"

/** OpenAI's own. */
export const openai = "https://api.openai.com/v1"

/** How Azure is asked: by `/openai/v1`, or by deployment and version of the API. */
export type AzureMode = "v1" | { readonly apiVersion: string; readonly deployment?: string | undefined }

const parse = (baseUrl: string): Result.Result<URL, unknown> =>
  Result.try(() => new URL(/^[a-z][a-z\d+.-]*:\/\//i.test(baseUrl) ? baseUrl : `${schemeOf(baseUrl)}://${baseUrl}`))

/** `localhost:11434` is what people write for a server on their machine. */
const schemeOf = (host: string): string =>
  /^(localhost|127\.|0\.0\.0\.0|\[?::1|[^/.]+:\d+)/.test(host) ? "http" : "https"

/** The kind of the server, by its host, or by the port of a local one. */
export const kindOf = (baseUrl: string): Kind => {
  const url = Result.getOrUndefined(parse(baseUrl))
  if (url === undefined) return "compatible"
  const { hostname, port } = url
  if (/(^|\.)openai\.com$/.test(hostname)) return "openai"
  if (/\.(openai\.azure|cognitiveservices\.azure|services\.ai\.azure)\.(com|us|cn)$/.test(hostname)) return "azure"
  if (/^bedrock-mantle[.-]/.test(hostname)) return "bedrock-mantle"
  if (/^bedrock-runtime(-fips)?\./.test(hostname)) return "bedrock"
  return ports.get(port) ?? "compatible"
}

const ports: ReadonlyMap<string, Kind> = new Map([
  ["11434", "ollama"],
  ["1234", "lmstudio"],
  ["8000", "vllm"],
  ["4000", "litellm"]
])

/** OpenTelemetry's names of providers that have an API like OpenAI's, by their domain. */
const providers: ReadonlyArray<readonly [domain: string, name: string]> = [
  ["deepseek.com", "deepseek"],
  ["groq.com", "groq"],
  ["mistral.ai", "mistral_ai"],
  ["perplexity.ai", "perplexity"],
  ["x.ai", "x_ai"],
  ["googleapis.com", "gcp.gemini"],
  ["openrouter.ai", "openrouter"],
  ["together.xyz", "together"],
  ["fireworks.ai", "fireworks"]
]

/** The name of the provider of a server of no known kind. */
export const providerOf = (baseUrl: string): string => {
  const host = Result.match(parse(baseUrl), { onFailure: () => "", onSuccess: ({ hostname }) => hostname })
  return providers.find(([domain]) => host === domain || host.endsWith(`.${domain}`))?.[1] ?? "openai-compatible"
}

/** The region of an address of AWS. */
export const regionOf = (url: URL): string | undefined =>
  /^bedrock-(?:runtime|mantle)(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(url.hostname)?.[1]

/**
 * A server: the URL up to the path of an operation, without slash; its query; the place of the model in the path, for
 * deployments of Azure.
 */
export interface ServerAddress {
  readonly url: URL
  readonly root: string
  readonly azure: AzureMode | undefined
}

/** What can be wrong with a base URL. */
export interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** Servers whose operations are below `/v1`, which is added to a base URL without a path. */
const versioned: ReadonlySet<Kind> = new Set(["openai", "ollama", "vllm", "lmstudio", "litellm"])

/** Reads a base URL. An operation at its end (`/chat/completions`) is taken off. */
export const read = (
  baseUrl: string,
  kind: Kind,
  azure: AzureMode | undefined
): Result.Result<ServerAddress, Problem> => {
  const parsed = parse(baseUrl.trim())
  const invalid = (problem: string) =>
    Result.fail({ field: "baseUrl", problem, remedy: "Give an address such as `http://localhost:11434/v1`" })
  if (Result.isFailure(parsed)) return invalid("it is not a URL")
  const url = parsed.success
  if (url.protocol !== "https:" && url.protocol !== "http:") return invalid(`\`${url.protocol}\` is not HTTP`)
  if (url.username !== "" || url.password !== "") return invalid("it holds a user name or a password")
  url.hash = ""
  const path = url.pathname.replace(/\/+$/, "").replace(/\/(chat\/completions|responses|embeddings|models)$/, "")
  if (kind === "azure") return Result.succeed(azureAddress(url, path, azure))
  return Result.succeed({ url, root: path === "" && versioned.has(kind) ? "/v1" : path, azure: undefined })
}

/** What stands before `/openai` is kept: a gateway in front of Azure has a path of its own. */
const azureAddress = (url: URL, path: string, given: AzureMode | undefined): ServerAddress => {
  const [, before = "", deployment] = /^(.*?)(?:\/openai(?:\/v1|\/deployments(?:\/([^/]+))?)?)?$/.exec(path) ?? []
  const version = url.searchParams.get("api-version")
  const mode = given ?? (deployment === undefined || version === null ? "v1" : { apiVersion: version, deployment })
  if (mode === "v1") return { url, root: `${before}/openai/v1`, azure: mode }
  url.searchParams.set("api-version", mode.apiVersion)
  return {
    url,
    root: `${before}/openai/deployments`,
    azure: { ...mode, deployment: mode.deployment ?? deployment }
  }
}

/** The URL of an operation, such as `chat/completions`; `root` replaces the path of the server. */
export const urlOf = (
  { azure, root: ownRoot, url }: ServerAddress,
  path: string,
  model: string | undefined,
  root?: string
): URL => {
  const joined = new URL(url)
  const operation = path.replace(/^\/+/, "")
  const place = (root ?? ownRoot).replace(/\/+$/, "")
  joined.pathname = typeof azure === "object"
    ? `${place}/${encodeURIComponent(azure.deployment ?? model ?? "")}/${operation}`
    : `${place}/${operation}`
  return joined
}

/** A URL for messages: without its query, which may hold a secret. */
export const shown: (url: URL) => string = Check.total((url) => `${url.origin}${url.pathname}`, () => "the server")

/** Whether a server answers nothing without a key. */
export const needsKey = (kind: Kind): boolean => kind === "openai" || kind === "azure" || kind.startsWith("bedrock")
