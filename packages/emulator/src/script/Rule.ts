/**
 * Matches calls to the answers of a script.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Expressions from "./Expressions.ts"
import * as ScriptedAnswer from "./ScriptedAnswer.ts"

const optional = Schema.optionalKey

const isExpression = Schema.makeFilter<string>((source) =>
  Result.match(Result.try(() => new RegExp(source, "u")), {
    onSuccess: () => true,
    onFailure: (cause) => `Expected a regular expression: ${cause instanceof Error ? cause.message : source}`
  })
)

/**
 * Which calls a rule matches: those that meet all given conditions.
 *
 * - `text`: the last user message, or the text to embed, contains it. `regex`: this regular expression (with the flag
 *   `u`) matches it. An expression that takes more than a second for a text fails the call.
 * - `model`: its id, as passed by the emulator's `answeringModel`.
 * - `operation`: `generate` is a whole answer (Converse, InvokeModel), `stream` a streamed one, `embed` a vector.
 * - `tools`: whether the request has any. `tool`: it has one of this name.
 * - `call`: it is the n-th (from 1) that meets the other conditions, whichever rule answered the earlier ones. Each
 *   input of an embedding is a call.
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

/** An answer, and the calls it matches; all of them without `when`. */
export type Rule = typeof Rule.Type
/** @see {@link Rule} */
export const Rule = Schema.Struct({ when: optional(When), answer: ScriptedAnswer.ScriptedAnswer })

/** The data matched by rules. */
export interface Call {
  readonly operation: NonNullable<When["operation"]>
  readonly text: string
  readonly model: string
  readonly tools: ReadonlyArray<string>
}

/**
 * Chooses the answer of the first matching rule. Every rule counts every call it matches, even when an earlier rule
 * answers. Fails with the path of an expression that times out, see {@link Expressions.matching}.
 */
export const makeChooser = (rules: ReadonlyArray<Rule>) => {
  const choices = rules.map(({ answer, when = {} }, index) => ({
    answer,
    call: when.call,
    at: `rules[${index}].when.regex`,
    expression: when.regex === undefined ? undefined : new RegExp(when.regex, "u"),
    fits: fitting(answer, when),
    counted: 0
  }))
  return (call: Call): Result.Result<ScriptedAnswer.ScriptedAnswer | undefined, string> => {
    const candidates = choices.filter(({ fits }) => fits(call))
    return Result.map(Expressions.matching(candidates, call.text), (fitting) => {
      for (const choice of fitting) choice.counted++
      return fitting.find(({ call, counted }) => call === undefined || call === counted)?.answer
    })
  }
}

const fitting = (answer: ScriptedAnswer.ScriptedAnswer, when: When) => {
  const embeds = typeof answer !== "string" && answer.vector !== undefined
  const embedsToo = embeds || when.operation === "embed"
  return (call: Call): boolean =>
    (call.operation === "embed" ? embedsToo : !embeds) &&
    (when.operation === undefined || when.operation === call.operation) &&
    (when.text === undefined || call.text.includes(when.text)) &&
    (when.model === undefined || when.model === call.model) &&
    (when.tools === undefined || when.tools === call.tools.length > 0) &&
    (when.tool === undefined || call.tools.includes(when.tool))
}
