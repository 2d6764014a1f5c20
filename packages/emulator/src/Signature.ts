/**
 * Authenticates requests: recomputes and compares SigV4 signatures, looks up bearer keys. Fails with the exceptions and
 * messages of the service.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import * as AwsError from "./AwsError.ts"
import type * as Exchange from "./http/Exchange.ts"

/**
 * A key pair the emulator accepts; with `sessionToken`, requests must carry that token too. From `expires`, in
 * milliseconds since 1970, it is refused as expired.
 */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: Redacted.Redacted
  readonly sessionToken?: Redacted.Redacted | undefined
  readonly expires?: number | undefined
}

/** The accepted credentials. */
export interface Accepted {
  readonly credentials: ReadonlyArray<Credentials>
  readonly apiKeys: ReadonlyArray<Redacted.Redacted>
}

/** How a request was authenticated. */
export type Scheme = "sigv4" | "bearer"

/**
 * The parts of a request that a signature covers. `now` in milliseconds since 1970. A request of S3 is signed for its
 * headers, one of which is the hash of its body, or says that there is none.
 */
export interface Signed {
  readonly service: "bedrock" | "bedrock-mantle" | "s3"
  readonly method: string
  readonly target: string
  readonly headers: Exchange.Headers
  readonly body: Uint8Array
  readonly now: number
}

/** Checks a request in a region; fails with the exception of the service. */
export const authenticate = (
  accepted: Accepted,
  region: string,
  request: Signed
): Effect.Effect<Scheme, AwsError.AwsError> => {
  const authorization = request.headers["authorization"]
  if (authorization === undefined) return Effect.fail(missing)
  const [scheme, rest] = splitOnce(authorization.trim(), " ")
  switch (scheme.toLowerCase()) {
    case "bearer":
      if (request.service === "s3") return Effect.fail(missing)
      return accepted.apiKeys.some((key) => Redacted.value(key) === rest.trim())
        ? Effect.succeed("bearer")
        : Effect.fail(wrongApiKey)
    case "aws4-hmac-sha256":
      return checkSignature(accepted, region, request, rest)
    default:
      return Effect.fail(missing)
  }
}

const checkSignature = Effect.fnUntraced(function*(
  accepted: Accepted,
  region: string,
  request: Signed,
  parameters: string
) {
  const fields = new Map(parameters.split(",").map((field) => splitOnce(field.trim(), "=")))
  const credential = fields.get("Credential")?.split("/")
  const signature = fields.get("Signature")
  const names = fields.get("SignedHeaders")?.split(";")
  if (credential?.length !== 5 || signature === undefined || names === undefined) return yield* incomplete(parameters)
  const date = dateOf(request.headers)
  if (date === undefined) {
    return yield* AwsError.make(
      "IncompleteSignatureException",
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    )
  }
  const [accessKeyId, , scope, service] = credential
  const known = accepted.credentials.find((pair) => pair.accessKeyId === accessKeyId)
  const token = request.headers["x-amz-security-token"]
  if (known === undefined || (known.sessionToken && Redacted.value(known.sessionToken)) !== token) {
    return yield* unrecognized
  }
  if (known.expires !== undefined && known.expires <= request.now) return yield* expired
  if (scope !== region) {
    return yield* invalid(`Credential should be scoped to a valid region, not '${scope}'. `)
  }
  if (service !== request.service) {
    return yield* invalid(`Credential should be scoped to correct service: '${request.service}'. `)
  }
  yield* checkDate(date, request.now)
  const missing = unsigned(request.headers, names)
  if (missing !== undefined) {
    return yield* invalid(`${missing} must be a 'SignedHeader' in the AWS Authorization header.`)
  }
  if (sign(known, region, request, date, names) !== signature) return yield* mismatch
  return "sigv4" as const
})

/** A header the signature must cover but does not: the host, and every `x-amz-` header. */
const unsigned = (headers: Exchange.Headers, names: ReadonlyArray<string>): string | undefined => {
  if (!names.includes("host") && !names.includes(":authority")) return "'Host' or ':authority'"
  const left = Object.keys(headers).find((name) => name.startsWith("x-amz-") && !names.includes(name))
  return left === undefined ? undefined : `'${left}'`
}

const checkDate = (date: number, now: number): Effect.Effect<void, AwsError.AwsError> => {
  if (Math.abs(now - date) <= tolerance) return Effect.void
  const [signed, current] = [stamp(date), stamp(now)]
  return Effect.fail(invalid(
    date < now
      ? `Signature expired: ${signed} is now earlier than ${stamp(now - tolerance)} (${current} - 5 min.)`
      : `Signature not yet current: ${signed} is still later than ${stamp(now + tolerance)} (${current} + 5 min.)`
  ))
}

