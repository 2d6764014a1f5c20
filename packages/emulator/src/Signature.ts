/**
 * Decides whether a request is who it says it is: SigV4 signatures are computed again and compared, bearer keys are
 * looked up. Answers with the exceptions and texts of the service.
 */
import { Hash } from "@smithy/hash-node"
import { SignatureV4 } from "@smithy/signature-v4"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as AwsError from "./AwsError.ts"
import type * as Listener from "./http/Exchange.ts"

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

/** Who may call, and which region their signatures must name. */
export interface Accepted {
  readonly region: string
  readonly credentials: ReadonlyArray<Credentials>
  readonly apiKeys: ReadonlyArray<Redacted.Redacted>
}

/** How a request proved who it is. */
export type Scheme = "sigv4" | "bearer"

/** The parts of a request a signature covers. `now` in milliseconds since 1970. */
export interface Signed {
  readonly method: string
  readonly target: string
  readonly headers: Listener.Headers
  readonly body: Uint8Array
  readonly now: number
}

/** Checks a request; fails with the exception the service answers. */
export const authenticate = (accepted: Accepted, request: Signed): Effect.Effect<Scheme, AwsError.AwsError> => {
  const authorization = request.headers["authorization"]
  if (authorization === undefined) return Effect.fail(missing)
  const [scheme, rest] = splitOnce(authorization.trim(), " ")
  switch (scheme.toLowerCase()) {
    case "bearer":
      return accepted.apiKeys.some((key) => Redacted.value(key) === rest.trim())
        ? Effect.succeed("bearer")
        : Effect.fail(wrongApiKey)
    case "aws4-hmac-sha256":
      return checkSignature(accepted, request, rest)
    default:
      return Effect.fail(missing)
  }
}

const checkSignature = Effect.fnUntraced(function*(accepted: Accepted, request: Signed, parameters: string) {
  const fields = new Map(parameters.split(",").map((field) => splitOnce(field.trim(), "=")))
  const credential = fields.get("Credential")?.split("/")
  const signature = fields.get("Signature")
  const names = fields.get("SignedHeaders")?.split(";")
  const date = parseDate(request.headers["x-amz-date"])
  if (credential?.length !== 5 || signature === undefined || names === undefined) return yield* incomplete(parameters)
  if (date === undefined) {
    return yield* AwsError.make(
      "IncompleteSignatureException",
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    )
  }
  const [accessKeyId, , region, service] = credential
  const known = accepted.credentials.find((pair) => pair.accessKeyId === accessKeyId)
  const token = request.headers["x-amz-security-token"]
  if (known === undefined || (known.sessionToken && Redacted.value(known.sessionToken)) !== token) {
    return yield* unrecognized
  }
  if (known.expires !== undefined && known.expires <= request.now) return yield* expired
  if (region !== accepted.region) {
    return yield* invalid(`Credential should be scoped to a valid region, not '${region}'. `)
  }
  if (service !== "bedrock") return yield* invalid("Credential should be scoped to correct service: 'bedrock'. ")
  yield* checkDate(date, request.now)
  const expected = yield* sign(known, accepted.region, request, date, names)
  if (expected !== signature) return yield* mismatch
  return "sigv4" as const
})

const checkDate = (date: number, now: number): Effect.Effect<void, AwsError.AwsError> => {
  if (Math.abs(now - date) <= tolerance) return Effect.void
  const [signed, current] = [stamp(date), stamp(now)]
  return Effect.fail(invalid(
    date < now
      ? `Signature expired: ${signed} is now earlier than ${stamp(now - tolerance)} (${current} - 5 min.)`
      : `Signature not yet current: ${signed} is still later than ${stamp(now + tolerance)} (${current} + 5 min.)`
  ))
}

/** The signature the request should carry. */
const sign = (
  credentials: Credentials,
  region: string,
  request: Signed,
  date: number,
  names: ReadonlyArray<string>
): Effect.Effect<string | undefined, AwsError.AwsError> =>
  Effect.tryPromise({
    try: () => {
      const [path, query] = splitOnce(request.target, "?")
      const { accessKeyId, secretAccessKey, sessionToken } = credentials
      const signer = new SignatureV4({
        service: "bedrock",
        region,
        sha256: Hash.bind(null, "sha256"),
        applyChecksum: names.includes("x-amz-content-sha256"),
        credentials: {
          accessKeyId,
          secretAccessKey: Redacted.value(secretAccessKey),
          ...(sessionToken === undefined ? undefined : { sessionToken: Redacted.value(sessionToken) })
        }
      })
      return signer.sign({
        method: request.method,
        protocol: "http:",
        hostname: "",
        path,
        query: Object.fromEntries(new URLSearchParams(query)),
        headers: signedHeaders(request.headers, names),
        body: request.body
      }, { signingDate: new Date(date), signableHeaders: new Set(names) })
    },
    catch: () => mismatch
  }).pipe(Effect.map(({ headers }) => /Signature=([0-9a-f]+)/.exec(headers["authorization"] ?? "")?.[1]))

/** `x-amz-content-sha256` is left out: the signer puts in the hash of the body that really came. */
const signedHeaders = (headers: Listener.Headers, names: ReadonlyArray<string>): Record<string, string> => {
  const signed: Record<string, string> = {}
  for (const name of names) {
    // over HTTP/2 the host is called :authority, and some clients sign it under its old name
    const value = headers[name] ?? (name === "host" ? headers[":authority"] : undefined)
    if (value !== undefined && name !== "x-amz-content-sha256") signed[name] = value
  }
  return signed
}

const tolerance = Duration.toMillis("5 minutes")

const splitOnce = (text: string, separator: string): readonly [string, string] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)]
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
