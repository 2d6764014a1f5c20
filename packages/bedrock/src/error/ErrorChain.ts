/**
 * An unknown error and its causes, reduced to what is safe to keep.
 *
 * Errors of the SDK hold the request, with its `Authorization` header, and the response: both are read here and then
 * dropped.
 */
import * as Predicate from "effect/Predicate"
import * as Confidential from "./Confidential.ts"

/**
 * One link of the chain: an error, its cause, the cause of that. `raw` is for classification, never shown; `proxy` and
 * `status` are of a failure of a proxy.
 */
export interface Link {
  readonly name: string
  readonly message: string
  readonly raw: string
  readonly code: string | undefined
  readonly syscall: string | undefined
  readonly proxy: string | undefined
  readonly status: number | undefined
}

/** The error and its causes, outermost first, redacted. Cyclic chains end after ten. */
export const read = (error: unknown, confidential?: Confidential.Confidential): ReadonlyArray<Link> => {
  const chain: Array<Link> = []
  for (let link = error; Predicate.isObjectKeyword(link) && chain.length < 10; link = property(link, "cause")) {
    const raw = string(link, "message") ?? ""
    chain.push({
      name: string(link, "name") ?? "Error",
      message: Confidential.redact(raw, confidential),
      raw,
      code: string(link, "code"),
      syscall: string(link, "syscall"),
      proxy: string(link, "proxy"),
      status: number(link, "status")
    })
  }
  return chain
}

/** The chain as errors, without their other properties. */
export const toError = (chain: ReadonlyArray<Link>): Error | undefined =>
  chain.reduceRight<Error | undefined>((cause, { code, message, name }) => {
    const text = firstLine(message)
    const error = cause === undefined ? new Error(text) : new Error(text, { cause })
    // The copy's own stack is meaningless, and the original one may quote more than its first line.
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

/** The first line: later lines quote requests and bodies. */
export const firstLine = (text: string): string => text.split("\n", 1)[0] ?? ""
