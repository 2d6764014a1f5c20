/**
 * A batch as a file: what was asked about which rows, and the jobs at Bedrock that answer. It is written before the first
 * job is made, so that none is lost: a job is found again by its name.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs/promises"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"
import * as ReplaceFile from "../rows/ReplaceFile.ts"
import * as Service from "./Service.ts"

/** A job: records from the `first` on, among those that can be sent. */
export class Part extends Schema.Opaque<Part>()(Schema.Struct({
  name: Schema.String,
  first: Schema.Finite,
  records: Schema.Finite
})) {}

/**
 * - `rows`: the file; `digest`: of its content. `limit`, `format`, `delimiter`, `maxField`: how it is read.
 * - `as`: the name of the answer. `schema`: JSON Schema.
 */
export class Manifest extends Schema.Opaque<Manifest>()(Schema.Struct({
  strata: Schema.Literal("batch"),
  rows: Schema.String,
  digest: Schema.String,
  format: Schema.optional(Schema.Literals(["jsonl", "csv"])),
  delimiter: Schema.optional(Schema.String),
  maxField: Schema.Finite,
  limit: Schema.optional(Schema.Finite),
  as: Schema.String,
  model: Schema.String,
  prompt: Schema.optional(Schema.String),
  system: Schema.optional(Schema.String),
  schema: Schema.optional(Schema.String),
  maxTokens: Schema.Finite,
  temperature: Schema.optional(Schema.Finite),
  place: Service.Place,
  parts: Schema.Array(Part)
})) {}

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Manifest))

/** Reads a file that `submit` wrote. */
export const read = (file: string): Effect.Effect<Manifest, CommandError.CommandError> =>
  Effect.mapError(
    Effect.flatMap(Files.attempt(() => Fs.readFile(file, "utf8")), decode),
    (error) =>
      CommandError.usage(
        error._tag === "FileError"
          ? `${file} cannot be read: ${error.code === "ENOENT" ? "there is no such file" : error.message}`
          : `${file} is no batch: name the file that \`strata batch submit\` wrote`,
        error
      )
  )

/** Writes the file, in the place of an older one. */
export const write = Effect.fnUntraced(function*(file: string, manifest: Manifest) {
  const target = `${file}.${yield* Random.nextIntBetween(0, 2 ** 32)}.tmp`
  yield* Files.attempt(() => Fs.writeFile(target, `${JSON.stringify(manifest, undefined, 2)}\n`)).pipe(
    Effect.andThen(ReplaceFile.replace(target, file)),
    Effect.mapError(({ message }) => CommandError.failed(`${file} cannot be written: ${message}`))
  )
})

/** The id of the record of a row: eleven letters and digits, as Bedrock's own. */
export const recordId = (line: number): string => `R${`${line}`.padStart(10, "0")}`
