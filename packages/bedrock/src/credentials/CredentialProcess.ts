/**
 * Runs the `credential_process` of a profile.
 *
 * Neither the command nor what it prints is repeated in an error: both may hold secrets.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as ChildProcess from "node:child_process"
import * as Cached from "./Cached.ts"
import * as Problem from "./Problem.ts"
import type { SdkCredentials } from "./Source.ts"

/**
 * The credentials a command prints. It is run by the shell, gets a minute, and is killed afterwards or when nothing waits
 * for it any more. `profile` is named in problems.
 */
export const run = (command: string, profile: string): Effect.Effect<SdkCredentials, Problem.Problem> => {
  const who = `credential_process of profile "${profile}"`
  const failed = (problem: string, remedy: string) => Effect.fail(Problem.misconfigured(who, problem, remedy))
  return output(command).pipe(
    Effect.timeoutOrElse({
      duration: "1 minute",
      orElse: () => failed("it did not end within a minute", "Run it in a shell to see what it waits for")
    }),
    Effect.flatMap((ended) => {
      if (Predicate.isError(ended)) {
        return failed("it cannot be started", "Check that the shell can run the command")
      }
      const { code, isTooLong, signal, stdout } = ended
      if (isTooLong) return failed("it printed more than a megabyte", "Let it print nothing but the credentials")
      if (signal !== null) return failed(`it was killed by ${signal}`, "Run it in a shell to see why")
      if (code === 127 || code === 9009) {
        return failed("its command was not found", "Give its whole path in the profile, and check that it is installed")
      }
      if (code === 126) return failed("its command is not executable", "Make the file executable")
      if (code !== 0) return failed(`it failed with exit code ${code}`, "Run it in a shell to see why")
      return Result.match(credentials(stdout), {
        onSuccess: Effect.succeed,
        onFailure: (problem) => failed(problem, "Let it print a JSON object with Version 1 and unexpired keys")
      })
    })
  )
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly isTooLong: boolean
}

const mostBytes = 1 << 20

/** What a command prints, once it has ended; an error when there is no shell to run it. */
const output = (command: string): Effect.Effect<Ended | Error> =>
  Effect.callback((resume) => {
    // In the same session, so that it can ask for a password at the terminal.
    const child = ChildProcess.spawn(command, { shell: true, stdio: ["ignore", "pipe", "ignore"], windowsHide: true })
    const chunks: Array<Buffer> = []
    let size = 0
    const stop = () => {
      child.kill("SIGKILL")
      // A process that the shell started may hold the pipe open.
      child.stdout.destroy()
      child.unref()
    }
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size <= mostBytes) chunks.push(chunk)
      else stop()
    })
    child.on("error", (error) => resume(Effect.succeed(error)))
    child.on("close", (code, signal) =>
      resume(Effect.succeed({ code, signal, stdout: Buffer.concat(chunks).toString(), isTooLong: size > mostBytes })))
    return Effect.sync(stop)
  })

const credentials = (stdout: string): Result.Result<SdkCredentials, string> => {
  const printed = Result.getOrElse(Result.try((): unknown => JSON.parse(stdout.trim())), () => undefined)
  if (!Predicate.isObject(printed)) {
    return Result.fail(stdout.trim() === "" ? "it printed nothing" : "it printed no JSON object")
  }
  const { AccessKeyId, Expiration, SecretAccessKey, SessionToken, Version } = printed
  if (Version !== 1) return Result.fail("it printed another Version than 1")
  if (!isFilled(AccessKeyId) || !isFilled(SecretAccessKey)) {
    return Result.fail("it printed no AccessKeyId with a SecretAccessKey")
  }
  const expiration = isFilled(Expiration) ? new Date(Expiration) : undefined
  if (expiration !== undefined && Number.isNaN(expiration.getTime())) {
    return Result.fail("it printed an Expiration that is no date")
  }
  if (expiration !== undefined && expiration.getTime() < Cached.now()) {
    return Result.fail("it printed credentials that have expired")
  }
  return Result.succeed({
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(isFilled(SessionToken) ? { sessionToken: SessionToken } : {}),
    ...(expiration === undefined ? {} : { expiration })
  })
}

const isFilled = (value: unknown): value is string => Predicate.isString(value) && value !== ""
