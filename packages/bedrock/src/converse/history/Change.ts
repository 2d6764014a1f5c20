/**
 * A change made to a request before it was sent, as data: what, where and why.
 *
 * The messages are fixed and hold no content of the request, so a change can be logged and traced.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import { providerName } from "../../internal/provider.ts"

/** One change. `field` is its location in the original request: `messages[3].content[1]`. */
export interface Change {
  readonly type: Type
  readonly field: string
  readonly message: string
}

/** The kind of change. A new one is an entry of the table below. */
export type Type = keyof typeof kinds

/** Records a change. */
export type Report = (type: Type, field: string) => void

/** The reason for a change, the change, and how to avoid it; a kind without a remedy is lossless. */
interface Kind {
  readonly problem: string
  readonly repair: string
  readonly remedy?: string
}

const kinds = {
  "joined-message": {
    problem: "Bedrock requires user and assistant messages to alternate",
    repair: "It was joined to the message before"
  },
  "gathered-results": {
    problem: "Bedrock requires tool results in one message, directly after the calls and in their order",
    repair: "They were moved there"
  },
  "omitted-status": {
    problem: "the model does not support the status of a tool result",
    repair: "It was left out, and a failure is stated in the result"
  },
  "dropped-blank": {
    problem: "there is only blank text, which Bedrock refuses",
    repair: "It was left out",
    remedy: "Give it text, or leave it out"
  },
  "filled-message": {
    problem: "there is only blank text, which Bedrock refuses, but the message is needed for roles to alternate",
    repair: "It was replaced by \"…\"",
    remedy: "Give the message text or a part"
  },
  "filled-result": {
    problem: "the tool result is blank, which Bedrock refuses",
    repair: "It was replaced by \"(empty)\"",
    remedy: "Give the result text"
  },
  "filled-text": {
    problem: "there is only blank text in it, which models refuse",
    repair: "It was replaced by \"(empty)\"",
    remedy: "Give it text, or leave the part out"
  },
  "replaced-surrogates": {
    problem: "there is a lone surrogate in the text, which Bedrock refuses",
    repair: "It was replaced by U+FFFD",
    remedy: "Split text between characters, or use `toWellFormed()`"
  },
  "omitted-reasoning": {
    problem: "the model does not accept this reasoning: it accepts none, or only its own, with the signature",
    repair: "It was left out",
    remedy: "Leave it out, as `Message.withoutReasoning` does"
  },
  "omitted-signature": {
    problem: "the model accepts reasoning without a signature only",
    repair: "The signature was left out"
  },
  "trimmed-answer": {
    problem: "the last message is the assistant's and ends with white space, which models refuse",
    repair: "It was trimmed",
    remedy: "Trim the end of the text"
  },
  "inserted-user": {
    problem: "Bedrock requires a user message first",
    repair: "A user message \"…\" was added before",
    remedy: "Begin with a user message"
  },
  "added-user": {
    problem: "the model does not continue an assistant message",
    repair: "A user message \"Go on.\" was added after",
    remedy: "End with a user message"
  },
  "moved-instructions": {
    problem: "a system message is not allowed between messages of one role, or between tool calls and their results",
    repair: "It was moved after them",
    remedy: "Move the system message before or after these messages"
  },
  "hoisted-instructions": {
    problem: "the model does not support system messages within the conversation",
    repair: "It was added to the system prompt",
    remedy: "Move the system message to the beginning"
  },
  "folded-system": {
    problem: "the model does not support system prompts",
    repair: "It was moved to the beginning of the first user message",
    remedy: "Put the instructions into the first user message"
  },
  "told-tool-change": {
    problem: "a system prompt cannot add tools or take them away",
    repair: "The change was converted to text",
    remedy: "Leave it out, and offer only the tools that may be used"
  },
  "told-tool-use": {
    problem: "the model does not support tools",
    repair: "The call or the result was converted to text",
    remedy: "Leave it out, or use a model that can use tools"
  },
  "told-result": {
    problem: "the message before has no pending call for this result",
    repair: "The result was converted to text",
    remedy: "Put it right after its call, or leave it out"
  },
  "missing-result": {
    problem: "the call has no result in the next message",
    repair: "A failure result was added",
    remedy: "Add a result for the call, or leave the call out"
  },
  "moved-media": {
    problem: "the model does not support this in a tool result",
    repair: "It was moved after the results, and replaced by a line of text",
    remedy: "Put it into a user message"
  },
  "separated-results": {
    problem: "the model requires tool results in a separate message",
    repair: "An assistant message \"…\" was added between them and the rest",
    remedy: "Send the results alone, and the rest after the next answer"
  },
  "wrapped-params": {
    problem: "the arguments of a call must be a JSON object",
    repair: "They were wrapped in an object, as `value`",
    remedy: "Use an object"
  },
  "renamed-call": {
    problem: "the model does not accept this call id, or it was used before",
    repair: "The call and its result were given another id",
    remedy: "Use a unique id for each call, of 1 to 64 letters, digits, `_`, `.`, `:` and `-`, or as the model requires"
  },
  "renamed-tool": {
    problem: "this is not a tool name",
    repair: "The call was given another name",
    remedy: "Use 1 to 64 letters, digits, underscores and hyphens"
  },
  "declared-tools": {
    problem: "the conversation has tool calls, and Bedrock requires their tools to be declared",
    repair: "They were declared by name, as no longer available",
    remedy: "Offer the tools of the conversation, with the tool choice `none` if they may not be called"
  },
  "told-schema": {
    problem: "the model does not support all keywords of this JSON schema",
    repair: "Unsupported keywords were moved to the description"
  },
  "omitted-strict": {
    problem: "strict mode does not support this schema, or its limits are reached",
    repair: "`strict` was left out",
    remedy: "Leave `strict` out, or use a schema of objects that name all their properties, few of them optional"
  },
  "renamed-document": {
    problem: "Bedrock does not accept this document name, or another document has it",
    repair: "The document was given another name",
    remedy:
      "Use a unique name of 1 to 200 letters, digits, underscores, single spaces, hyphens, parentheses and brackets"
  },
  "added-document-text": {
    problem: "Bedrock requires text beside a document",
    repair: "\"See the document.\" was added",
    remedy: "Add text to the message"
  },
  "omitted-cache-point": {
    problem: "the model is not known to support a cache point here, or its maximum is reached",
    repair: "It was left out"
  },
  "moved-cache-point": {
    problem: "a cache point is not allowed here",
    repair: "It was moved to the nearest allowed place"
  },
  "changed-cache-ttl": {
    problem: "the model does not support this time to live, or not after a shorter one",
    repair: "The cache point was sent without it"
  },
  "omitted-stop-sequence": {
    problem: "the model does not support a blank stop sequence",
    repair: "It was left out",
    remedy: "Leave it out, and truncate the answer yourself"
  },
  "omitted-option": {
    problem: "the model does not support this option",
    repair: "It was left out",
    remedy: "Leave it out, or use a model that supports it, such as Claude 4.5"
  },
  "omitted-thinking": {
    problem: "the tool calls answered here have no reasoning before them, so the model cannot reason in this turn",
    repair: "Reasoning was not requested",
    remedy: "Leave `reasoning` out until the next user message"
  }
} as const satisfies Record<string, Kind>

