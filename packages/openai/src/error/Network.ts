/**
 * Failures of the network: what `fetch` and other clients throw, by the codes among their causes. Their own messages are not
 * shown, since they may hold the request with its headers.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import type { Asked } from "./Facts.ts"
import * as Wording from "./Wording.ts"

/** The error of a request that got no answer, or whose answer broke off. */
export const classify = (asked: Asked, cause: unknown, problem?: string): ProviderError.CallError => {
  const code = codeOf(cause)
  const fields = (what: string, remedy: string) => ({
    provider: asked.provider,
    model: asked.model,
    server: asked.server,
    requestId: asked.requestId,
    exception: code,
    message: Wording.message(asked, code === undefined ? what : `${what} (${code})`, remedy)
  })
  if (code !== undefined && timeouts.has(code)) {
    return new ProviderError.TimeoutError({
      ...fields("the server did not answer in time", "Check that it runs, and its address"),
      phase: code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT" ? "connect" : "model"
    })
  }
  if (code !== undefined && certificates.test(code)) {
    return new ProviderError.InvalidRequestError({
      ...fields("its certificate is not trusted", "Check the base URL, or add the authority with NODE_EXTRA_CA_CERTS"),
      field: "baseUrl"
    })
  }
  return new ProviderError.ConnectionError(
    code === "ECONNREFUSED"
      ? fields("no server listens there", "Start it, or check the base URL")
      : code === "ENOTFOUND" || code === "EAI_AGAIN"
      ? fields("its name cannot be resolved", "Check the base URL and the network")
      : fields(problem ?? "the connection was lost", "Send the request again")
  )
}

const timeouts: ReadonlySet<string> = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT"
])

const certificates = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/

/** The first code among an error and its causes; `AggregateError` holds one for each address that was tried. */
const codeOf = (error: unknown, depth = 0): string | undefined => {
  if (!Predicate.isObject(error) || depth > 8) return undefined
  const { cause, code, errors, reason } = error as { readonly [name: string]: unknown } // any object
  if (typeof code === "string" && /^[A-Z][A-Z\d_]{2,60}$/.test(code)) return code
  const [first] = Array.isArray(errors) ? errors as ReadonlyArray<unknown> : []
  return codeOf(reason, depth + 1) ?? codeOf(cause, depth + 1) ?? codeOf(first, depth + 1)
}
