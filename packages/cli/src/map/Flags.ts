/** The flags that say what is asked about each row. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"
import * as ModelFlags from "../provider/ModelFlags.ts"

const input = Argument.String("rows").pipe(
  Argument.withDefault("-"),
  Argument.withDescription("JSONL or CSV; standard input when missing or `-`")
)

const prompt = Flag.String("prompt").pipe(
  Flag.withAlias("p"),
  Flag.withMetavar("TEXT|@FILE"),
  Flag.optional,
  Flag.withDescription("The question about a row, with its columns as {{column}}; the row itself when missing")
)

const as = Flag.String("as").pipe(
  Flag.withDefault("answer"),
  Flag.withDescription("The name of the answer in a row (answer)")
)

const limit = ModelFlags.positive("limit").pipe(Flag.optional, Flag.withDescription("Only so many rows, to try it"))

/** The flags. */
export const request = {
  input,
  prompt,
  system: ModelFlags.system,
  schema: ModelFlags.schema,
  as,
  model: ModelFlags.chatModel,
  maxTokens: ModelFlags.maxTokens(1024),
  temperature: ModelFlags.temperature,
  limit
}

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

const restart = Flag.Boolean("restart").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Forget what the job has done, and begin anew")
)

const acceptChanges = Flag.Boolean("accept-changes").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Go on although prompt, schema or model changed; what is done stays")
)

/** The flags of the job in which rows are asked about. */
export const durable = { out, id, job, restart, acceptChanges }

/** The prompt of the flag: a text, or that of a file. */
export const promptOf = Effect.fnUntraced(function*(given: Option.Option<string>) {
  const text = Option.getOrUndefined(given)
  if (text === undefined || !text.startsWith("@")) return text
  const fileSystem = yield* FileSystem.FileSystem
  return yield* Effect.mapError(
    fileSystem.readFileString(text.slice(1)),
    (cause) => CommandError.usage(`--prompt ${text}: the file cannot be read: ${CommandError.whyNot(cause)}`, cause)
  )
})
