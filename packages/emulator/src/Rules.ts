/**
 * What the emulator refuses, rule by rule, and where each is known from: so that a test that fails here can tell what the service
 * was seen to refuse from what users say of it.
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

/** All of them, in the order a request meets them. */
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
