/**
 * `strata jobs`: the jobs of a store, and what can be done about them.
 */
import { Job } from "@strata/jobs"
import type { JobError } from "@strata/jobs"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import * as Store from "./Store.ts"

const job = Argument.String("job").pipe(Argument.withDescription("The name of the job"))

const ids = Argument.String("id").pipe(Argument.variadic(), Argument.withDescription("Items; all of them when missing"))

/** Failures of a store, in words for the user. */
export const failed = (
  error: JobError.RunError | JobError.JobNotFoundError
): CommandError.CommandError => {
  switch (error._tag) {
    case "JobPausedError":
      return new CommandError.CommandError({ reason: "paused", message: error.message, cause: error })
    case "JobConflictError":
      return CommandError.usage(
        `\`${error.field}\` is not what the job "${error.job}" was started with. Say --accept-changes to go on and keep what ` +
          "is done, --restart to begin anew, or --job for a job of another name",
        error
      )
    case "JobNotFoundError":
      return CommandError.usage(error.message, error)
    default:
      return CommandError.failed(error.message, error)
  }
}

/** A status in one line. */
export const line = (status: Job.Status): string => {
  const { conflicts, cost, done, duplicates, failed, name, read, state } = status
  return [
    `${name}: ${state}, ${Progress.number(done)} of ${Progress.number(read)} done`,
    ...(failed > 0 ? [`${Progress.number(failed)} failed`] : []),
    ...(duplicates > 0 ? [`${Progress.number(duplicates)} left out because of their id`] : []),
    ...(conflicts > 0 ? [`${Progress.number(conflicts)} left out because they changed`] : []),
    ...(cost === undefined || cost.total === 0 ? [] : [Progress.dollars(cost.total)])
  ].join(", ")
}

const list = Effect.fnUntraced(function*({ store }: { readonly store: string }) {
  const output = yield* Output
  const jobs = yield* Effect.mapError(Job.list(), failed).pipe(Effect.provide(Store.layer(store)))
  for (const status of jobs) yield* output.isJson ? output.json(status) : output.text(`${line(status)}\n`)
  if (jobs.length === 0) yield* output.note(`There are no jobs in ${store}`)
})

const listing = Command.make("list", Store.flags, list).pipe(Command.withDescription("All jobs of the store"))

const watching = Command.make(
  "watch",
  { job, ...Store.flags },
  Effect.fnUntraced(function*({ job, store }) {
    const output = yield* Output
    let idle = 0
    yield* Job.watch(job).pipe(
      Stream.mapError(failed),
      Stream.tap(({ state }) => {
        idle = state === "waiting" ? idle + 1 : 0
        return idle === 3
          ? output.warn(`No process works on ${job}: run the command that began it again`)
          : Effect.void
      }),
      Stream.runForEach((progress) =>
        output.isJson
          ? output.json(progress)
          : output.isRedrawable && progress.state !== "done" && progress.state !== "cancelled"
          ? output.status(`${line(progress)}, ${progress.rate.toFixed(1)}/s`)
          : Effect.andThen(output.status(""), output.text(`${line(progress)}\n`))
      ),
      Effect.ensuring(output.status("")),
      Effect.provide(Store.layer(store))
    )
  })
).pipe(Command.withDescription("Follow a job until it is done"))

const dead = Command.make(
  "dead",
  { job, ...Store.flags },
  Effect.fnUntraced(function*({ job, store }) {
    const output = yield* Output
    yield* Job.deadLetters(job).pipe(
      Stream.mapError(failed),
      Stream.runForEach((letter) =>
        output.isJson
          ? output.json({ ...letter, error: { tag: letter.error._tag, message: letter.error.message } })
          : output.text(
            `${letter.id}: ${letter.error._tag}: ${letter.error.message} (tried ${letter.attempts} times)\n`
          )
      ),
      Effect.provide(Store.layer(store))
    )
  })
).pipe(Command.withDescription("Items that failed for good, and why"))

const retry = Command.make(
  "retry",
  { job, ids, ...Store.flags },
  Effect.fnUntraced(function*({ ids, job, store }) {
    const output = yield* Output
    const count = yield* Job.retry(job, ids.length === 0 ? undefined : ids).pipe(
      Effect.mapError(failed),
      Effect.provide(Store.layer(store))
    )
    yield* output.isJson ? output.json({ retried: count }) : output.text(`${Progress.number(count)} items wait again\n`)
    yield* output.note("Run the command that began the job again to work on them.")
  })
).pipe(Command.withDescription("Put items that failed back to work"))

const cancel = Command.make(
  "cancel",
  { job, ...Store.flags },
  Effect.fnUntraced(function*({ job, store }) {
    const output = yield* Output
    yield* Job.cancel(job).pipe(Effect.mapError(failed), Effect.provide(Store.layer(store)))
    yield* output.note(`${job} is cancelled; what is done stays. \`strata jobs retry\` lets it go on.`)
  })
).pipe(Command.withDescription("Stop a job, wherever it runs"))

const remove = Command.make(
  "remove",
  {
    job,
    force: Flag.Boolean("force").pipe(Flag.withDefault(false), Flag.withDescription("Also a job that is not done")),
    ...Store.flags
  },
  Effect.fnUntraced(function*({ force, job, store }) {
    const output = yield* Output
    yield* Effect.gen(function*() {
      const { state } = yield* Job.status(job)
      if (!force && state !== "done" && state !== "cancelled") {
        return yield* CommandError.usage(`${job} is not done, but ${state}: --force forgets it nevertheless`)
      }
      yield* Job.remove(job)
    }).pipe(
      Effect.mapError((error) => error._tag === "CommandError" ? error : failed(error)),
      Effect.provide(Store.layer(store))
    )
    yield* output.note(`${job} is forgotten; what it wrote stays.`)
  })
).pipe(Command.withDescription("Forget a job"))

/** The command; without a subcommand it lists the jobs. */
export const command = Command.make("jobs", Store.flags, list).pipe(
  Command.withDescription("List, watch, retry and cancel jobs"),
  Command.withSubcommands([listing, watching, dead, retry, cancel, remove])
)
