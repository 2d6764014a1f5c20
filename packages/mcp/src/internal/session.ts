/**
 * The connection to a server over its life: made on first use, by one caller for all, and made again when it is lost.
 *
 * A server that dies again and again is started again after growing pauses; calls in between fail at once. Requests have a
 * clock that progress restarts, and are cancelled at the server when no caller waits for them any more.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isObject } from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as McpError from "../McpError.ts"
import * as Handshake from "./handshake.ts"
import { isSessionRefusal } from "./http.ts"
import * as JsonRpc from "./jsonRpc.ts"
import * as Transport from "./transport.ts"

export interface Settings {
  readonly server: string
  readonly startTimeout: Duration.Duration
  readonly timeout: Duration.Duration
  readonly maxTimeout: Duration.Duration
  readonly maxMessageBytes: number
}

/** What a use of a connection can do. */
export interface Connection extends Handshake.Agreement {
  /** Sends a request. `tool`: for errors. `timeout`: without an answer or progress, that of calls if missing. */
  readonly request: (
    method: string,
    params: JsonRpc.Params,
    options?: { readonly tool?: string; readonly timeout?: Duration.Duration }
  ) => Effect.Effect<unknown, McpError.McpError>
}

export interface Session {
  /** Uses the connection; if the server has forgotten it, once more with a new one. */
  readonly use: <A>(
    use: (connection: Connection) => Effect.Effect<A, McpError.McpError>
  ) => Effect.Effect<A, McpError.McpError>
  readonly status: Effect.Effect<{
    readonly state: "connected" | "disconnected" | "closed"
    readonly error: McpError.McpError | undefined
    readonly agreement: Handshake.Agreement | undefined
  }>
  readonly diagnostics: () => ReadonlyArray<string>
}

interface Open extends Connection {
  readonly scope: Scope.Closeable
}

/** `changed` is called when the list of tools may be another one. */
export const make = Effect.fnUntraced(function*(
  settings: Settings,
  open: Transport.Open,
  changed: () => void
) {
  const { server } = settings
  // Its finalizer runs after that of this function, when no caller waits any more.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const closed = yield* Deferred.make<never, McpError.McpError>()
  const lock = yield* Semaphore.make(1)
  const tail = Transport.makeTail(keptLines)
  /** The clocks of requests, by progress token: when the server last gave a sign. */
  const signs = new Map<JsonRpc.Id, number>()
  let nextId = 1
  let current: Open | undefined
  let isClosed = false
  /** Why there is no connection, how often in a row, and until when none is tried. */
  let failure: { readonly error: McpError.McpError; readonly count: number; readonly until: number } | undefined

  const close = (connection: { readonly scope: Scope.Closeable }) =>
    Effect.asVoid(Effect.forkIn(Scope.close(connection.scope, Exit.void), scope))

  const failed = (error: McpError.McpError) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const count = (failure?.count ?? 0) + 1
      // A person who has logged in does not wait.
      const pause = count === 1 || error.reason === "needs-login"
        ? 0
        : Math.min(firstPause * 2 ** Math.min(count - 2, 20), longestPause)
      failure = { error, count, until: now + pause }
    })

  const receive = ({ method, params }: JsonRpc.Notification): Effect.Effect<void> => {
    if (method === "notifications/tools/list_changed") return Effect.sync(changed)
    const token = params["progressToken"]
    if (method !== "notifications/progress" || typeof token !== "number" && typeof token !== "string") {
      return Effect.void
    }
    return Effect.map(Clock.currentTimeMillis, (now) => {
      if (signs.has(token)) signs.set(token, now)
    })
  }

  /** A request over a transport, with its clock. */
  const requestOver = (transport: Transport.Transport): Connection["request"] =>
    Effect.fnUntraced(function*(method, params, { timeout = settings.timeout, tool } = {}) {
      const id = nextId++
      const started = yield* Clock.currentTimeMillis
      signs.set(id, started)
      const ceiling = started + Duration.toMillis(Duration.max(timeout, settings.maxTimeout))
      const expired = Effect.gen(function*() {
        while (true) {
          const now = yield* Clock.currentTimeMillis
          const left = Math.min((signs.get(id) ?? started) + Duration.toMillis(timeout), ceiling) - now
          if (left <= 0) break
          yield* Effect.sleep(left)
        }
        const waited = (yield* Clock.currentTimeMillis) - started
        return yield* Transport.fail(
          server,
          "timeout",
          "unknown",
          `${method} had no answer after ${waited / 1000} seconds; what became of it is unknown`
        )
      })
      const cancel = method === "initialize" ? Effect.void : transport.notify({
        method: "notifications/cancelled",
        params: { requestId: id, reason: "The caller does not wait any more" }
      }).pipe(Effect.timeoutOption(cancelTimeout), Effect.ignore, Effect.forkIn(scope, { startImmediately: true }))
      const answer = yield* transport.request({
        id,
        method,
        params: method === "initialize" ? params : { ...params, _meta: { progressToken: id } }
      }).pipe(
        Effect.raceFirst(expired),
        Effect.raceFirst(Deferred.await(closed)),
        Effect.onError((cause) => isGivenUp(cause) ? cancel : Effect.void),
        Effect.ensuring(Effect.sync(() => signs.delete(id))),
        Effect.mapError((error) => tool === undefined ? error : Transport.ofTool(error, tool))
      )
      if (answer._tag === "Result") {
        if (tool !== undefined) failure = undefined
        return answer.result
      }
      return yield* refused(server, answer.error, transport.hasSession(), tool)
    })

  const connect: Effect.Effect<Open, McpError.McpError> = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      if (isClosed) return yield* Effect.mapError(Deferred.await(closed), (error) => Transport.notRun(error))
      const now = yield* Clock.currentTimeMillis
      if (failure !== undefined && failure.until > now) {
        const seconds = Math.ceil((failure.until - now) / 1000)
        return yield* Transport.notRun(failure.error, `; it is tried again in ${seconds} s`)
      }
      const own = yield* Scope.fork(scope)
      let lost: McpError.McpError | undefined
      const host: Transport.Host = {
        server,
        maxMessageBytes: settings.maxMessageBytes,
        receive,
        diagnose: tail.add,
        lost: (error) =>
          Effect.suspend(() => {
            lost = error
            if (current?.scope !== own) return Effect.void
            current = undefined
            return Effect.andThen(failed(error), close({ scope: own }))
          })
      }
      const made = yield* open(host).pipe(
        Effect.flatMap((transport) => {
          const request = requestOver(transport)
          return Effect.map(
            Handshake.perform(server, request, transport),
            (agreement): Open => ({ ...agreement, request, scope: own })
          )
        }),
        Scope.provide(own),
        Effect.timeoutOrElse({
          duration: settings.startTimeout,
          orElse: () => Effect.fail(late(settings, tail.lines()))
        }),
        restore,
        Effect.exit
      )
      if (Exit.isFailure(made)) {
        yield* close({ scope: own })
        const error = Cause.findErrorOption(made.cause)
        if (error._tag === "None") return yield* made
        yield* failed(error.value)
        return yield* Transport.notRun(error.value)
      }
      if (lost !== undefined) {
        yield* Effect.andThen(failed(lost), close({ scope: own }))
        return yield* Transport.notRun(lost)
      }
      current = made.value
      changed()
      return made.value
    })
  )

  /** One caller connects; what comes of it is that of all who waited. */
  const connection = Effect.suspend(() => {
    if (current !== undefined) return Effect.succeed(current)
    const before = failure
    return lock.withPermit(Effect.suspend(() =>
      current !== undefined
        ? Effect.succeed(current)
        : failure !== undefined && failure !== before && !isClosed
        ? Effect.fail(Transport.notRun(failure.error))
        : connect
    ))
  })

  const drop = (connection: Open) =>
    Effect.suspend(() => {
      if (current !== connection) return Effect.void
      current = undefined
      return close(connection)
    })

  const use: Session["use"] = (use) =>
    Effect.flatMap(connection, (first) =>
      Effect.catchIf(use(first), isSessionLost, () =>
        drop(first).pipe(
          Effect.andThen(connection),
          Effect.flatMap((second) =>
            Effect.tapError(
              use(second),
              (error) => isSessionLost(error) ? Effect.andThen(failed(error), drop(second)) : Effect.void
            )
          )
        )))

  yield* Effect.addFinalizer(() => {
    isClosed = true
    current = undefined
    return Deferred.fail(closed, Transport.fail(server, "closed", "unknown", "the connection is closed"))
  })

  const session: Session = {
    use,
    status: Effect.sync(() => ({
      state: isClosed ? "closed" : current === undefined ? "disconnected" : "connected",
      error: current === undefined ? failure?.error : undefined,
      agreement: current
    })),
    diagnostics: tail.lines
  }
  return session
})

