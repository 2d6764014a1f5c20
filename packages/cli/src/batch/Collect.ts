/**
 * `strata batch collect`: the answers of a batch beside their rows, and the rows that have none.
 */
import { Batch, BatchService } from "@strata/core"
import { SqliteClient } from "@strata/persistence"
import * as Arr from "effect/Array"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as AnswerSchema from "../ask/AnswerSchema.ts"
import * as Input from "../map/Input.ts"
import * as Mapping from "../map/Mapping.ts"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import * as Provider from "../provider/Provider.ts"
import * as Follow from "./Follow.ts"
import * as Manifest from "./Manifest.ts"
import { digestOf } from "./Submit.ts"
import * as Writing from "./Writing.ts"

const out = Flag.String("out").pipe(
  Flag.withAlias("o"),
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription("Write rows with answers to this file; standard output when missing")
)

const failedFile = Flag.String("failed").pipe(
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription("Write rows without an answer to this file, as they are, to be asked about again")
)

/** The command. */
export const command = Command.make(
  "collect",
  { file: Follow.file, out, failedFile, prices: Provider.flags.prices },
  Effect.fnUntraced(function*({ failedFile, file, out, prices }) {
    const output = yield* Output
    const { layer, manifest } = yield* Follow.open(file)
    if ((yield* digestOf(manifest.rows)) !== manifest.digest) {
      return yield* CommandError.failed(
        `${manifest.rows} is not what it was when the batch was submitted: answers could come beside the wrong rows. Put the old file there`
      )
    }
    const sql = yield* temporary
    const priced = Layer.provide(layer, yield* Provider.pricesOf(prices))
    const found = yield* Effect.provide(gather(sql, manifest), priced)
    const input = yield* Input.open(manifest.rows, {
      format: manifest.format,
      delimiter: manifest.delimiter,
      maxField: manifest.maxField,
      limit: manifest.limit,
      as: manifest.as,
      id: undefined
    })
    const answers = yield* Writing.open(Option.getOrUndefined(out))
    const others = yield* Writing.open(Option.getOrUndefined(failedFile), { isSilent: true })
    let [answered, missing] = [0, 0]
    yield* Stream.runForEach(Stream.grouped(input.items, 200), (items) =>
      Effect.gen(function*() {
        const ids = items.map(({ line }) => Manifest.recordId(line))
        const rows = yield* sql<{ id: string; answer: string | null }>`SELECT id, answer FROM result WHERE ${
          sql.in("id", ids)
        }`
        const known = new Map(rows.map(({ answer, id }) => [id, answer]))
        for (const item of items) {
          const answer = known.get(Manifest.recordId(item.line)) ?? undefined
          if (answer === undefined) {
            missing++
            yield* others.write(`${item.text}\n`)
          } else {
            answered++
            yield* answers.write(`${Mapping.line(item, manifest.as, JSON.parse(answer))}\n`)
          }
        }
      }).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(CommandError.failed(error.message, error)))))
    yield* answers.finish
    yield* others.finish
    yield* output.note(
      [
        `${Progress.number(answered)} rows answered`,
        ...(missing > 0 ? [`${Progress.number(missing)} without an answer`] : []),
        ...(found.cost === undefined ? [] : [Progress.dollars(found.cost)])
      ].join(", ")
    )
    if (found.foreign > 0) {
      return yield* CommandError.failed(
        `${
          Progress.number(found.foreign)
        } answers are of no row of this batch, and were left out: the output folder may be another's`
      )
    }
    if (missing > 0) {
      const why = found.mostFrequent === undefined ? "" : `, most often because: ${found.mostFrequent}`
      return yield* new CommandError.CommandError({
        reason: answered === 0 ? "error" : "deadLetters",
        message: `${answered === 0 ? "No row has" : `${Progress.number(missing)} rows have no`} answer${why}`
      })
    }
  }, Effect.scoped)
).pipe(Command.withDescription("Read the answers, also of a job that was stopped or expired"))

/** A database that is gone when the scope closes: answers come in any order, and do not fit into memory. */
const temporary = Effect.gen(function*() {
  const fileSystem = yield* FileSystem.FileSystem
  const folder = yield* fileSystem.makeTempDirectoryScoped({ prefix: "strata-batch-" })
  const sql = yield* SqliteClient.make({ filename: `${folder}/results.db` })
  yield* sql`CREATE TABLE result (id TEXT PRIMARY KEY, answer TEXT) WITHOUT ROWID`
  return sql
}).pipe(Effect.mapError((error) => CommandError.failed(`There is no room for the answers: ${error.message}`, error)))

/** Reads the results of all jobs. A second one for a record does not count; one for no record is counted. */
const gather = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, manifest: Manifest.Manifest) {
  const output = yield* Output
  const schema = manifest.schema === undefined ? undefined : yield* AnswerSchema.read(manifest.schema)
  const reasons = new Map<string, number>()
  const isKnown = /^R\d{10,}$/
  let foreign = 0
  let cost: number | undefined = 0
  const one = Effect.fnUntraced(function*(
    result: Batch.BatchResult
  ): Effect.fn.Return<ReadonlyArray<Record<string, unknown>>> {
    const { recordId } = result
    if (recordId === undefined || !isKnown.test(recordId)) {
      foreign++
      return []
    }
    if (result.cost !== undefined && cost !== undefined) cost += result.cost.total
    else if (result.usage !== undefined) cost = undefined
    const answer = result.kind === "chat" && Result.isSuccess(result.result)
      ? yield* Effect.result(Mapping.answerOf({ schema }, result.result.success))
      : Result.fail(Batch.failureOf(result) ?? { message: "The answer is of another kind" })
    if (Result.isSuccess(answer)) return [{ id: recordId, answer: JSON.stringify(answer.success) }]
    if (reasons.size < 1000) reasons.set(answer.failure.message, (reasons.get(answer.failure.message) ?? 0) + 1)
    return [{ id: recordId, answer: null }]
  })
  for (const part of manifest.parts) {
    const job = yield* Follow.jobOf(part)
    if (job === undefined || !Batch.isFinished(job)) {
      return yield* CommandError.failed(
        `${part.name} is not over, but ${job?.state ?? "not submitted"}: use \`strata batch wait\``
      )
    }
    if (job.failure !== undefined) yield* output.warn(`${part.name}: ${job.state}: ${job.failure.message}`)
    yield* Stream.runForEach(
      Stream.grouped(Stream.mapEffect(BatchService.results(job.id), one), 200),
      (groups) =>
        Effect.gen(function*() {
          const rows: ReadonlyArray<Record<string, unknown>> = groups.flat()
          if (Arr.isReadonlyArrayNonEmpty(rows)) {
            yield* sql`INSERT INTO result ${sql.insert(rows)} ON CONFLICT (id) DO NOTHING`
          }
        })
    ).pipe(Effect.catchTag(["SqlError", "MalformedResponseError"], (error) =>
      error._tag === "SqlError"
        ? Effect.fail(CommandError.failed(error.message, error))
        // What came before is valid: rows that are missing are told as such.
        : output.warn(`${part.name}: ${error.message}`)))
  }
  const [mostFrequent] = Array.from(reasons).toSorted((a, b) => b[1] - a[1])[0] ?? []
  return { foreign, cost: cost === 0 ? undefined : cost, mostFrequent }
})
