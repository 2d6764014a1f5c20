/**
 * Which answer of a script fits a call.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ScriptedAnswer from "./ScriptedAnswer.ts"

const optional = Schema.optionalKey

const isExpression = Schema.makeFilter<string>((source) =>
  Result.match(Result.try(() => new RegExp(source, "u")), {
    onSuccess: () => true,
    onFailure: (cause) => `Expected a regular expression: ${cause instanceof Error ? cause.message : source}`
  })
)

/**
 * Which calls a rule is for: those that fit all that is given.
 *
 * - `text`: the last message of the user, or the text to embed, contains it. `regex`: it fits this regular expression
 *   (with the flag `u`).
 * - `model`: its id, as the emulator's `answeringModel` tells it.
 * - `operation`: `generate` is a whole answer (Converse, InvokeModel), `stream` one in events, `embed` a vector.
 * - `tools`: whether the request has any. `tool`: it has one of this name.
 * - `call`: it is the n-th (from 1) that fits the rest.
 */
export type When = typeof When.Type
const When = Schema.Struct({
  text: optional(Schema.String),
  regex: optional(Schema.String.check(isExpression)),
  model: optional(Schema.String),
  operation: optional(Schema.Literals(["generate", "stream", "embed"])),
  tools: optional(Schema.Boolean),
  tool: optional(Schema.String),
  call: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)))
})

/** An answer, and the calls it is for; all of them without `when`. */
export type Rule = typeof Rule.Type
/** @see {@link Rule} */
export const Rule = Schema.Struct({ when: optional(When), answer: ScriptedAnswer.ScriptedAnswer })

/** What rules look at. */
export interface Call {
  readonly operation: NonNullable<When["operation"]>
  readonly text: string
  readonly model: string
  readonly tools: ReadonlyArray<string>
}

/** Finds the first rule that fits, and remembers how often each fitted. */
export const makeChooser = (rules: ReadonlyArray<Rule>) => {
  const choices = rules.map(({ answer, when = {} }) => ({ answer, when, fits: fitting(answer, when), fitted: 0 }))
  return (call: Call): ScriptedAnswer.ScriptedAnswer | undefined => {
    for (const choice of choices) {
      if (!choice.fits(call)) continue
      choice.fitted++
      if (choice.when.call === undefined || choice.when.call === choice.fitted) return choice.answer
    }
  }
}

const fitting = (answer: ScriptedAnswer.ScriptedAnswer, when: When) => {
  const expression = when.regex === undefined ? undefined : new RegExp(when.regex, "u")
  const embeds = typeof answer !== "string" && answer.vector !== undefined
  const embedsToo = embeds || when.operation === "embed"
  return (call: Call): boolean =>
    (call.operation === "embed" ? embedsToo : !embeds) &&
    (when.operation === undefined || when.operation === call.operation) &&
    (when.text === undefined || call.text.includes(when.text)) &&
    (expression === undefined || expression.test(call.text)) &&
    (when.model === undefined || when.model === call.model) &&
    (when.tools === undefined || when.tools === call.tools.length > 0) &&
    (when.tool === undefined || call.tools.includes(when.tool))
}
