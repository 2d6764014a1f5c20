/**
 * `strata map`: a model asked about each row of a file, as a job that goes on where it stopped.
 */
import { Job, Sink } from "@strata/jobs"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AnswerSchema from "../ask/AnswerSchema.ts"
import * as Jobs from "../jobs/Jobs.ts"
import * as Store from "../jobs/Store.ts"
import * as CommandError from "../process/CommandError.ts"
import * as Confirmation from "../process/Confirmation.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import { Shutdown } from "../process/Shutdown.ts"
import * as Streams from "../process/Streams.ts"
import * as ModelFlags from "../provider/ModelFlags.ts"
import * as Provider from "../provider/Provider.ts"
import * as Flags from "./Flags.ts"
import * as Input from "./Input.ts"
import * as Mapping from "./Mapping.ts"
import * as Results from "./Results.ts"

const out = Flag.String("out").pipe(
  Flag.withAlias("o"),
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription("Write rows with answers to this file, in order; standard output when missing, as they come")
)

const id = Flag.String("id").pipe(
  Flag.withMetavar("COLUMN"),
  Flag.optional,
  Flag.withDescription("The column that tells rows apart; the number of the line when missing")
)

const job = Flag.String("job").pipe(
  Flag.optional,
  Flag.withDescription("The name of the job, under which it goes on; made of the files when missing")
)

const concurrency = ModelFlags.positive("concurrency").pipe(
  Flag.withDefault(8),
  Flag.withDescription("Rows that are asked about at the same time (8)")
)

const restart = Flag.Boolean("restart").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Forget what the job has done, and begin anew")
)

const acceptChanges = Flag.Boolean("accept-changes").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Go on although prompt, schema or model changed; what is done stays")
)

