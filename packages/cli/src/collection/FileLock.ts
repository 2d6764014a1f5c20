/**
 * The right to change a file, of one process at a time: a file beside it with the name of the process.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"

const Holder = Schema.Struct({ pid: Schema.Finite, host: Schema.String })

/**
 * Takes the lock of a file until the scope closes. That of a process of this machine that is no more is taken over; of
 * another machine it cannot be known whether it still runs.
 */
export const acquire = (file: string) => {
  const lock = `${file}.lock`
  const text = JSON.stringify({ pid: process.pid, host: Os.hostname() })
  const take = Files.attempt(() => Fs.writeFile(lock, text, { flag: "wx" }))
  return Effect.acquireRelease(
    take.pipe(
      Effect.catch(({ code, message }) =>
        code !== "EEXIST"
          ? Effect.fail(CommandError.failed(`${lock} cannot be written: ${message}`))
          : Effect.gen(function*() {
            const holder = yield* Effect.result(Effect.flatMap(
              Files.attempt(() => Fs.readFile(lock, "utf8")),
              Schema.decodeUnknownEffect(Schema.fromJsonString(Holder))
            ))
            if (Result.isSuccess(holder) && holder.success.host === Os.hostname() && !isAlive(holder.success.pid)) {
              yield* Effect.ignore(Files.attempt(() => Fs.rm(lock)))
              return yield* Effect.mapError(take, () => taken(file, "another process", lock))
            }
            const name = Result.isSuccess(holder)
              ? `process ${holder.success.pid} on ${holder.success.host}`
              : "another process"
            return yield* taken(file, name, lock)
          })
      )
    ),
    () => Effect.ignore(Files.attempt(() => Fs.rm(lock, { force: true })))
  )
}

const taken = (file: string, name: string, lock: string) =>
  CommandError.failed(`${file} is being changed by ${name}. Wait for it; if it is no more, remove ${lock}`)

const isAlive = (pid: number): boolean =>
  Result.match(Result.try(() => process.kill(pid, 0)), {
    onFailure: (cause) => (cause as NodeJS.ErrnoException).code !== "ESRCH", // what `kill` throws
    onSuccess: () => true
  })