const isSessionLost = ({ reason }: McpError.McpError): boolean => reason === "session-lost"

/** Whether no caller waits for the answer any more. */
const isGivenUp = (cause: Cause.Cause<McpError.McpError>): boolean => {
  const error = Cause.findErrorOption(cause)
  return error._tag === "Some" ? error.value.reason === "timeout" : Cause.hasInterrupts(cause)
}

const refused = (
  server: string,
  { code, data, message, status }: JsonRpc.Failure,
  hasSession: boolean,
  tool: string | undefined
): Effect.Effect<never, McpError.McpError> => {
  const words = Transport.excerpt(`${message}${supportedIn(data)}`)
  return Effect.fail(
    hasSession && (code === undefined || !ofTools.has(code)) && isSessionRefusal(`${message} ${wordsOf(data)}`)
      ? Transport.fail(server, "session-lost", "not-run", `it does not know the session any more: ${words}`)
      : Transport.fail(
        server,
        "server",
        status !== undefined || code !== undefined && notRun.has(code) ? "not-run" : "answered",
        `it refused the request${status === undefined ? "" : ` with status ${status}`}: ${words || "(no message)"}`,
        {
          ...(code !== undefined && { code }),
          ...(status !== undefined && { status }),
          ...(tool !== undefined && { tool })
        }
      )
  )
}

/** The text of what some servers send with an error: a message, or the cause of a defect. */
const wordsOf = (data: unknown): string =>
  typeof data === "string" ? data : isObject(data) && typeof data["message"] === "string" ? data["message"] : ""

/** The versions of the protocol that a refusal lists. */
const supportedIn = (data: unknown): string =>
  isObject(data) && Array.isArray(data["supported"])
    ? ` (supported: ${data["supported"].slice(0, 20).filter((version) => typeof version === "string").join(", ")})`
    : ""

/** Not JSON, no such request, no such method, wrong parameters. */
const notRun: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602])

/** Wrong parameters, and an error inside: of a tool, which may have sessions of its own. */
const ofTools: ReadonlySet<number> = new Set([-32602, -32603])

const late = ({ server, startTimeout }: Settings, lines: ReadonlyArray<string>): McpError.McpError =>
  Transport.fail(
    server,
    "timeout",
    "not-run",
    `it did not start within ${Duration.toSeconds(startTimeout)} seconds${
      lines.length === 0 ? "" : `. It wrote: ${lines.slice(-5).join(" | ")}`
    }`,
    { stderr: lines }
  )

const keptLines = 20
const firstPause = 1000
const longestPause = 30_000
const cancelTimeout = Duration.seconds(5)