/** A change at a field of the request. */
export const make = (type: Type, field: string): Change => {
  const { problem, repair } = kinds[type]
  return { type, field, message: `${problem}. ${repair}.` }
}

/** Whether the model gets the same content in the same order of turns. */
const isLossless = ({ type }: Change): boolean => remedyOf(type) === undefined

/** A recorder of changes. */
export const collect = (): { readonly changes: ReadonlyArray<Change>; readonly report: Report } => {
  const changes: Array<Change> = []
  return { changes, report: (type, field) => void changes.push(make(type, field)) }
}

/** Fails in strict mode with the first change that is not lossless. */
export const settle = (
  changes: ReadonlyArray<Change>,
  mode: "repair" | "strict",
  model: string
): Result.Result<void, ProviderError.InvalidRequestError> => {
  const refused = mode === "strict" ? changes.find((change) => !isLossless(change)) : undefined
  return refused === undefined ? Result.void : Result.fail(refuse(refused, model))
}

const refuse = ({ field, type }: Change, model: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider: providerName,
    model,
    field,
    problem: kinds[type].problem,
    remedy: remedyOf(type) ?? kinds[type].repair
  })

const remedyOf = (type: Type): string | undefined => {
  const kind: Kind = kinds[type]
  return kind.remedy
}
