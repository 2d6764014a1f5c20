/**
 * A server at a URL: Streamable HTTP, one POST for each message. The answer is JSON or a stream of Server-Sent Events, which
 * is picked up where it broke if its events have ids.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { hasProperty } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as McpError from "../McpError.ts"
import type * as Authenticator from "./authenticator.ts"
import * as JsonRpc from "./jsonRpc.ts"
import * as Transport from "./transport.ts"

export interface Options {
  readonly url: string
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
}

type Response = HttpClientResponse.HttpClientResponse

type Fail = (
  reason: McpError.Reason,
  outcome: McpError.Outcome,
  message: string,
  more?: Parameters<typeof Transport.fail>[4]
) => McpError.McpError

/** Begins a session with the first request. */
export const open = (
  options: Options,
  given: HttpClient.HttpClient,
  authenticator: Authenticator.Authenticator
): Transport.Open =>
  Effect.fnUntraced(function*(host: Transport.Host) {
    const scope = yield* Effect.scope
    const client = HttpClient.withScope(given)
    const fail: Fail = (reason, outcome, message, more) => Transport.fail(host.server, reason, outcome, message, more)
    const broken = (problem: string, error: unknown) => {
      const { isUnsent, words, ...more } = troubleOf(error)
      return fail("connection", isUnsent ? "not-run" : "unknown", `${problem}${words}`, more)
    }
    let session: string | undefined
    let version: string | undefined
    const own = Object.fromEntries(
      Object.entries(options.headers).map((
        [name, value]
      ) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value])
    )
    const secret = [...Object.keys(options.headers), "mcp-session-id"].map((name) => name.toLowerCase())

    /** One request, with the token; a refused token is refreshed once. */
    const execute = (request: HttpClientRequest.HttpClientRequest) =>
      Effect.gen(function*() {
        const send = (token: string | undefined) =>
          client.execute(HttpClientRequest.setHeaders(request, {
            ...own,
            ...request.headers,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(session !== undefined && { "mcp-session-id": session }),
            ...(version !== undefined && { "mcp-protocol-version": version })
          })).pipe(
            Effect.catch((error) =>
              // A client of the program may fail for a status.
              error.response === undefined
                ? Effect.fail(broken("the request failed", error))
                : Effect.succeed(error.response)
            )
          )
        const token = yield* authenticator.token
        const first = yield* send(token)
        if (first.status !== 401) return { response: first }
        const body = yield* textOf(first)
        if (session !== undefined && isSessionRefusal(body)) return { response: first, body }
        const second = yield* send(yield* authenticator.refused(token))
        return second.status === 401
          ? yield* fail("needs-login", "not-run", "it refused the token", { status: 401 })
          : { response: second }
      }).pipe(
        Effect.updateService(Headers.CurrentRedactedNames, (names) => [...names, ...secret])
      )

    const post = (text: string) =>
      text.length > host.maxMessageBytes
        ? Effect.fail(fail("protocol", "not-run", `a request has more than ${host.maxMessageBytes} bytes`))
        : execute(
          HttpClientRequest.post(options.url).pipe(
            HttpClientRequest.setHeader("accept", "application/json, text/event-stream"),
            HttpClientRequest.bodyText(text, "application/json")
          )
        )

    const get = (lastEventId: string | undefined) =>
      execute(
        HttpClientRequest.get(options.url).pipe(
          HttpClientRequest.setHeaders({
            accept: "text/event-stream",
            ...(lastEventId !== undefined && { "last-event-id": lastEventId })
          })
        )
      )

    const write = (message: JsonRpc.Outgoing) =>
      Result.match(JsonRpc.write(message), {
        onFailure: (cause) => Effect.fail(fail("protocol", "not-run", "a request has no JSON form", { cause })),
        onSuccess: Effect.succeed
      })

    /** Handles messages in between; returns the answer to `id`. */
    const take = (messages: ReadonlyArray<JsonRpc.Message>, id: number | undefined) =>
      Effect.gen(function*() {
        let answer: JsonRpc.Answer | undefined
        for (const message of messages) {
          if (message._tag === "Notification") yield* host.receive(message)
          else if (message._tag === "Request") {
            yield* Effect.forkIn(Effect.ignore(Effect.scoped(post(JsonRpc.reply(message)))), scope)
          } else if (
            id !== undefined && (message.id === id || message.id === undefined && message._tag === "Failure")
          ) {
            answer ??= message
          } else host.diagnose("an answer without a request")
        }
        return answer
      })

    const request = Effect.fnUntraced(function*(message: JsonRpc.Outgoing & { readonly id: number }) {
      const { body, response } = yield* post(yield* write(message))
      if (message.method === "initialize" && isSuccess(response)) session = response.headers["mcp-session-id"]
      if (!isSuccess(response)) {
        const text = body ?? (yield* textOf(response))
        return yield* refusal(response.status, text)
      }
      const type = mediaType(response)
      if (type === "text/event-stream") return yield* streamed(response, message.id)
      const text = yield* bounded(response)
      const messages = type === "application/json" ? JsonRpc.read(text) : undefined
      const answer = messages && (yield* take(messages, message.id))
      if (answer !== undefined) return answer
      return yield* fail(
        "protocol",
        "unknown",
        `it answered ${response.status} without an answer: ${Transport.excerpt(text, 200) || "(empty)"}`,
        { status: response.status }
      )
    }, Effect.scoped)

    const refusal = (status: number, text: string): Effect.Effect<JsonRpc.Answer, McpError.McpError> => {
      if (session !== undefined && (status === 404 || status >= 400 && isSessionRefusal(text))) {
        return Effect.fail(fail("session-lost", "not-run", "it does not know the session any more", { status }))
      }
      const [message] = JsonRpc.read(text) ?? []
      const error = message?._tag === "Failure"
        ? message.error
        : { code: undefined, message: Transport.excerpt(text), data: undefined }
      return Effect.succeed({ _tag: "Failure", id: undefined, error: { ...error, status } })
    }

    const bounded = (response: Response) =>
      response.stream.pipe(
        Stream.mapError((cause) => broken("the answer broke off", cause)),
        Stream.limitBytes(
          host.maxMessageBytes,
          () => Stream.fail(fail("protocol", "answered", `an answer has more than ${host.maxMessageBytes} bytes`))
        ),
        Stream.decodeText(),
        Stream.mkString
      )

    /** Reads events until the answer to `id` has come, the stream has ended (`undefined`) or broken. */
    const read = (response: Response, id: number | undefined, position: Position) => {
      const events: Array<string> = []
      const parser = Sse.makeParser((event) => {
        if (event._tag === "Retry") {
          position.retry = event.duration
          position.lastEventId = event.lastEventId ?? position.lastEventId
          return
        }
        position.lastEventId = event.id ?? position.lastEventId
        if (event.data !== "") events.push(event.data)
      }, { maxEventSize: host.maxMessageBytes })
      return response.stream.pipe(
        Stream.mapError((cause) => broken("the stream of the answer broke off", cause)),
        Stream.decodeText(),
        Stream.mapEffect(Effect.fnUntraced(function*(chunk) {
          const tooLarge = parser.feed(chunk)
          let answer: JsonRpc.Answer | undefined
          for (const data of events.splice(0)) {
            const messages = JsonRpc.read(data)
            if (messages === undefined) host.diagnose(data)
            else answer ??= yield* take(messages, id)
          }
          if (answer === undefined && tooLarge !== undefined) {
            return yield* fail("protocol", "unknown", `an event has more than ${host.maxMessageBytes} bytes`)
          }
          return answer
        })),
        Stream.filter((answer) => answer !== undefined),
        Stream.runHead
      )
    }

    /** The answer from a stream. A call is never sent again: what cannot be picked up is lost. */
    const streamed = Effect.fnUntraced(function*(first: Response, id: number) {
      const position: Position = { lastEventId: undefined, retry: undefined }
      const end = fail("connection", "unknown", "the stream ended before the answer, so its outcome is unknown")
      let response = first
      for (let fruitless = 0; fruitless < mostFruitless;) {
        const before = position.lastEventId
        const part = yield* Effect.result(read(response, id, position))
        if (Result.isSuccess(part) && part.success._tag === "Some") return part.success.value
        if (Result.isFailure(part) && part.failure.reason !== "connection") return yield* part.failure
        if (position.lastEventId === undefined) return yield* Result.isFailure(part) ? part.failure : end
        fruitless = position.lastEventId === before ? fruitless + 1 : 0
        yield* Effect.sleep(waitOf(position))
        const next = yield* Effect.result(get(position.lastEventId))
        if (Result.isFailure(next)) {
          if (next.failure.reason !== "connection" || ++fruitless >= mostFruitless) {
            return yield* fail("connection", "unknown", "the answer cannot be picked up", { cause: next.failure })
          }
          continue
        }
        response = next.success.response
        if (!isSuccess(response) || mediaType(response) !== "text/event-stream") {
          return yield* fail("connection", "unknown", "it does not let a broken answer be picked up", {
            status: response.status
          })
        }
      }
      return yield* end
    })

    /** Notices of the server outside of answers, until the scope ends or the server does not offer them. */
    const listen = Effect.gen(function*() {
      const position: Position = { lastEventId: undefined, retry: undefined }
      let isAgain = false
      for (let short = 0;;) {
        const started = yield* Clock.currentTimeMillis
        const goesOn = yield* Effect.gen(function*() {
          const { response } = yield* get(position.lastEventId)
          if (!isSuccess(response)) return response.status >= 500
          if (mediaType(response) !== "text/event-stream") return false
          // What was said without a listener is lost, unless the server repeats it.
          if (isAgain) yield* host.receive(changed)
          yield* read(response, undefined, position)
          return true
        }).pipe(
          Effect.scoped,
          Effect.catch((error) => {
            host.diagnose(error.message)
            return Effect.succeed(error.reason === "connection")
          })
        )
        if (!goesOn) return
        isAgain = true
        short = (yield* Clock.currentTimeMillis) - started < shortStream ? Math.min(short + 1, 5) : 0
        yield* Effect.sleep(Duration.max(waitOf(position), Duration.seconds(2 ** short)))
      }
    })

    yield* Effect.addFinalizer(() =>
      session === undefined ? Effect.void : execute(HttpClientRequest.delete(options.url)).pipe(
        Effect.scoped,
        Effect.timeoutOption(closeTimeout),
        Effect.ignore
      )
    )

    return {
      begin: (negotiated, isListening) => {
        version = negotiated
        return isListening ? Effect.asVoid(Effect.forkIn(listen, scope)) : Effect.void
      },
      hasSession: () => session !== undefined,
      notify: (notification) => write(notification).pipe(Effect.flatMap(post), Effect.scoped, Effect.asVoid),
      request
    } satisfies Transport.Transport
  })

