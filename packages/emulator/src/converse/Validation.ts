/**
 * Bedrock's checks of a request after its shape: rule by rule, in the service's order.
 */
import * as AwsError from "../AwsError.ts"
import type * as Model from "../model/Model.ts"
import * as Attachments from "./rule/Attachments.ts"
import * as Blocks from "./rule/Blocks.ts"
import * as CachePoints from "./rule/CachePoints.ts"
import * as Conversation from "./rule/Conversation.ts"
import * as Features from "./rule/Features.ts"
import * as Output from "./rule/Output.ts"
import type { Rule, Subject } from "./rule/Rule.ts"
import * as Thinking from "./rule/Thinking.ts"
import * as Tools from "./rule/Tools.ts"
import type * as Wire from "./Wire.ts"

/** The rules for prompts, in any operation. */
export const forPrompt: ReadonlyArray<Rule> = [
  ...Blocks.rules,
  ...Attachments.rules,
  ...Conversation.turns,
  ...Conversation.calls,
  ...Tools.rules,
  ...Tools.ofModel,
  ...Features.rules,
  ...Conversation.endings,
  ...CachePoints.rules
]

/** The rules for inference options. */
export const forAnswer: ReadonlyArray<Rule> = [...Output.rules, ...Thinking.rules]

/**
 * The rules an InvokeModel body shares with Converse, after its family has decoded it: without the API's own checks of
 * conversations.
 */
export const forModel: ReadonlyArray<Rule> = [
  ...Tools.ofModel,
  ...Features.rules,
  ...Conversation.endings,
  ...CachePoints.rules,
  ...forAnswer
]

const forRequest: ReadonlyArray<Rule> = [...forPrompt, ...forAnswer]

/** The first error of a prompt; `undefined` when it is valid. */
export const validatePrompt = (prompt: Wire.Prompt, model: Model.ChatModel): AwsError.AwsError | undefined =>
  first(forPrompt, { request: prompt, model, streaming: false })

/** The first error of a request; `undefined` when it is valid. */
export const validate = (
  request: Wire.Request,
  model: Model.ChatModel,
  streaming: boolean
): AwsError.AwsError | undefined => first(forRequest, { request, model, streaming })

/** The first error of these rules; `undefined` when there is none. */
export const first = (rules: ReadonlyArray<Rule>, subject: Subject): AwsError.AwsError | undefined => {
  for (const rule of rules) {
    const found = rule.find(subject).next().value
    if (found !== undefined) return AwsError.ofRule(found, rule)
  }
  return undefined
}
