/**
 * What the emulator refuses, rule by rule, with its source: so that a failing test can tell a recorded refusal of the
 * service from one that users report.
 */
import type { Source } from "./converse/rule/Rule.ts"
import * as Validation from "./converse/Validation.ts"
import * as ClaudeRule from "./invoke/chat/claude/ClaudeRule.ts"

export type { Source } from "./converse/rule/Rule.ts"

/** `refuses`: what a rule refuses, as the object of that verb. */
export interface Rule {
  readonly refuses: string
  readonly source: Source
}

/** The rules for one kind of request. */
export interface Group {
  readonly of: string
  readonly rules: ReadonlyArray<Rule>
}

const listed = (rules: ReadonlyArray<Rule>): ReadonlyArray<Rule> =>
  rules.map(({ refuses, source }) => ({ refuses, source }))

/** All rules, in the order they are checked. */
export const all: ReadonlyArray<Group> = [
  {
    of: "Every body",
    rules: [
      { refuses: "what is no JSON in UTF-8", source: "documented" },
      {
        refuses: "objects and lists more than 1,000 deep; where exactly the service ends is not known",
        source: "reported"
      },
      { refuses: "half a surrogate pair in a text", source: "reported" }
    ]
  },
  {
    of: "The model that is asked",
    rules: [
      { refuses: "an id that there is not", source: "recorded" },
      { refuses: "the plain id of a model that only profiles reach", source: "recorded" },
      { refuses: "a model that has reached the end of its life", source: "recorded" },
      { refuses: "a model the account has no access to", source: "recorded" }
    ]
  },
  {
    of: "The shapes of Converse, CountTokens and ApplyGuardrail",
    rules: [
      {
        refuses: "members that are missing or of another type, lengths, ranges, patterns, enumerations",
        source: "model"
      }
    ]
  },
  { of: "What the model reads", rules: listed(Validation.forPrompt) },
  { of: "How it should answer", rules: listed(Validation.forAnswer) },
  {
    of: "Thoughts that Claude gets back",
    rules: [{ refuses: "a thought without its signature, with another, or with another text", source: "reported" }]
  },
  { of: "InvokeModel with the bodies of Claude, besides", rules: listed(ClaudeRule.rules) }
]
