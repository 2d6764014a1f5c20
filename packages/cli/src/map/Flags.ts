/** The flags that say what is asked about each row. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"

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

const system = Flag.String("system").pipe(
  Flag.withAlias("s"),
  Flag.optional,
  Flag.withDescription("Instructions for the model")
)

const schema = Flag.String("schema").pipe(
  Flag.withMetavar("FILE|JSON"),
  Flag.optional,
  Flag.withDescription("Answers are JSON that matches this JSON Schema")
)

const as = Flag.String("as").pipe(
  Flag.withDefault("answer"),
  Flag.withDescription("The name of the answer in a row (answer)")
)

const model = Flag.String("model").pipe(
  Flag.withAlias("m"),
  Flag.optional,
  Flag.withDescription("The model (STRATA_CHAT_MODEL, or us.amazon.nova-lite-v1:0)")
)

/** A flag for a number from 1. */
export const positive = (name: string) =>
  Flag.Int(name).pipe(Flag.filter((number) => number > 0, () => `--${name} must be a number from 1`))

const maxTokens = positive("max-tokens").pipe(
  Flag.withDefault(1024),
  Flag.withDescription("The most tokens of an answer (1024)")
)

const temperature = Flag.Finite("temperature").pipe(Flag.optional, Flag.withDescription("From 0 to 1"))

const limit = positive("limit").pipe(Flag.optional, Flag.withDescription("Only so many rows, to try it"))

/** The flags. */
export const request = { input, prompt, system, schema, as, model, maxTokens, temperature, limit }

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
