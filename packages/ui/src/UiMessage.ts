/**
 * The messages of a page, `UIMessage` of the AI SDK: read from a request, and turned into those of a chat.
 *
 * They come from a browser, so nothing in them is trusted: {@link read} checks their form, {@link toMessages} makes a history
 * that providers accept whatever state their tool calls are in. Approvals in them count only against what a server stored:
 * see `UiRuns`.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as History from "./internal/history.ts"
import * as MessageCheck from "./internal/messageCheck.ts"
import type * as UiChunk from "./UiChunk.ts"

/** A message as the page has it; `metadata` is that of `UiStream`. */
export interface UiMessage {
  readonly id: string
  readonly role: "system" | "user" | "assistant"
  readonly metadata?: unknown
  readonly parts: ReadonlyArray<UiPart>
}

/** A part of a message. Those that this version does not know are kept, and left out of the history. */
export type UiPart = ProsePart | FilePart | ToolPart | OtherPart

/** Text or reasoning; `state` is `streaming` while it is written. */
export interface ProsePart {
  readonly type: "text" | "reasoning"
  readonly text: string
  readonly state?: "streaming" | "done"
  readonly providerMetadata?: UiChunk.ProviderMetadata
}

/** A file: `url` is a data URL, or one that `Options.allowUrl` accepts. */
export interface FilePart {
  readonly type: "file"
  readonly mediaType: string
  readonly url: string
  readonly filename?: string
  readonly providerMetadata?: UiChunk.ProviderMetadata
}

/**
 * A tool call and what became of it. `state` is one of the seven of the AI SDK: `input-streaming`, `input-available`,
 * `approval-requested`, `approval-responded`, `output-available`, `output-error`, `output-denied`; or an unknown one.
 */
export interface ToolPart {
  readonly type: "dynamic-tool" | `tool-${string}`
  /** Of a `dynamic-tool`; the name of another one is in its type. */
  readonly toolName?: string
  readonly toolCallId: string
  readonly state: string
  readonly input?: unknown
  readonly rawInput?: unknown
  readonly output?: unknown
  readonly errorText?: string
  readonly preliminary?: boolean
  readonly providerExecuted?: boolean
  readonly approval?: { readonly id: string; readonly approved?: boolean; readonly reason?: string }
  readonly callProviderMetadata?: UiChunk.ProviderMetadata
  readonly resultProviderMetadata?: UiChunk.ProviderMetadata
}

/** Any other part: `step-start`, sources, `custom`, `data-…`, and those of later versions. */
export interface OtherPart {
  readonly type: OtherType
  readonly [key: string]: unknown
}

/** The types of {@link OtherPart}. */
export type OtherType = "step-start" | "source-url" | "source-document" | "custom" | `data-${string}`

/**
 * - `accept`: media types of files that the model takes, such as `image/png` or `image/*`. {@link acceptedFiles} when missing.
 * - `allowUrl`: whether a file may be sent by its URL, which the provider then reads. No URL when missing: a client could
 *   name any object in a bucket of yours. Data URLs are always read.
 * - `system`: `refuse` (when missing) or `keep` system messages, which a page should not send.
 */
export interface Options {
  readonly accept?: ReadonlyArray<string> | undefined
  readonly allowUrl?: ((url: string) => boolean) | undefined
  readonly system?: "refuse" | "keep" | undefined
}

/** The files that most models take: images, PDF, text and office documents. */
export const acceptedFiles: ReadonlyArray<string> = History.acceptedFiles

/**
 * Reads the `messages` of a request. The form of each message and part is checked, tool inputs and outputs are not: finished
 * calls stay readable whatever the tools are now.
 *
 * Fails with an `InvalidRequestError`, whose `field` is the path: `messages[2].parts[0].text`.
 */
export const read = (given: unknown): Effect.Effect<ReadonlyArray<UiMessage>, ProviderError.InvalidRequestError> =>
  Check.run(MessageCheck.messages, given, { provider: "strata", field: "messages" })

/** A message that {@link load} left out: its position, and why. */
export interface Unreadable {
  readonly index: number
  readonly field: string
  readonly problem: string
}

/** {@link read} for stored conversations: a message that cannot be read is left out and reported, the others stay. */
export const load = (
  given: unknown
): { readonly messages: ReadonlyArray<UiMessage>; readonly unreadable: ReadonlyArray<Unreadable> } => {
  const messages: Array<UiMessage> = []
  const unreadable: Array<Unreadable> = []
  for (const [index, item] of (Check.itemsOf(given) ?? []).entries()) {
    Result.match(Check.settle(MessageCheck.message, item, { field: `messages[${index}]` }), {
      onFailure: ({ field, problem }) => void unreadable.push({ index, field, problem }),
      onSuccess: (message) => void messages.push(message)
    })
  }
  return { messages, unreadable }
}

/**
 * The history of a conversation, for `ChatService` and `ToolLoop`: each call has exactly one result.
 *
 * - Signatures, citations and the data of providers come back from the metadata where `UiStream` put them.
 * - A call without a result gets one that says it was not run, whatever approval the page claims; a call that was not
 *   written to its end is left out, as are empty messages and parts that are for the page only.
 * - Ids of calls that are used twice are replaced.
 *
 * Fails with an `InvalidRequestError` for a system message, for a file that `options` do not accept or that cannot be read,
 * for a data URL of another type than the part declares, and for a last message without content.
 */
export const toMessages = (
  messages: ReadonlyArray<UiMessage>,
  options?: Options
): Effect.Effect<ReadonlyArray<Message.Message>, ProviderError.InvalidRequestError> =>
  Effect.flatMap(
    read(messages),
    (messages) => Check.run(History.check(History.settle(options)), messages, { provider: "strata", field: "messages" })
  )

/** Whether a part is a tool call. */
export const isToolPart = (part: UiPart): part is ToolPart =>
  isObject(part) && typeof part.type === "string" && (part.type === "dynamic-tool" || part.type.startsWith("tool-"))

/** The name of the tool of a part. */
export const toolName = (part: ToolPart): string =>
  part.type === "dynamic-tool" ? part.toolName ?? "" : part.type.slice("tool-".length)
