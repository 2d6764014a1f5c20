/**
 * What the emulator refuses, rule by rule, with its source: so that a failing test can tell a recorded refusal of the
 * service from one that users report.
 */
import type { Source } from "../converse/rule/Rule.ts"
import * as Validation from "../converse/Validation.ts"
import * as ClaudeRule from "../invoke/chat/claude/ClaudeRule.ts"
import * as Refusals from "../openai/Refusals.ts"

export type { Source } from "../converse/rule/Rule.ts"

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
      { refuses: "a body that is not JSON in UTF-8", source: "documented" },
      {
        refuses: "nesting deeper than 1,000 levels; the exact limit of the service is unknown",
        source: "reported"
      },
      { refuses: "a lone surrogate in a text", source: "reported" }
    ]
  },
  {
    of: "The model",
    rules: [
      { refuses: "an unknown id", source: "recorded" },
      { refuses: "an inference profile of another geography than the region's", source: "documented" },
      { refuses: "an ARN of another region", source: "documented" },
      { refuses: "the id of a model that requires an inference profile", source: "recorded" },
      { refuses: "a model that has reached the end of its life", source: "recorded" },
      { refuses: "a model without access for the account", source: "recorded" }
    ]
  },
  {
    of: "The shapes of Converse, CountTokens and ApplyGuardrail",
    rules: [
      {
        refuses: "missing members, wrong types, lengths, ranges, patterns, enumerations",
        source: "model"
      }
    ]
  },
  { of: "Prompts", rules: listed(Validation.forPrompt) },
  { of: "Inference options", rules: listed(Validation.forAnswer) },
  {
    of: "Reasoning sent back to Claude",
    rules: [{
      refuses: "reasoning without its signature, with a different one, or with changed text",
      source: "reported"
    }]
  },
  { of: "InvokeModel with the bodies of Claude, in addition", rules: listed(ClaudeRule.rules) },
  { of: "OpenAI's dialect", rules: Refusals.ofAll },
  { of: "Chat Completions, in addition", rules: Refusals.ofChat },
  { of: "Responses, in addition", rules: Refusals.ofResponses },
  { of: "Embeddings of OpenAI's dialect, in addition", rules: Refusals.ofEmbeddings }
]
