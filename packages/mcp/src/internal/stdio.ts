/**
 * A server that is a process: one message a line on its stdin and stdout.
 *
 * Lines on stdout that are no messages, such as banners, are diagnostics. The process and all it started end with the
 * scope: stdin is closed, then the process group gets SIGTERM, then SIGKILL.
 */
import type * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as McpError from "../McpError.ts"
import * as JsonRpc from "./jsonRpc.ts"
import * as Transport from "./transport.ts"

export interface Options {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | Redacted.Redacted>>
  readonly extendEnv: boolean
  readonly cwd: string | undefined
  readonly closeTimeout: Duration.Duration
}

/** Starts the process. */
export const open = (
  options: Options,
  spawner: ChildProcessSpawner["Service"]
): Transport.Open =>
  Effect.fnUntraced(function*(host: Transport.Host) {
    const fail = (
      reason: McpError.Reason,
      outcome: McpError.Outcome,
      message: string,
      more?: Parameters<typeof Transport.fail>[4]
    ) => Transport.fail(host.server, reason, outcome, message, more)
    const environment = options.extendEnv ? options.env : { ...yield* inherited, ...options.env }
    const process = yield* spawner.spawn(ChildProcess.make(options.command, options.args, {
      env: environment,
      extendEnv: options.extendEnv,
      cwd: options.cwd,
      killSignal: "SIGTERM",
      forceKillAfter: options.closeTimeout
    })).pipe(
      // The error holds the arguments, which may be secret.
      Effect.mapError(({ reason }) =>
        fail("connection", "not-run", `"${options.command}" cannot be started: ${reason._tag}`)
      )
    )
    const stderr = Transport.makeTail(keptLines)
    const pending = new Map<JsonRpc.Id, Deferred.Deferred<JsonRpc.Answer, McpError.McpError>>()
    const input = yield* Queue.bounded<string, Cause.Done>(inputCapacity)
    const drained = yield* Deferred.make<void>()
    let over: McpError.McpError | undefined

    /** Fails all that waits, once. */
    const end = (error: McpError.McpError) =>
      Effect.suspend(() => {
        if (over !== undefined) return Effect.void
        over = error
        const waiting = [...pending.values()]
        pending.clear()
        // First, so that who tries again gets a new connection.
        return Effect.andThen(
          host.lost(error),
          Effect.forEach(waiting, (deferred) => Deferred.fail(deferred, error), { discard: true })
        )
      })

    const send = (text: string) =>
      text.length > host.maxMessageBytes
        ? Effect.fail(fail("protocol", "not-run", `a request has more than ${host.maxMessageBytes} bytes`))
        : Effect.suspend(() =>
          over === undefined ? Queue.offer(input, `${text}\n`) : Effect.fail(Transport.notRun(over))
        )

    const post = (message: JsonRpc.Outgoing) =>
      Result.match(JsonRpc.write(message), {
        onFailure: (cause) => Effect.fail(fail("protocol", "not-run", "a request has no JSON form", { cause })),
        onSuccess: send
      })

    const receive = (message: JsonRpc.Message): Effect.Effect<unknown> => {
      switch (message._tag) {
        case "Notification":
          return host.receive(message)
        case "Request":
          // The reader of stdout never waits for stdin: a server that reads none of it would stop both.
          return Effect.sync(() => Queue.offerUnsafe(input, `${JsonRpc.reply(message)}\n`))
        default: {
          // An error without an id is about a request that the server could not read: it is known which if there is one.
          const [only] = pending.size === 1 ? pending.values() : []
          const waiting = message.id !== undefined
            ? pending.get(message.id)
            : message._tag === "Failure"
            ? only
            : undefined
          if (waiting !== undefined) return Deferred.succeed(waiting, message)
          host.diagnose(
            message._tag === "Failure"
              ? `an error without a request: ${message.error.message}`
              : "an answer without a request"
          )
          return Effect.void
        }
      }
    }

    let isTooLong = false
    const lines = Transport.makeLines(host.maxMessageBytes, () => isTooLong = true)
    const read = Effect.fnUntraced(function*(chunk: string) {
      for (const line of lines(chunk)) {
        const messages = JsonRpc.read(line)
        if (messages === undefined) host.diagnose(line)
        else yield* Effect.forEach(messages, receive, { discard: true })
      }
      if (isTooLong) {
        yield* end(fail("protocol", "unknown", `a line on stdout has more than ${host.maxMessageBytes} bytes`))
      }
    })

    yield* Stream.fromQueue(input).pipe(
      Stream.encodeText,
      Stream.run(process.stdin),
      Effect.ignore,
      Effect.forkScoped
    )
    const errors = Transport.makeLines(longestLine, () => {})
    yield* process.stderr.pipe(
      Stream.decodeText(),
      Stream.runForEach((chunk) =>
        Effect.sync(() => {
          for (const line of errors(chunk)) {
            stderr.add(line)
            host.diagnose(line)
          }
        })
      ),
      Effect.ignore,
      Effect.forkScoped
    )
    yield* process.stdout.pipe(
      Stream.decodeText(),
      Stream.runForEach(read),
      Effect.ignore,
      Effect.andThen(Deferred.succeed(drained, undefined)),
      Effect.forkScoped
    )
    yield* exitOf(process).pipe(
      // What the server wrote just before it ended is an answer still.
      Effect.tap(Effect.timeoutOption(Deferred.await(drained), drainTimeout)),
      Effect.flatMap((exitCode) => {
        const lines = stderr.lines()
        const words = exitCode === undefined ? "was ended by a signal" : `ended with exit code ${exitCode}`
        const message = `the process ${words}${
          lines.length === 0 ? "" : `. Its last words on stderr: ${lines.join(" | ")}`
        }`
        return end(fail("exited", "unknown", message, { stderr: lines, ...(exitCode !== undefined && { exitCode }) }))
      }),
      // Not in this scope, which `lost` closes.
      Effect.forkScoped
    )
    yield* Effect.addFinalizer(() => {
      over ??= fail("closed", "not-run", "the connection is closed")
      return Effect.andThen(
        Queue.end(input),
        Effect.timeoutOption(exitOf(process), options.closeTimeout)
      )
    })

    return {
      begin: () => Effect.void,
      hasSession: () => false,
      notify: (notification) => Effect.asVoid(post(notification)),
      request: (request) =>
        Effect.flatMap(Deferred.make<JsonRpc.Answer, McpError.McpError>(), (answer) => {
          pending.set(request.id, answer)
          return post(request).pipe(
            Effect.andThen(Deferred.await(answer)),
            Effect.ensuring(Effect.sync(() => pending.delete(request.id)))
          )
        })
    } satisfies Transport.Transport
  })

/** The exit code; `undefined` after a signal. */
const exitOf = (process: ChildProcessHandle): Effect.Effect<number | undefined> =>
  Effect.orElseSucceed(process.exitCode, () => undefined)

/** What a program needs to run; other variables of this process may hold secrets. */
const inherited = Effect.map(
  Effect.forEach(
    [
      "HOME",
      "LANG",
      "LOGNAME",
      "PATH",
      "SHELL",
      "TERM",
      "TMPDIR",
      "USER",
      "APPDATA",
      "HOMEDRIVE",
      "HOMEPATH",
      "LOCALAPPDATA",
      "PATHEXT",
      "PROCESSOR_ARCHITECTURE",
      "PROGRAMFILES",
      "SYSTEMDRIVE",
      "SYSTEMROOT",
      "TEMP",
      "USERNAME",
      "USERPROFILE"
    ],
    (name) =>
      Effect.map(
        Effect.orElseSucceed(Config.option(Config.String(name)), () => Option.none<string>()),
        (value) => [name, Option.getOrUndefined(value)] as const
      )
  ),
  (entries) => Object.fromEntries(entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined))
)

const keptLines = 20
const longestLine = 64 * 1024
const inputCapacity = 256
const drainTimeout = Duration.seconds(1)
