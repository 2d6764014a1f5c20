/**
 * Options of OpenAI's dialect, as data: the models by OpenAI's names, and the quirks of another server.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JsonFile from "../JsonFile.ts"
import * as Quirks from "./Quirks.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const Id = Schema.String.check(Schema.isMinLength(1))

/**
 * A model under a name of OpenAI's, or of a local server's.
 *
 * - `reasons` (false): it reasons before it answers, and takes no `temperature`, `top_p`, `stop` or `max_tokens`.
 * - `contextTokens`, `maxOutputTokens` (no limit): of its prompt, and of its answer.
 * - `dimensions`: of its vectors; `shortens` (true): whether a request may ask for fewer.
 */
export type OpenAiModel = typeof OpenAiModel.Type
const OpenAiModel = Schema.Union([
  Schema.Struct({
    kind: Schema.tag("chat"),
    id: Id,
    reasons: Schema.optional(Schema.Boolean),
    contextTokens: Schema.optional(Count),
    maxOutputTokens: Schema.optional(Count)
  }),
  Schema.Struct({
    kind: Schema.tag("embedding"),
    id: Id,
    dimensions: Count,
    shortens: Schema.optional(Schema.Boolean)
  })
])

/**
 * - `models` (none): added to {@link Models.defaults}; with `any` every other name is a model too, and unknown members of
 *   a request are ignored, as on a local server.
 * - `quirks` (none): what a compatible server does otherwise, such as {@link Quirks.ollama}.
 */
export type Options = typeof Options.Type
/** @see {@link Options} */
export const Options = Schema.Struct({
  models: Schema.optional(Schema.Union([Schema.Literal("any"), Schema.Array(OpenAiModel)])),
  quirks: Schema.optional(Schema.Array(Schema.Literals(Quirks.names)))
})

/** Checks the options of a program; the error names the path. */
export const check = (options: unknown): Result.Result<Options, JsonFile.JsonFileError> =>
  checkFields(options, "openai")

const checkFields = JsonFile.fromValue(Options)

/** The options of a server by its name: `ollama`, `vllm`, `lm-studio` or `azure`; or as JSON. `file` names it in errors. */
export const fromText = (text: string, file: string): Result.Result<Options, JsonFile.JsonFileError> => {
  const named = servers.get(text.trim())
  if (named !== undefined) return Result.succeed(named)
  return /^\s*\{/.test(text) ? read(text, file) : Result.fail(
    new JsonFile.JsonFileError({
      file,
      message: `${file}: Expected ${[...servers.keys()].join(", ")}, or JSON such as {"models": "any"}, got ${
        JSON.stringify(text)
      }`
    })
  )
}

const read = JsonFile.fromText(Options)

const servers: ReadonlyMap<string, Options> = new Map<string, Options>([
  ["ollama", { models: "any", quirks: Quirks.ollama }],
  ["vllm", { models: "any", quirks: Quirks.vllm }],
  ["lm-studio", { models: "any", quirks: Quirks.lmStudio }],
  ["azure", { quirks: Quirks.azure }]
])
