/**
 * `strata batch status`, `wait` and `stop`: the jobs of a batch, wherever it was submitted.
 */
import { Batch, BatchService } from "@strata/core"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import { Shutdown } from "../process/Shutdown.ts"
import * as Manifest from "./Manifest.ts"
import * as Service from "./Service.ts"

/** The file of a batch. */
export const file = Argument.String("batch").pipe(
  Argument.withDescription("The file that `strata batch submit` wrote")
)

/** A batch, and the service that has its jobs. */
export const open = Effect.fnUntraced(function*(file: string) {
  const manifest = yield* Manifest.read(file)
  const source = yield* Service.Source
  return { manifest, layer: source(manifest.place, manifest.model) }
})

/** The job of a part; none where it was not submitted. */
export const jobOf = ({ name }: Manifest.Part) => BatchService.find(name)

const line = (part: Manifest.Part, job: Batch.Job | undefined): string => {
  if (job === undefined) return `${part.name}: not submitted`
  const { counts: { failed = 0, processed }, failure, state } = job
  return [
    `${part.name}: ${state}`,
    ...(processed === undefined ? [] : [`${Progress.number(processed)} of ${Progress.number(part.records)} records`]),
    ...(failed > 0 ? [`${Progress.number(failed)} failed`] : []),
    ...(failure === undefined ? [] : [failure.message])
  ].join(", ")
}

const show = Effect.fnUntraced(function*(part: Manifest.Part, job: Batch.Job | undefined) {
  const output = yield* Output
  if (output.isJson) yield* output.json({ name: part.name, records: part.records, ...job })
  else yield* output.text(`${line(part, job)}\n`)
})

/** The command `status`. */
export const status = Command.make(
  "status",
  { file },
  Effect.fnUntraced(function*({ file }) {
    const { layer, manifest } = yield* open(file)
    yield* Effect.forEach(manifest.parts, (part) => Effect.flatMap(jobOf(part), (job) => show(part, job)), {
      discard: true
    }).pipe(Effect.provide(layer))
  })
).pipe(Command.withDescription("Where its jobs are"))

/** Waits until all jobs of a batch are over. A signal ends the waiting and not the jobs, and says so. */
export const untilOver = Effect.fnUntraced(function*(file: string, manifest: Manifest.Manifest) {
  const output = yield* Output
  const shutdown = yield* Shutdown
  let over = 0
  const one = (part: Manifest.Part) =>
    Effect.gen(function*() {
      const job = yield* jobOf(part)
      if (job === undefined) {
        return yield* CommandError.failed(`${part.name} was not submitted: run \`strata batch submit\` again`)
      }
      const last = Batch.isFinished(job) ? job : yield* BatchService.wait(job.id)
      over++
      return { part, job: last }
    })
  return yield* Effect.scoped(Effect.andThen(
    Progress.show("jobs over", Effect.sync(() => ({ done: over, total: manifest.parts.length }))),
    Effect.forEach(manifest.parts, one, { concurrency: "unbounded" })
  )).pipe(
    Effect.onInterrupt(() =>
      Effect.flatMap(shutdown.received, (signal) =>
        Option.isNone(signal) ? Effect.void : output.warn(
          `The jobs go on: \`strata batch wait ${file}\` waits again, \`strata batch stop ${file}\` stops them`
        ))
    )
  )
})

/** The command `wait`. */
export const wait = Command.make(
  "wait",
  { file },
  Effect.fnUntraced(function*({ file }) {
    const output = yield* Output
    const { layer, manifest } = yield* open(file)
    const jobs = yield* Effect.provide(untilOver(file, manifest), layer)
    for (const { job, part } of jobs) yield* show(part, job)
    yield* output.note(`Next: strata batch collect ${file} -o answers.jsonl`)
  })
).pipe(Command.withDescription("Wait until its jobs are over; what is answered is for `collect`"))

/** The command `stop`. */
export const stop = Command.make(
  "stop",
  { file },
  Effect.fnUntraced(function*({ file }) {
    const output = yield* Output
    const { layer, manifest } = yield* open(file)
    yield* Effect.forEach(manifest.parts, (part) =>
      Effect.gen(function*() {
        const job = yield* jobOf(part)
        yield* show(part, job === undefined ? undefined : yield* BatchService.stop(job.id))
      }), { discard: true }).pipe(Effect.provide(layer))
    yield* output.note(`What is answered by then is charged, and can be read: strata batch collect ${file}`)
  })
).pipe(Command.withDescription("Stop its jobs"))
