/**
 * The service behind a recording emulator: requests are forwarded with the service's credentials, responses returned
 * unchanged.
 */
import { Hash } from "@smithy/hash-node"
import { SignatureV4 } from "@smithy/signature-v4"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import type * as Responder from "../Responder.ts"
import type * as Signature from "../Signature.ts"

/** Key pairs, or an effect that gets the current ones. */
export type Credentials = Signature.Credentials | Effect.Effect<Signature.Credentials, unknown>

/**
 * - `url`: the service, such as `https://bedrock-runtime.eu-west-1.amazonaws.com`.
 * - `region`: the region in signatures.
 * - `credentials`: every request is signed with them. Without, the API key of a request is forwarded, and a signed
 *   request is refused: its signature is for the emulator.
 * - `client`: closes the connection with the scope of the request.
 */
export interface Options {
  readonly url: URL
  readonly region: string
  readonly credentials: Credentials | undefined
  readonly client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>
}

/** A response whose body is still to be read; `secrets` are the credentials of its request. */
export interface Received {
  readonly status: number
  readonly headers: Exchange.Headers
  readonly body: Stream.Stream<Uint8Array, AwsError.AwsError>
  readonly secrets: ReadonlyArray<string>
}

/**
 * Forwards a request. A response with an error status is a response; a missing one is a `ServiceUnavailableException`.
 */
export const make = ({ client, credentials, region, url }: Options) => {
  const unreachable = (error: HttpClientError.HttpClientError) =>
    AwsError.make("ServiceUnavailableException", `No response from ${url.origin}: ${reasonOf(error)}`)

  const authenticate = Effect.fnUntraced(function*(request: Responder.Request, path: string) {
    const headers = { ...without(request.headers, notForwarded), host: url.host }
    if (credentials === undefined) {
      const { authorization = "" } = request.headers
      if (!/^bearer /i.test(authorization)) return yield* unsigned
      return { headers: { ...headers, authorization }, secrets: [] }
    }
    const pair = yield* "accessKeyId" in credentials
      ? Effect.succeed(credentials)
      : Effect.catch(
        credentials,
        (error) => Effect.andThen(Effect.logError(noCredentials.message, error), noCredentials)
      )
    const signed = yield* sign(pair, region, url, { ...request, target: path, headers }, yield* Clock.currentTimeMillis)
    const { accessKeyId, secretAccessKey, sessionToken } = pair
    return {
      headers: signed,
      secrets: [
        accessKeyId,
        Redacted.value(secretAccessKey),
        ...(sessionToken === undefined ? [] : [Redacted.value(sessionToken)])
      ]
    }
  })

  return Effect.fnUntraced(
    function*(request: Responder.Request): Effect.fn.Return<Received, AwsError.AwsError, Scope.Scope> {
      const path = url.pathname.replace(/\/$/, "") + request.target
      const { headers: { host: _host, ...headers }, secrets } = yield* authenticate(request, path)
      const response = yield* client.execute(
        HttpClientRequest.post(url.origin + path, { headers }).pipe(
          HttpClientRequest.bodyUint8Array(request.body, request.headers["content-type"])
        )
      ).pipe(Effect.mapError(unreachable))
      return {
        status: response.status,
        headers: without(response.headers, notReturned),
        body: Stream.mapError(response.stream, unreachable),
        secrets
      }
    },
    // do not follow redirects with these credentials
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false)
  )
}

const sign = (
  { accessKeyId, secretAccessKey, sessionToken }: Signature.Credentials,
  region: string,
  url: URL,
  request: Responder.Request,
  now: number
): Effect.Effect<Exchange.Headers, AwsError.AwsError> =>
  Effect.tryPromise({
    try: () => {
      const [path = "", query] = request.target.split("?")
      const signer = new SignatureV4({
        service: "bedrock",
        region,
        sha256: Hash.bind(null, "sha256"),
        credentials: {
          accessKeyId,
          secretAccessKey: Redacted.value(secretAccessKey),
          ...(sessionToken === undefined ? undefined : { sessionToken: Redacted.value(sessionToken) })
        }
      })
      return signer.sign({
        method: request.method,
        protocol: url.protocol,
        hostname: url.host,
        path,
        query: Object.fromEntries(new URLSearchParams(query)),
        headers: { ...request.headers },
        body: request.body
      }, { signingDate: new Date(now) })
    },
    catch: () => noCredentials
  }).pipe(Effect.map(({ headers }) => headers))

const ofConnection = "connection|content-length|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade"

/** Headers that are not forwarded: of the connection, and credentials for the emulator. */
const notForwarded = new RegExp(
  `^(?::.*|${ofConnection}|accept-encoding|amz-sdk-.*|authorization|cookie|expect|host|http2-settings|x-amz-(?:content-sha256|date|security-token))$`
)

/** Response headers that are not returned. */
const notReturned = new RegExp(`^(?::.*|${ofConnection}|content-encoding|date|server|set-cookie)$`)

const without = (headers: Exchange.Headers, names: RegExp): Exchange.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.test(name)))

/** The underlying cause: `fetch failed` is not informative. */
const reasonOf = ({ cause, message }: HttpClientError.HttpClientError): string => {
  const inner = cause instanceof Error ? cause.cause ?? cause : undefined
  if (!(inner instanceof Error)) return message
  return inner.message === "" && "code" in inner ? String(inner.code) : inner.message
}

const unsigned = AwsError.make(
  "AccessDeniedException",
  "This emulator has no credentials for the service. Set `credentials`, or send an API key of the service."
)

const noCredentials = AwsError.make(
  "AccessDeniedException",
  "The credentials for the service behind this emulator could not be obtained."
)
