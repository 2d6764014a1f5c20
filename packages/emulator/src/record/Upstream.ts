/**
 * The service behind a recording emulator: requests go there under credentials of their own, responses come back as they are.
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

/** Key pairs, or where to get those of the moment. */
export type Credentials = Signature.Credentials | Effect.Effect<Signature.Credentials, unknown>

/**
 * - `url`: where the service is, such as `https://bedrock-runtime.eu-west-1.amazonaws.com`.
 * - `region`: the region signatures name.
 * - `credentials`: every request is signed with them. Without, the API key of a request goes on with it, and a signed
 *   request is refused: its signature is for the emulator.
 * - `client`: closes the connection with the scope of the request.
 */
export interface Options {
  readonly url: URL
  readonly region: string
  readonly credentials: Credentials | undefined
  readonly client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>
}

/** A response whose body is still to come; `secrets` are the credentials it was asked for with. */
export interface Received {
  readonly status: number
  readonly headers: Exchange.Headers
  readonly body: Stream.Stream<Uint8Array, AwsError.AwsError>
  readonly secrets: ReadonlyArray<string>
}

/** Asks the service. A response with an error status is a response; none is a `ServiceUnavailableException`. */
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
    // the credentials are for this service, and so is the request
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

/** What does not go on with a request: what is about the connection, or proves to the emulator who the client is. */
const notForwarded = new RegExp(
  `^(?::.*|${ofConnection}|accept-encoding|amz-sdk-.*|authorization|cookie|expect|host|http2-settings|x-amz-(?:content-sha256|date|security-token))$`
)

/** What does not come back with a response. */
const notReturned = new RegExp(`^(?::.*|${ofConnection}|content-encoding|date|server|set-cookie)$`)

const without = (headers: Exchange.Headers, names: RegExp): Exchange.Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.test(name)))

/** What lies under the errors: `fetch failed` says nothing. */
const reasonOf = ({ cause, message }: HttpClientError.HttpClientError): string => {
  const inner = cause instanceof Error ? cause.cause ?? cause : undefined
  if (!(inner instanceof Error)) return message
  return inner.message === "" && "code" in inner ? String(inner.code) : inner.message
}

const unsigned = AwsError.make(
  "AccessDeniedException",
  "This emulator has no credentials to ask the service with. Give it some, or send an API key of the service."
)

const noCredentials = AwsError.make(
  "AccessDeniedException",
  "The credentials for the service behind this emulator could not be obtained."
)
