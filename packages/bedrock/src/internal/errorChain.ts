/**
 * An unknown error and its causes, reduced to the few words that are safe to keep.
 *
 * Errors of the SDK carry the request, with its `Authorization` header, and the response: they are read here and then
 * dropped.
 */
import * as Predicate from "effect/Predicate"

/** One link of the chain: an error, its cause, the cause of that. */
export interface Link {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly syscall: string | undefined
}

/** The error and its causes, outermost first. A chain may bite its tail, so it ends after ten. */
export const read = (error: unknown): ReadonlyArray<Link> => {
  const chain: Array<Link> = []
  for (let link = error; Predicate.isObjectKeyword(link) && chain.length < 10; link = property(link, "cause")) {
    chain.push({
      name: string(link, "name") ?? "Error",
      message: scrub(string(link, "message") ?? ""),
      code: string(link, "code"),
      syscall: string(link, "syscall")
    })
  }
  return chain
}

/** The chain as errors again, without what hung on them. */
export const toError = (chain: ReadonlyArray<Link>): Error | undefined =>
  chain.reduceRight<Error | undefined>((cause, { code, message, name }) => {
    const text = firstLine(message)
    const error = cause === undefined ? new Error(text) : new Error(text, { cause })
    // Where the copy was made is of no interest, and where the original was thrown may quote more than its first line.
    error.stack = `${name}: ${text}`
    return Object.assign(error, code === undefined ? { name } : { name, code })
  }, undefined)

/** A property, of whatever type. */
export const property = (u: unknown, key: string): unknown => Predicate.hasProperty(u, key) ? u[key] : undefined

/** A property, when it is a string. */
export const string = (u: unknown, key: string): string | undefined => {
  const value = property(u, key)
  return Predicate.isString(value) ? value : undefined
}

/** A property, when it is a number. */
export const number = (u: unknown, key: string): number | undefined => {
  const value = property(u, key)
  return Predicate.isNumber(value) ? value : undefined
}

/** A text without what only a request should hold: signatures, bearer tokens, access keys, session tokens. */
export const scrub = (text: string): string =>
  secrets.reduce((clean, secret) => clean.replace(secret, "$1[redacted]"), text)

/** The first line: what follows it quotes requests and bodies. */
export const firstLine = (text: string): string => text.split("\n", 1)[0] ?? ""

const secrets: ReadonlyArray<RegExp> = [
  /(\bbearer\s+)(?!token|auth)[^\s'",;]+/gi,
  /(\b(?:credential|signature|x-amz-security-token|x-amz-signature|aws_session_token)\s*[=:]\s*)[^\s'",;&]+/gi,
  /()\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /()\bABSK[A-Za-z0-9+/=]{16,}/g,
  /()\bbedrock-api-key-[A-Za-z0-9+/=_-]+/g
]
