/**
 * The headers that say who calls: a key, headers of the program, or those of a hook, such as a signature.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { Kind } from "../profile/Profile.ts"

/** A request before it is authenticated: `body` is the text that is sent, `headers` all but those of the hook. */
export interface Unsigned {
  readonly method: "POST"
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Gives the headers that authenticate a request. It runs for each attempt. */
export type Authenticate = (
  request: Unsigned
) => Effect.Effect<Readonly<Record<string, string>>, ProviderError.CallError>

/** Headers by name; a value may be `Redacted`. */
export interface HeaderInput {
  readonly [name: string]: string | Redacted.Redacted
}

/** The options that say who calls; see `OpenAiClient.Options`. */
export interface Options {
  readonly apiKey?: Redacted.Redacted | string | undefined
  readonly organization?: string | undefined
  readonly project?: string | undefined
  readonly headers?: HeaderInput | undefined
  readonly authentication?: Authenticate | undefined
}

/**
 * - `headers`: all headers of a request, its own included.
 * - `isGiven`: whether there is anything that authenticates. `secrets`: what must not appear in messages.
 * - `names`: of headers with secrets.
 */
export interface Authentication {
  readonly headers: (request: Unsigned) => Effect.Effect<Readonly<Record<string, string>>, ProviderError.CallError>
  readonly isGiven: boolean
  readonly secrets: ReadonlyArray<string>
  readonly names: ReadonlyArray<string>
}

/** The authentication of a client. */
export const make = (options: Options, kind: Kind): Authentication => {
  const { apiKey, authentication, headers = {}, organization, project } = options
  const key = apiKey === undefined ? undefined : reveal(apiKey)
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), reveal(value)] as const)
  const fixed: Record<string, string> = {
    ...(organization !== undefined && { "openai-organization": organization }),
    ...(project !== undefined && { "openai-project": project }),
    ...(key !== undefined && authentication === undefined &&
      (kind === "azure" ? { "api-key": key } : { authorization: `Bearer ${key}` })),
    ...Object.fromEntries(own)
  }
  const secrets = [...(key === undefined ? [] : [key]), ...own.map(([, value]) => value)]
  const names = ["api-key", "authorization", "x-amz-security-token", ...own.map(([name]) => name)]
  const lasting = secrets.length
  /** What a hook gives changes, and requests with the values before may still be under way. */
  const remember = (signed: Readonly<Record<string, string>>): void => {
    for (const [name, value] of Object.entries(signed)) {
      if (!names.includes(name.toLowerCase()) || secrets.includes(value)) continue
      secrets.push(value)
      if (secrets.length > lasting + mostSigned) secrets.splice(lasting, 1)
    }
  }
  return {
    headers: (request) => {
      const given = { ...request.headers, ...fixed }
      return authentication === undefined
        ? Effect.succeed(given)
        : Effect.map(called(authentication, { ...request, headers: given }), (signed) => {
          remember(signed)
          return { ...given, ...signed }
        })
    },
    isGiven: key !== undefined || authentication !== undefined || own.length > 0,
    secrets,
    names
  }
}

const mostSigned = 16

/** A hook of the program that throws, or gives something else, is an invalid option. */
const called = (hook: Authenticate, request: Unsigned): ReturnType<Authenticate> => {
  const threw = (cause: unknown) => Check.threw({ provider: "openai" }, "authentication", cause)
  return Effect.flatMap(
    Effect.flatMap(
      Effect.try({ try: () => hook(request), catch: threw }),
      (effect) => Check.holds(Effect.isEffect, effect) ? effect : Effect.fail(threw(undefined))
    ),
    (headers) => Check.run(signed, headers, { provider: "openai", whole: "authentication" })
  )
}

const reveal = (value: Redacted.Redacted | string): string => typeof value === "string" ? value : Redacted.value(value)

/** Bytes that would end a header are refused. */
const headerValue: Check.Check<string> = (given, at) =>
  typeof given === "string" && !/^[\t\x20-\x7e\x80-\xff]*$/.test(given)
    ? Check.refuse(at, "it holds a character that a header cannot have, such as a line break", "Trim it")
    : Check.text(given, at)

const secret: Check.Check<Redacted.Redacted | string> = (given, at) => {
  if (!Check.holds(Redacted.isRedacted, given)) {
    return typeof given === "string" && !/\S/.test(given) ? Check.filled(given, at) : headerValue(given, at)
  }
  const redacted = given as Redacted.Redacted<unknown> // it is one
  const text = headerValue(Redacted.value(redacted), at)
  return text === Check.refused ? text : Redacted.make(text)
}

const headers = (value: Check.Check<Redacted.Redacted | string>): Check.Check<HeaderInput> => (given, at) => {
  if (!Predicate.isObject(given) || Array.isArray(given)) return Check.refuseKind(at, given, "Give texts by name")
  const copy: Record<string, string | Redacted.Redacted> = {}
  for (const name of Object.keys(given)) {
    if (given[name] === undefined) continue
    if (!/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(name)) {
      return Check.refuse(at, `"${name.slice(0, 50)}" is not the name of a header`, "Use letters, digits and `-`")
    }
    const text = Check.part(value, given, name, at)
    if (text === Check.refused) return text
    copy[name] = text
  }
  return copy
}

const signed = headers(headerValue) as Check.Check<Readonly<Record<string, string>>> // each is text

/** @internal */
export const fields: Check.Fields<Options> = {
  apiKey: Check.optional(secret),
  organization: Check.optional(Check.filled),
  project: Check.optional(Check.filled),
  headers: Check.optional(headers(secret)),
  authentication: Check.optional(Check.callback())
}