/** Where a stream of events is. */
interface Position {
  lastEventId: string | undefined
  retry: Duration.Duration | undefined
}

const waitOf = ({ retry }: Position): Duration.Duration =>
  retry === undefined ? usualRetry : Duration.min(retry, longestRetry)

/** Servers say it in many ways and with many statuses; the protocol says 404. */
export const isSessionRefusal = (text: string): boolean =>
  /session/i.test(text) &&
    /not found|not exist|no valid|invalid|unknown|missing|expired|terminated|closed|unrecogni[sz]ed/i.test(text) ||
  /server not initiali[sz]ed/i.test(text)

const isSuccess = ({ status }: Response): boolean => status >= 200 && status < 300

const mediaType = (response: Response): string =>
  response.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? ""

/**
 * What the network said, without the request, which holds arguments and tokens. `isUnsent`: no connection was made, as there
 * is no such host or nothing listens there.
 */
const troubleOf = (error: unknown): { readonly cause?: Error; readonly words: string; readonly isUnsent: boolean } => {
  const cause = hasProperty(error, "reason") && hasProperty(error.reason, "cause") ? error.reason.cause : undefined
  let code: unknown
  let innermost = cause
  for (let depth = 0; depth < 8 && innermost !== undefined; depth++) {
    if (hasProperty(innermost, "code")) code = innermost.code
    innermost = hasProperty(innermost, "cause") ? innermost.cause : undefined
  }
  const known = typeof code === "string" ? code : ""
  return {
    ...(cause instanceof Error && { cause }),
    words: known === "" ? "" : ` (${Transport.excerpt(known, 40)})`,
    isUnsent: unsent.has(known)
  }
}

const unsent: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT"
])

/** The body of a refusal, up to what is read of it. */
const textOf = (response: Response): Effect.Effect<string, never, Scope.Scope> =>
  response.stream.pipe(
    Stream.catchCause(() => Stream.empty),
    Stream.limitBytes(longestRefusal, () => Stream.empty),
    Stream.decodeText(),
    Stream.mkString
  )

const changed: JsonRpc.Notification = { _tag: "Notification", method: "notifications/tools/list_changed", params: {} }

const longestRefusal = 64 * 1024
const mostFruitless = 3
const shortStream = 10_000
const usualRetry = Duration.millis(500)
const longestRetry = Duration.seconds(30)
const closeTimeout = Duration.seconds(2)
