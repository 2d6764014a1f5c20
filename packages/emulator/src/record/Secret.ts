/**
 * Keeps credentials out of recordings: only allowed headers are kept, and credentials of the request, or texts that
 * look like AWS credentials, are scrubbed. Bytes are not examined.
 */
import type * as Schema from "effect/Schema"
import type * as Exchange from "../http/Exchange.ts"
import { isArray, isObject } from "./JsonText.ts"

/** The request headers that are kept. */
export const requestHeaders = (headers: Exchange.Headers): Exchange.Headers => keep(headers, keptOfRequest)

/** The response headers that are kept. */
export const responseHeaders = (headers: Exchange.Headers): Exchange.Headers => keep(headers, keptOfResponse)

const keptOfRequest = /^(?:accept|content-type|x-amzn-bedrock-[a-z-]+)$/

const keptOfResponse = /^(?:content-type|retry-after|x-amzn-(?:bedrock-[a-z-]+|errortype|requestid))$/

const keep = (headers: Exchange.Headers, kept: RegExp): Exchange.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name)).toSorted(([a], [b]) => a < b ? -1 : 1))

/** The credentials of a request, which a response might repeat. */
export const ofRequest = (headers: Exchange.Headers): ReadonlyArray<string> => {
  const { "api-key": key = "", authorization = "", cookie = "", "x-amz-security-token": token = "" } = headers
  return [
    key,
    token,
    ...(/^AWS4-HMAC-SHA256\s/i.test(authorization)
      ? [...authorization.matchAll(/\b(?:Credential|Signature)=([^,\s]+)/g)].map(([, value = ""]) => value)
      : [authorization.replace(/^\S+\s+/, "").trim()]),
    ...cookie.split(";").map((pair) => pair.replace(/^[^=]*=/, "").trim())
  ]
}

/** Scrubs secrets from texts and JSON, keys included. */
export interface Scrubber {
  readonly text: (text: string) => string
  readonly json: (json: Schema.Json) => Schema.Json
  readonly object: (json: Schema.JsonObject) => Schema.JsonObject
  readonly headers: (headers: Exchange.Headers) => Exchange.Headers
}

/**
 * A scrubber of everything that looks like a secret, and of `known` ones with at least 8 characters: shorter ones could
 * be words.
 */
export const scrubber = (known: ReadonlyArray<string>): Scrubber => {
  // the longest first, since a secret may contain another
  const secrets = [...new Set(known)].filter(({ length }) => length >= 8).toSorted((a, b) => b.length - a.length)
  const text = (value: string): string =>
    secrets.reduce((left, secret) => left.replaceAll(secret, secretPlace), scrubText(value))
  const json = (value: Schema.Json): Schema.Json => {
    if (typeof value === "string") return text(value)
    if (isArray(value)) return value.map(json)
    return isObject(value) ? object(value) : value
  }
  const object = (value: Schema.JsonObject): Schema.JsonObject =>
    Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), json(item)]))
  const headers = (headers: Exchange.Headers) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, text(value)]))
  return { text, json, object, headers }
}

/** The replacement of a secret. */
const secretPlace = "<secret>"

/** Scrubs everything that looks like a credential. */
const scrubText = (text: string): string =>
  patterns.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), text)

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  // presigned queries and the header they replace
  [/(X-Amz-(?:Credential|Security-Token|Signature)(?:=|%3D))(?!<secret>)[^&\s"'<>]+/gi, `$1${secretPlace}`],
  [/\b(Signature=)[0-9a-f]{64}\b/g, `$1${secretPlace}`],
  // an ordinary word after "bearer" is kept
  [/\b(Bearer )(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}/gi, `$1${secretPlace}`],
  // access key ids; https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  [/(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])/g, secretPlace],
  // API keys of Bedrock, long-term and short-term
  [/ABSK[\w+/=]{40,}/g, secretPlace],
  [/bedrock-api-key-[\w+/=]{20,}/g, secretPlace]
]
