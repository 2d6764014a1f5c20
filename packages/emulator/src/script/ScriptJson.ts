/**
 * A script as JSON, and one that can be replaced while it answers.
 */
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JsonFile from "../JsonFile.ts"
import * as Rule from "./Rule.ts"
import * as ScriptedAnswer from "./ScriptedAnswer.ts"

const optional = Schema.optionalKey

/** See `Script.Script`. */
export type Script = typeof Script.Type
/** @see {@link Script} */
export const Script = Schema.Union([
  Schema.Array(ScriptedAnswer.ScriptedAnswer),
  Schema.Struct({
    $schema: optional(Schema.String),
    answers: Schema.Array(ScriptedAnswer.ScriptedAnswer),
    atEnd: optional(Schema.Literals(["fail", "repeat"]))
  }),
  Schema.Struct({
    $schema: optional(Schema.String),
    rules: Schema.Array(Rule.Rule),
    default: optional(ScriptedAnswer.ScriptedAnswer)
  })
])

/** JSON as a script; `file` names it in errors. */
export const fromJson: (json: unknown, file: string) => Result.Result<Script, JsonFile.JsonFileError> = JsonFile
  .fromJson(Script)

/** A script that can be replaced while it answers. `set`: from the next call on; calls are counted from 1 again. */
export interface Control {
  readonly script: () => Script
  readonly set: (script: Script) => void
}