/** The expected signature: AWS General Reference, "Create a signed AWS API request". */
const sign = (
  credentials: Credentials,
  region: string,
  request: Signed,
  date: number,
  names: ReadonlyArray<string>
): string => {
  const [path, query] = splitOnce(request.target, "?")
  const canonical = [
    request.method,
    request.service === "s3" ? path : canonicalPath(path),
    canonicalQuery(query),
    ...names.map((name) => `${name}:${headerOf(request.headers, name).trim().replace(/\s+/g, " ")}`),
    "",
    names.join(";"),
    request.service === "s3"
      ? headerOf(request.headers, "x-amz-content-sha256")
      : Crypto.createHash("sha256").update(request.body).digest("hex")
  ].join("\n")
  const scope = [stamp(date).slice(0, 8), region, request.service, "aws4_request"]
  const hashed = Crypto.createHash("sha256").update(canonical).digest("hex")
  const text = ["AWS4-HMAC-SHA256", stamp(date), scope.join("/"), hashed].join("\n")
  return hmac(keyOf(credentials, scope), text).toString("hex")
}

/** The latest key of each credentials: it is the same for a day. */
const keys = new WeakMap<Credentials, { readonly scope: string; readonly key: Crypto.KeyObject }>()

const keyOf = (credentials: Credentials, scope: ReadonlyArray<string>): Crypto.KeyObject => {
  const known = keys.get(credentials)
  const whole = scope.join("/")
  if (known?.scope === whole) return known.key
  const secret = `AWS4${Redacted.value(credentials.secretAccessKey)}`
  const key = Crypto.createSecretKey(Buffer.from(scope.reduce<string | Buffer>(hmac, secret)))
  keys.set(credentials, { scope: whole, key })
  return key
}

const hmac = (key: string | Buffer | Crypto.KeyObject, text: string): Buffer =>
  Crypto.createHmac("sha256", key).update(text).digest()

/** Over HTTP/2 the host is `:authority`, and some clients sign it as `host`. */
const headerOf = (headers: Exchange.Headers, name: string): string =>
  headers[name] ?? (name === "host" ? headers[":authority"] : undefined) ?? ""

/** The path as received, without empty and dotted segments, each segment encoded once more. */
const canonicalPath = (path: string): string => {
  const segments: Array<string> = []
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop()
    else if (segment !== "" && segment !== ".") segments.push(encode(segment))
  }
  return `/${segments.join("/")}${segments.length > 0 && path.endsWith("/") ? "/" : ""}`
}

/** The parameters sorted by name and value, repeated names included. */
const canonicalQuery = (query: string): string =>
  [...new URLSearchParams(query)]
    .map(([key, value]) => [encode(key), encode(value)] as const)
    .sort(([key, value], [otherKey, otherValue]) => compare(key, otherKey) || compare(value, otherValue))
    .map(([key, value]) => `${key}=${value}`)
    .join("&")

const compare = (self: string, that: string): number => self < that ? -1 : self > that ? 1 : 0

/** RFC 3986, which reserves more than `encodeURIComponent` does. A lone surrogate becomes U+FFFD. */
const encode = (text: string): string =>
  encodeURIComponent(Buffer.from(text).toString()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )

const tolerance = Duration.toMillis("5 minutes")

const splitOnce = (text: string, separator: string): readonly [string, string] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)]
}

/** The date of the signature: from `x-amz-date`, or else from `date`. */
const dateOf = (headers: Exchange.Headers): number | undefined => {
  const stamped = headers["x-amz-date"]
  if (stamped !== undefined) return parseDate(stamped)
  const date = headers["date"] ?? ""
  const time = parseDate(date) ?? Date.parse(date)
  return Number.isNaN(time) ? undefined : time
}

const parseDate = (text: string | undefined): number | undefined => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? "")
  if (match === null) return undefined
  const [year = 0, month = 1, day = 1, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(Number)
  return Date.UTC(year, month - 1, day, hours, minutes, seconds)
}

const stamp = (time: number): string => new Date(time).toISOString().replace(/[-:]|\.\d+/g, "")

const usual = (exception: AwsError.Exception) => AwsError.make(exception, AwsError.texts[exception])

const missing = usual("MissingAuthenticationTokenException")

const wrongApiKey = AwsError.unauthorized("Authentication failed: Please make sure your API Key is valid.")

const unrecognized = usual("UnrecognizedClientException")

const expired = usual("ExpiredTokenException")

const invalid = (message: string) => AwsError.make("InvalidSignatureException", message)

const mismatch = usual("InvalidSignatureException")

const incomplete = (parameters: string) =>
  AwsError.make(
    "IncompleteSignatureException",
    `Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=${parameters}`
  )
