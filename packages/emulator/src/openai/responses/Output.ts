/**
 * The items of an answer: reasoning, messages and calls, each in the two forms of {@link Envelope}.
 */
import type * as Message from "@strata/core/chat/Message"
import { argumentsOf } from "../chat/Completion.ts"
import * as ChatConversation from "../chat/Conversation.ts"
import * as Envelope from "./Envelope.ts"
import * as Seal from "./Seal.ts"

/**
 * An item so far.
 *
 * - `place`: its index in the output. `text`: of the message or thought, or the arguments of the call.
 * - `seal`: what must come back of a thought.
 */
export interface Item {
  readonly kind: "message" | "reasoning" | "call"
  readonly id: string
  readonly place: number
  readonly call: { readonly id: string; readonly name: string }
  text: string
  annotations: Array<unknown>
  seal: Pick<Message.ReasoningPart, "signature" | "redacted">
}

/** The content of a message. */
export const contentOf = ({ annotations, text }: Item, { hosted, refused }: Envelope.Envelope): object =>
  refused
    ? { type: "refusal", refusal: text }
    : hosted
    ? { type: "output_text", annotations, logprobs: [], text }
    : { annotations, text, type: "output_text" }

/** An item as JSON, with a status. */
export const toJson = (item: Item, status: "in_progress" | "completed" | "incomplete", envelope: Envelope.Envelope) => {
  const { call, id, kind, place, text } = item
  const isOpen = status === "in_progress"
  switch (kind) {
    case "message":
      return { id, type: "message", status, content: isOpen ? [] : [contentOf(item, envelope)], role: "assistant" }
    case "call":
      return envelope.hosted
        ? { id, type: "function_call", status, arguments: text, call_id: call.id, name: call.name }
        : {
          arguments: text,
          call_id: call.id,
          item_id: id,
          name: call.name,
          output_index: place,
          status,
          type: "function_call"
        }
    case "reasoning":
      return envelope.hosted
        ? { id, type: "reasoning", summary: isOpen ? [] : summaryOf(item, envelope), ...encrypted(item, envelope) }
        : {
          ...(isOpen ? undefined : { content: [{ text, type: "reasoning_text" }] }),
          id,
          status,
          summary: [],
          type: "reasoning"
        }
  }
}

/** The summary of a thought is all of it, where one was asked for. */
export const summaryOf = ({ text }: Item, { body }: Envelope.Envelope): ReadonlyArray<object> =>
  Envelope.summaryOf(body) === undefined || text === "" ? [] : [{ type: "summary_text", text }]

const encrypted = ({ seal, text }: Item, { body }: Envelope.Envelope) =>
  body.include?.includes("reasoning.encrypted_content") === true
    ? { encrypted_content: Seal.seal({ text, ...seal }) }
    : undefined

/** An item as a part of the assistant's message. */
export const toPart = ({ call, kind, seal, text }: Item): Message.AssistantPart => {
  switch (kind) {
    case "message":
      return { type: "text", text }
    case "reasoning":
      return { type: "reasoning", text, ...seal }
    case "call":
      return { type: "tool-call", ...call, params: ChatConversation.paramsOf(text) }
  }
}

/** A citation of a page, as OpenAI marks it; others have no form there. */
export const annotationOf = (citation: Message.Citation, end: number): ReadonlyArray<object> =>
  citation.location?.type === "web"
    ? [{
      type: "url_citation",
      start_index: 0,
      end_index: end,
      title: citation.title ?? "",
      url: citation.location.url ?? citation.source ?? ""
    }]
    : []

/** The arguments of a whole call. */
export { argumentsOf }
