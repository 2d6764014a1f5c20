/**
 * What Bedrock checks of a request after its shape: rule after rule, in the order the service finds things.
 */
import type * as AwsError from "../AwsError.ts"
import type * as Model from "../Model.ts"
import * as Attachments from "./rule/Attachments.ts"
import * as Blocks from "./rule/Blocks.ts"
import * as Conversation from "./rule/Conversation.ts"
import * as Features from "./rule/Features.ts"
import type { Findings } from "./rule/Finding.ts"
import * as Output from "./rule/Output.ts"
import * as Thinking from "./rule/Thinking.ts"
import type * as Wire from "./Wire.ts"

/** The first thing wrong with a prompt; `undefined` when nothing is. */
export const validatePrompt = (prompt: Wire.Prompt, model: Model.ChatModel): AwsError.AwsError | undefined =>
  inPrompt(prompt, model, false).next().value

/** The first thing wrong with a request; `undefined` when nothing is. */
export const validate = (
  request: Wire.Request,
  model: Model.ChatModel,
  streaming: boolean
): AwsError.AwsError | undefined => inRequest(request, model, streaming).next().value

function* inPrompt(prompt: Wire.Prompt, model: Model.ChatModel, streaming: boolean): Findings {
  yield* Blocks.check(prompt)
  yield* Attachments.check(prompt)
  yield* Conversation.checkRoles(prompt)
  yield* Conversation.checkTools(prompt)
  yield* Features.check(prompt, model, streaming)
  return undefined
}

function* inRequest(request: Wire.Request, model: Model.ChatModel, streaming: boolean): Findings {
  yield* inPrompt(request, model, streaming)
  yield* Output.check(request, model)
  yield* Features.checkOutput(request, model)
  yield* Thinking.check(request, model)
  return undefined
}
