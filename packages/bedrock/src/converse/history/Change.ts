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
    problem: "Bedrock wants user and assistant to take turns",
    repair: "It was joined to the message before"
  },
  "gathered-results": {
    problem: "Bedrock wants the results of tools in one message, right after the calls and in their order",
    repair: "They were put there"
  },
  "omitted-status": {
    problem: "the model takes no status of a tool result",
    repair: "It was left out, and the result itself says when the tool failed"
  },
  "dropped-blank": {
    problem: "there is nothing but blank text, which Bedrock refuses",
    repair: "It was left out",
    remedy: "Give it text, or leave it out"
  },
  "filled-message": {
    problem: "there is nothing but blank text, which Bedrock refuses, and without the message a turn would be missing",
    repair: "\"…\" was put in its place",
    remedy: "Give the message text or a part"
  },
  "filled-result": {
    problem: "the result of a tool is blank, which Bedrock refuses",
    repair: "\"(empty)\" was put in its place",
    remedy: "Give the result text"
  },
  "filled-text": {
    problem: "there is nothing but blank text in it, which models refuse",
    repair: "\"(empty)\" was put there",
    remedy: "Give it text, or leave the part out"
  },
  "replaced-surrogates": {
    problem: "there is half of a surrogate pair in the text, which Bedrock refuses",
    repair: "U+FFFD was put in its place",
    remedy: "Cut text between characters, or give it through `toWellFormed()`"
  },
  "omitted-reasoning": {
    problem: "the model does not take this reasoning back: none at all, or only its own, with its signature",
    repair: "It was left out",
    remedy: "Leave it out, as `Message.withoutReasoning` does"
  },
  "omitted-signature": {
    problem: "the model takes reasoning back without a signature only",
    repair: "The signature was left out"
  },
  "trimmed-answer": {
    problem: "the last message is the assistant's and ends in blanks, which models refuse",
    repair: "They were cut off",
    remedy: "Trim the end of the text"
  },
  "inserted-user": {
    problem: "Bedrock wants the user to begin",
    repair: "A message \"…\" of the user was put before",
    remedy: "Begin with a message of the user"
  },
  "added-user": {
    problem: "the model does not go on from a message of the assistant",
    repair: "A message \"Go on.\" of the user was put behind",
    remedy: "End with a message of the user"
  },
  "moved-instructions": {
    problem: "instructions may not stand between messages of one role, nor between calls and their results",
    repair: "They were put behind",
    remedy: "Move the system message before or behind these messages"
  },
  "hoisted-instructions": {
    problem: "the model takes no instructions within the conversation",
    repair: "They were added to the system prompt",
    remedy: "Move the system message to the beginning"
  },
  "folded-system": {
    problem: "the model has no system prompt",
    repair: "The instructions were put at the beginning of the first message of the user",
    remedy: "Put the instructions into the first message of the user"
  },
  "told-tool-change": {
    problem: "a system prompt cannot add tools or take them away",
    repair: "The change was put into words",
    remedy: "Leave it out, and offer only the tools that may be used"
  },
  "told-tool-use": {
    problem: "the model cannot use tools",
    repair: "The call or the result was put into words",
    remedy: "Leave it out, or use a model that can use tools"
  },
  "told-result": {
    problem: "no call of the message before waits for this result",
    repair: "The result was put into words",
    remedy: "Put it right after its call, or leave it out"
  },
  "missing-result": {
    problem: "the call has no result in the next message",
    repair: "A failure was put there, saying that no result was given",
    remedy: "Add a result for the call, or leave the call out"
  },
  "moved-media": {
    problem: "the model does not take this in the result of a tool",
    repair: "It was put behind the results, and a line of text in its place",
    remedy: "Put it into a message of the user"
  },
  "separated-results": {
    problem: "the model wants the results of tools in a message of their own",
    repair: "A message \"…\" of the assistant was put between them and the rest",
    remedy: "Send the results alone, and the rest after the next answer"
  },
  "wrapped-params": {
    problem: "the arguments of a call have to be a JSON object",
    repair: "They were put into one, as `value`",
    remedy: "Give the call an object"
  },
  "renamed-call": {
    problem: "the model does not take this id of a call, or it has been used before",
    repair: "The call and its result were given another",
    remedy:
      "Use an id of its own for each call, of 1 to 64 letters, digits, `_`, `.`, `:` and `-`, or as the model wants it"
  },
  "renamed-tool": {
    problem: "this is no name of a tool",
    repair: "The call was given another",
    remedy: "Use 1 to 64 letters, digits, underscores and hyphens"
  },
  "declared-tools": {
    problem: "the conversation has tool calls, and Bedrock wants their tools declared",
    repair: "They were, by name alone and as no longer available",
    remedy: "Offer the tools of the conversation, with the tool choice `none` if they may not be called"
  },
  "told-schema": {
    problem: "the model does not take all that this JSON schema demands",
    repair: "What it does not take was put into the description"
  },
  "omitted-strict": {
    problem: "the model cannot be held to this schema, or to no more of them",
    repair: "`strict` was left out",
    remedy: "Leave `strict` out, or use a schema of objects that name all their properties, few of them optional"
  },
  "renamed-document": {
    problem: "Bedrock does not take this name of a document, or another document has it",
    repair: "The document was given another",
    remedy:
      "Use a name of its own, of 1 to 200 letters, digits, underscores, single spaces, hyphens, parentheses and brackets"
  },
  "added-document-text": {
    problem: "Bedrock wants text beside a document",
    repair: "\"See the document.\" was added",
    remedy: "Add a text to the message"
  },
  "omitted-cache-point": {
    problem: "the model is not known to take a cache point here, or takes no more of them",
    repair: "It was left out"
  },
  "moved-cache-point": {
    problem: "a cache point cannot stand here",
    repair: "It was put at the nearest place where it can"
  },
  "changed-cache-ttl": {
    problem: "the model does not take this time to live, or not behind a shorter one",
    repair: "The cache point was sent without it"
  },
  "omitted-stop-sequence": {
    problem: "the model does not take a stop sequence of nothing but white space",
    repair: "It was left out",
    remedy: "Leave it out, and cut the answer there"
  },
  "omitted-option": {
    problem: "the model has no such option",
    repair: "It was left out",
    remedy: "Leave it out, or use a model that has it, such as Claude 4.5"
  },
  "omitted-thinking": {
    problem:
      "the calls that are answered here came without thoughts, and the model goes on from there without thinking only",
    repair: "It was not asked to think",
    remedy: "Leave `reasoning` out until the next message of the user"
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
