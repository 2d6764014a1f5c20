/**
 * What Bedrock checks of a request after its shape: rule after rule, in the order the service finds things.
 */
import type * as AwsError from "../AwsError.ts"
import type * as Model from "../Model.ts"
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

/** The rules for what a model reads, however it is asked. */
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

/** The rules for how it should answer. */
export const forAnswer: ReadonlyArray<Rule> = [...Output.rules, ...Thinking.rules]

/**
 * What the body of an InvokeModel has in common with Converse, once its family has read it: what the API itself checks of a
 * conversation is not among it.
 */
export const forModel: ReadonlyArray<Rule> = [
  ...Tools.ofModel,
  ...Features.rules,
  ...Conversation.endings,
  ...CachePoints.rules,
  ...forAnswer
]

const forRequest: ReadonlyArray<Rule> = [...forPrompt, ...forAnswer]

/** The first thing wrong with a prompt; `undefined` when nothing is. */
export const validatePrompt = (prompt: Wire.Prompt, model: Model.ChatModel): AwsError.AwsError | undefined =>
  first(forPrompt, { request: prompt, model, streaming: false })

/** The first thing wrong with a request; `undefined` when nothing is. */
export const validate = (
  request: Wire.Request,
  model: Model.ChatModel,
  streaming: boolean
): AwsError.AwsError | undefined => first(forRequest, { request, model, streaming })

/** The first thing one of these rules finds; `undefined` when none finds any. */
export const first = (rules: ReadonlyArray<Rule>, subject: Subject): AwsError.AwsError | undefined => {
  for (const rule of rules) {
    const found = rule.find(subject).next().value
    if (found !== undefined) return found
  }
  return undefined
}
