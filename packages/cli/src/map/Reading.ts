/** What is asked about which rows, by flags; all of it is looked at before the first call. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AnswerSchema from "../ask/AnswerSchema.ts"
import * as CommandError from "../process/CommandError.ts"
import type * as Confirmation from "../process/Confirmation.ts"
import * as Flags from "./Flags.ts"
import * as Input from "./Input.ts"
import type * as Mapping from "./Mapping.ts"

/** The values of the flags. */
export interface Given {
  readonly input: string
  readonly prompt: Option.Option<string>
  readonly system: Option.Option<string>
  readonly schema: Option.Option<string>
  readonly as: string
  readonly id: Option.Option<string>
  readonly maxTokens: number
  readonly temperature: Option.Option<number>
  readonly limit: Option.Option<number>
  readonly format: Option.Option<"jsonl" | "csv">
  readonly delimiter: Option.Option<string>
  readonly maxField: number
}

/** Rows that were looked at, and what is asked about them. */
export interface Read {
  readonly input: Input.Input
  readonly mapping: Mapping.Options
  readonly scan: Input.Scan
}

/** Reads all rows once. */
export const read = Effect.fnUntraced(function*(given: Given, provider: string) {
  const prompt = yield* Flags.promptOf(given.prompt)
  if (prompt === undefined && Option.isNone(given.schema)) {
    return yield* CommandError.usage("Say what to ask about each row: --prompt, --schema, or both")
  }
  const schema = Option.getOrUndefined(given.schema)
  const mapping: Mapping.Options = {
    provider,
    prompt,
    system: Option.getOrUndefined(given.system),
    schema: schema === undefined ? undefined : yield* AnswerSchema.read(schema),
    maxTokens: given.maxTokens,
    temperature: Option.getOrUndefined(given.temperature)
  }
  const input = yield* Input.open(given.input, {
    ...Input.optionsOf(given),
    as: given.as,
    id: Option.getOrUndefined(given.id),
    limit: Option.getOrUndefined(given.limit)
  })
  const scan = yield* Input.scan(input, mapping)
  return { input, mapping, scan } satisfies Read
})

/** The tokens that they will take. */
export const tokensOf = (
  { mapping, scan }: Read
): { readonly input: Confirmation.Range; readonly output: Confirmation.Range } => ({
  input: scan.tokens,
  output: { least: scan.rows, most: scan.rows * mapping.maxTokens }
})
