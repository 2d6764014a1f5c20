/**
 * The paths of OpenAI's dialect on the emulator's port, and the endpoint each is one of.
 *
 * Bedrock has two endpoints that speak it, each with a host name of its own; here they share a port. What tells them
 * apart is, in this order: the prefix `/mantle`, the host name, the service in the signature's scope. A path without any
 * of them leaves it to the model: see `Models.find`.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** The operations of the dialect; a stream is one of its own, as in Bedrock. */
export const operations = [
  "CreateChatCompletion",
  "CreateChatCompletionStream",
  "CreateEmbeddings",
  "CreateResponse",
  "CreateResponseStream",
  "DeleteResponse",
  "GetResponse",
  "ListModels",
  "RetrieveModel"
] as const

/** The name of an operation. */
export type Operation = (typeof operations)[number]

/** The operations whose response is a stream of events. */
export const streaming: ReadonlyArray<Operation> = ["CreateChatCompletionStream", "CreateResponseStream"]

/**
 * One request for the dialect.
 *
 * - `mantle`: whether the request says that it is for `bedrock-mantle`.
 * - `root`: the path before the API's own; `path`: the whole of it, as in the service's messages.
 * - `id`: of the response or model asked for; `deployment`: of Azure, which names the model.
 */
export interface Route {
  readonly operation: Operation
  readonly mantle: boolean
  readonly root: "/v1" | "/openai/v1" | "/openai/deployments"
  readonly path: string
  readonly id?: string | undefined
  readonly deployment?: string | undefined
}

interface Asked {
  readonly method: string
  readonly target: string
  readonly headers: Headers
}

type Headers = Readonly<Record<string, string>>

/** Whether a request is for the dialect, also where it has no such operation. */
export const isFor = ({ target }: Pick<Asked, "target">): boolean => prefix.test(target)

/** The operation of a request; a missing one is an unknown path. The body tells whether it streams. */
export const of = (asked: Asked, body: unknown): Route | undefined => {
  const [whole = ""] = asked.target.split("?", 1)
  const path = whole.replace(/^\/mantle(?=\/)/, "")
  const mantle = path !== whole || isMantle(asked.headers)
  const [, root, deployment, rest] = pattern.exec(path) ?? []
  if (root === undefined || rest === undefined) return undefined
  const found = operationOf(asked.method, rest, Predicate.hasProperty(body, "stream") && body.stream === true)
  return found === undefined ? undefined : {
    ...found,
    mantle,
    root: deployment === undefined ? root === "/v1" ? "/v1" : "/openai/v1" : "/openai/deployments",
    path,
    deployment: deployment === undefined ? undefined : decode(deployment)
  }
}

/** The model that a request names: of Azure in its path, or else in its body. */
export const modelOf = ({ deployment, id, operation }: Route, body: unknown): string | undefined => {
  if (operation === "RetrieveModel") return id
  const named: unknown = deployment ?? (Predicate.hasProperty(body, "model") ? body.model : undefined)
  return Predicate.isString(named) && named !== "" ? named : undefined
}

/** Whether the host or the signature names `bedrock-mantle`. */
const isMantle = (headers: Headers): boolean =>
  /^bedrock-mantle[.-]/i.test(headers[":authority"] ?? headers["host"] ?? "") ||
  /Credential=[^,\s]*\/bedrock-mantle\//.test(headers["authorization"] ?? "")

interface Found {
  readonly operation: Operation
  readonly id?: string | undefined
}

const operationOf = (method: string, path: string, streams: boolean): Found | undefined => {
  const [, collection = "", encoded] = /^(models|responses)\/([^/]+)$/.exec(path) ?? []
  const id = encoded === undefined ? undefined : decode(encoded)
  switch (`${method} ${collection === "" ? path : `${collection}/`}`) {
    case "POST chat/completions":
      return { operation: streams ? "CreateChatCompletionStream" : "CreateChatCompletion" }
    case "POST responses":
      return { operation: streams ? "CreateResponseStream" : "CreateResponse" }
    case "POST embeddings":
      return { operation: "CreateEmbeddings" }
    case "GET models":
      return { operation: "ListModels" }
    case "GET models/":
      return { operation: "RetrieveModel", id }
    case "GET responses/":
      return { operation: "GetResponse", id }
    case "DELETE responses/":
      return { operation: "DeleteResponse", id }
    default:
      return undefined
  }
}

const decode = (encoded: string): string =>
  Result.getOrElse(Result.try(() => decodeURIComponent(encoded)), () => encoded)

const prefix = /^\/(?:mantle\/|openai\/|v1\/)/

const pattern = /^(\/v1|\/openai\/v1|\/openai\/deployments\/([^/]+))\/(.+)$/
