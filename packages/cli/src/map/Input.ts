/**
 * The rows of `strata map`: looked at as a whole before anything is asked, then read again as they are worked on.
 */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as CommandError from "../process/CommandError.ts"
import * as Confirmation from "../process/Confirmation.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import * as StandardInput from "../process/StandardInput.ts"
import * as Rows from "../rows/Rows.ts"
import * as Template from "../rows/Template.ts"
import type * as Mapping from "./Mapping.ts"

const format = Flag.Literals("format", ["jsonl", "csv"]).pipe(
  Flag.optional,
  Flag.withDescription("What the rows are; by the name of the file, or what it begins with, when missing")
)

const delimiter = Flag.String("delimiter").pipe(
  Flag.filter(
    (text) => text === "tab" || text.length === 1 && !/["\r\n]/.test(text),
    () => "--delimiter must be a character, or tab"
  ),
  Flag.map((text) => text === "tab" ? "\t" : text),
  Flag.optional,
  Flag.withDescription("What separates fields of CSV; found out when missing")
)

const maxField = Flag.Int("max-field").pipe(
  Flag.filter((number) => number > 0, () => "--max-field must be a number from 1"),
  Flag.withDefault(1_000_000),
  Flag.withDescription("The most characters of a field of CSV (1000000)")
)

/** The flags. */
export const flags = { format, delimiter, maxField }

/** The options of the flags. */
export const optionsOf = (given: {
  readonly format: Option.Option<"jsonl" | "csv">
  readonly delimiter: Option.Option<string>
  readonly maxField: number
}): Rows.Options => ({
  format: Option.getOrUndefined(given.format),
  delimiter: Option.getOrUndefined(given.delimiter),
  maxField: given.maxField
})

/** - `as`: the name of the answer, which no row may have. `id`: a column. `limit`: the most rows. */
export interface Options extends Rows.Options {
  readonly as: string
  readonly id: string | undefined
  readonly limit: number | undefined
}

/** Rows that can be read any number of times. */
export interface Input {
  readonly name: string
  readonly options: Options
  readonly rows: Stream.Stream<Rows.Row, CommandError.CommandError, FileSystem.FileSystem | Output>
  readonly items: Stream.Stream<Mapping.Item, CommandError.CommandError, FileSystem.FileSystem | Output>
}

/** The rows of a file; standard input is kept in a temporary file until the scope closes. */
export const open = Effect.fnUntraced(function*(
  file: string,
  options: Options
): Effect.fn.Return<
  Input,
  CommandError.CommandError,
  FileSystem.FileSystem | Stdio.Stdio | Output | Scope.Scope
> {
  const path = file === "-" ? yield* spool : file
  const name = file === "-" ? "standard input" : file
  const read = (isSilent: boolean) => {
    const all = Rows.read(path, { ...options, isSilent }, name)
    return options.limit === undefined ? all : Stream.take(all, options.limit)
  }
  return {
    name,
    options,
    rows: read(false),
    items: Stream.mapEffect(
      read(true),
      (row) => Effect.map(idOf(name, options.id, row), (id) => ({ id, text: row.text }))
    )
  }
})

const spool = Effect.gen(function*() {
  const fileSystem = yield* FileSystem.FileSystem
  const failed = (cause: { readonly message: string }) =>
    CommandError.failed(`Standard input cannot be kept in a temporary file: ${cause.message}`, cause)
  const file = yield* Effect.mapError(fileSystem.makeTempFileScoped({ prefix: "strata-rows-" }), failed)
  yield* Stream.run(StandardInput.bytes, fileSystem.sink(file)).pipe(
    Effect.mapError((error) => error._tag === "CommandError" ? error : failed(error))
  )
  return file
})

const idOf = (name: string, column: string | undefined, { line, values }: Rows.Row) => {
  if (column === undefined) return Effect.succeed(`${line}`)
  const value = Object.hasOwn(values, column) ? values[column] : undefined
  const id = typeof value === "string" || typeof value === "number" ? `${value}` : ""
  return id !== "" && id.length <= 512
    ? Effect.succeed(id)
    : Effect.fail(
      CommandError.usage(`${name}, line ${line}: the column "${column}" of --id has no text of 1 to 512 characters`)
    )
}

/** How many rows there are, and how many tokens they will take. */
export interface Scan {
  readonly rows: number
  readonly tokens: Confirmation.Range
}

/** Looks at all rows: whatever is wrong with one is known before the first call. */
export const scan = Effect.fnUntraced(function*(input: Input, { prompt, schema, system }: Mapping.Options) {
  const { as, id } = input.options
  const template = prompt === undefined ? undefined : Template.parse(prompt)
  const each = Confirmation.add(
    Confirmation.tokens(system ?? ""),
    Confirmation.tokens(schema === undefined ? "" : JSON.stringify(schema.format.schema))
  )
  let rows = 0
  let tokens: Confirmation.Range = { least: 0, most: 0 }
  const look = Effect.fnUntraced(function*(row: Rows.Row) {
    const at = (problem: string) => CommandError.usage(`${input.name}, line ${row.line}: ${problem}`)
    if (Object.hasOwn(row.values, as)) {
      return yield* at(`the row has a column "${as}" already: give the answer another name with --as`)
    }
    yield* idOf(input.name, id, row)
    const text = template === undefined ? Result.succeed(row.text) : Template.render(template, row.values)
    if (Result.isFailure(text)) {
      return yield* at(`there is no column "${text.failure}" for the prompt; there are ${columns(row)}`)
    }
    rows++
    tokens = Confirmation.add(Confirmation.add(tokens, each), Confirmation.tokens(text.success))
  })
  yield* Effect.scoped(Effect.andThen(
    Progress.show("rows read", Effect.sync(() => ({ done: rows }))),
    Stream.runForEach(input.rows, look)
  ))
  return { rows, tokens } satisfies Scan
})

const columns = ({ values }: Rows.Row): string => {
  const names = Object.keys(values)
  return `${names.slice(0, 20).map((name) => JSON.stringify(name)).join(", ")}${names.length > 20 ? ", …" : ""}`
}