/** The command. */
export const command = Command.make(
  "map",
  {
    ...Flags.request,
    out,
    id,
    job,
    concurrency,
    restart,
    acceptChanges,
    ...Input.flags,
    ...Store.flags,
    ...Provider.flags,
    ...Confirmation.flags
  },
  Effect.fnUntraced(function*(given) {
    const prompt = yield* Flags.promptOf(given.prompt)
    if (prompt === undefined && Option.isNone(given.schema)) {
      return yield* CommandError.usage("Say what to ask about each row: --prompt, --schema, or both")
    }
    const answerSchema = Option.isSome(given.schema) ? yield* AnswerSchema.read(given.schema.value) : undefined
    const input = yield* Input.open(given.input, {
      ...Input.optionsOf(given),
      as: given.as,
      id: Option.getOrUndefined(given.id),
      limit: Option.getOrUndefined(given.limit)
    })
    const selected = yield* Provider.select(given, {
      chatModel: Option.getOrUndefined(given.model),
      concurrency: given.concurrency
    })
    const mapping: Mapping.Options = {
      provider: selected.provider,
      prompt,
      system: Option.getOrUndefined(given.system),
      schema: answerSchema,
      maxTokens: given.maxTokens,
      temperature: Option.getOrUndefined(given.temperature)
    }
    const scan = yield* Input.scan(input, mapping)
    const begins = yield* Effect.provide(
      Confirmation.ask({
        what: `${Progress.number(scan.rows)} rows`,
        model: selected.provider === "local" ? undefined : selected.chatModel,
        input: scan.tokens,
        output: { least: scan.rows, most: scan.rows * given.maxTokens }
      }, given),
      selected.prices
    )
    if (!begins) return
    const name = Option.getOrElse(given.job, () => nameOf(given.input, given.out))
    yield* run({
      name,
      input,
      scan,
      mapping,
      as: given.as,
      out: Option.getOrUndefined(given.out),
      isRestarted: given.restart,
      acceptChanges: given.acceptChanges,
      concurrency: given.concurrency,
      isPaid: selected.provider !== "local"
    }).pipe(Effect.provide(Layer.merge(selected.layer, Store.layer(given.store))))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Ask a model about each row of a file; a run that is stopped goes on where it was"),
  Command.withExamples([
    {
      command: "strata map reviews.csv -p \"Is this review positive? {{text}}\" -o labels.jsonl",
      description: "Classify"
    },
    { command: "strata map letters.jsonl --schema contact.json -o contacts.jsonl", description: "Extract" },
    {
      command: "strata map texts.jsonl -p \"Translate into French: {{text}}\" --as french > french.jsonl",
      description: "Translate, as the answers come"
    }
  ])
)

/** The same command has the same name when it is run again. */
const nameOf = (input: string, out: Option.Option<string>): string =>
  `map ${input}${Option.isSome(out) ? ` to ${out.value}` : ""}`.slice(-200)

const run = Effect.fnUntraced(function*(
  { acceptChanges, as, concurrency, input, isPaid, isRestarted, mapping, name, out, scan }: {
    readonly name: string
    readonly input: Input.Input
    readonly scan: Input.Scan
    readonly mapping: Mapping.Options
    readonly as: string
    readonly out: string | undefined
    readonly isRestarted: boolean
    readonly acceptChanges: boolean
    readonly concurrency: number
    readonly isPaid: boolean
  }
) {
  const output = yield* Output
  const shutdown = yield* Shutdown
  const closed = yield* Deferred.make<never, Streams.OutputClosed>()
  yield* Results.prepare
  if (isRestarted) {
    yield* Effect.catchTag(Job.remove(name), "JobNotFoundError", () => Effect.void).pipe(Effect.mapError(Jobs.failed))
    yield* Results.forget(name)
  }
  const before = yield* Effect.option(Job.status(name))
  if (Option.isSome(before) && before.value.done > 0) {
    yield* output.note(
      `${name} goes on: ${Progress.number(before.value.done)} rows are done already` +
        (out === undefined ? ", and are not written again. --restart begins anew" : ". --restart begins anew")
    )
  }
  const toLine = (item: Mapping.Item, answer: unknown) => Mapping.line(item, as, answer)
  const toOutput = Sink.effect((rows: ReadonlyArray<Sink.Written<Mapping.Item, unknown>>) =>
    Effect.catchTag(
      output.raw(rows.map(({ item, output }) => `${toLine(item, output)}\n`).join("")),
      "OutputClosed",
      // Nothing is at fault but the reader, so the row counts as not begun.
      (error) => Effect.andThen(Deferred.fail(closed, error), Effect.interrupt)
    )
  )
  const parts = {
    name,
    item: Mapping.Item,
    source: input.items,
    id: (item: Mapping.Item) => item.id,
    work: Mapping.work(mapping)
  }
  const options = { concurrency, acceptChanges, grace: "10 minutes" } as const
  const limits = { maxItemBytes: 64_000_000 }
  const running = out === undefined
    ? Job.run(Job.make({ ...parts, ...limits, sink: toOutput }), options)
    : Job.run(Job.make({ ...parts, ...limits, sink: Results.sink(name, toLine) }), options)
  // Interruption finishes what is in flight.
  const stopped = Effect.as(shutdown.requested, undefined)
  const finished = yield* Effect.scoped(Effect.andThen(
    Progress.show(
      "rows",
      Effect.map(Job.status(name), ({ cost, done, failed }) => ({
        done,
        failed,
        total: scan.rows,
        cost: isPaid ? cost?.total : undefined
      }))
    ),
    shutdown.finishing(Effect.raceFirst(Effect.raceFirst(running, stopped), Deferred.await(closed)))
  )).pipe(
    Effect.mapError((error) =>
      error._tag === "CommandError" || error._tag === "OutputClosed" || error._tag === "InvalidRequestError"
        ? error
        : Jobs.failed(error)
    ),
    Effect.ensuring(
      out === undefined ? Effect.void : Effect.catch(Results.write(name, out), ({ message }) => output.warn(message))
    )
  )
  const status = finished ?? (yield* Effect.mapError(Job.status(name), Jobs.failed))
  yield* output.note(Jobs.line(status))
  if (status.failed > 0 || status.conflicts > 0) {
    return yield* new CommandError.CommandError({
      reason: "deadLetters",
      message: status.failed > 0
        ? `${Progress.number(status.failed)} rows have no answer: see \`strata jobs dead "${name}"\``
        : `${
          Progress.number(status.conflicts)
        } rows changed since the job began, and were left out: --restart begins anew`
    })
  }
})
