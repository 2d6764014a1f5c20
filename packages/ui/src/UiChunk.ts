/**
 * The chunks of a UI message stream: protocol v1 of the AI SDK, as `ai` 7 reads it.
 *
 * {@link UiStream} writes chunks, {@link UiReader} rebuilds the message that the page shows from them. Chunks are plain JSON.
 */
import * as Check from "@strata/core/Check"
import * as Result from "effect/Result"

/** JSON of providers about a part, by provider. The entry `strata` holds what a part of the page has no field for. */
export type ProviderMetadata = { readonly [provider: string]: { readonly [key: string]: unknown } }

interface OfProvider {
  readonly providerMetadata?: ProviderMetadata
}

interface OfCall {
  readonly toolCallId: string
}

/** Begins the message; every stream has one, first. */
export interface Start {
  readonly type: "start"
  readonly messageId: string
  readonly messageMetadata?: unknown
}

/** Begins a step: one answer of the model with the results of its calls. */
export interface StartStep {
  readonly type: "start-step"
}

/** Ends a step. */
export interface FinishStep {
  readonly type: "finish-step"
}

/** Begins a part of text or reasoning; `id` is unique in the message. */
export interface PartStart extends OfProvider {
  readonly type: "text-start" | "reasoning-start"
  readonly id: string
}

/** More text of the part `id`. */
export interface PartDelta extends OfProvider {
  readonly type: "text-delta" | "reasoning-delta"
  readonly id: string
  readonly delta: string
}

/** Ends the part `id`; metadata replaces what the part had. */
export interface PartEnd extends OfProvider {
  readonly type: "text-end" | "reasoning-end"
  readonly id: string
}

/** Begins a call; its arguments follow as text. */
export interface ToolInputStart extends OfCall, OfProvider {
  readonly type: "tool-input-start"
  readonly toolName: string
  readonly dynamic: boolean
  readonly providerExecuted?: boolean
}

/** More JSON text of the arguments. */
export interface ToolInputDelta extends OfCall {
  readonly type: "tool-input-delta"
  readonly inputTextDelta: string
}

/** A complete call, or one that was cut or is invalid, which has failed. */
export interface ToolInput extends OfCall, OfProvider {
  readonly type: "tool-input-available"
  readonly toolName: string
  readonly input: unknown
  readonly dynamic: boolean
  readonly providerExecuted?: boolean
}

/** A call that was cut off; the part fails. */
export interface ToolInputError extends OfCall {
  readonly type: "tool-input-error"
  readonly toolName: string
  readonly input: unknown
  readonly dynamic: boolean
  readonly errorText: string
}

/** The call waits for a person; the answer names `approvalId`. */
export interface ToolApprovalRequest extends OfCall {
  readonly type: "tool-approval-request"
  readonly approvalId: string
}

/** The answer of a person. Sent in replays: the page that was asked knows it already. */
export interface ToolApprovalResponse {
  readonly type: "tool-approval-response"
  readonly approvalId: string
  readonly approved: boolean
  readonly reason?: string
}

/** The result of a call. */
export interface ToolOutput extends OfCall, OfProvider {
  readonly type: "tool-output-available"
  readonly output: unknown
  readonly dynamic: boolean
  readonly providerExecuted?: boolean
}

/** A call that failed or was not run. */
export interface ToolOutputError extends OfCall, OfProvider {
  readonly type: "tool-output-error"
  readonly errorText: string
  readonly dynamic: boolean
  readonly providerExecuted?: boolean
}

/** A call that a person denied. */
export interface ToolOutputDenied extends OfCall {
  readonly type: "tool-output-denied"
}

/** A page that the answer cites; `url` is http or https. */
export interface SourceUrl extends OfProvider {
  readonly type: "source-url"
  readonly sourceId: string
  readonly url: string
  readonly title?: string
}

/** A document that the answer cites. */
export interface SourceDocument extends OfProvider {
  readonly type: "source-document"
  readonly sourceId: string
  readonly mediaType: string
  readonly title: string
}

/** A file of the model, as a data URL. */
export interface File extends OfProvider {
  readonly type: "file"
  readonly url: string
  readonly mediaType: string
}

/** A block of a provider that only the provider understands. */
export interface Custom extends OfProvider {
  readonly type: "custom"
  readonly kind: `${string}.${string}`
}

/** Data of the program, which the page shows as it likes. A later chunk with the same `id` replaces it. */
export interface Data {
  readonly type: `data-${string}`
  readonly id?: string
  readonly data: unknown
  readonly transient?: boolean
}

/** More metadata of the message. */
export interface MessageMetadata {
  readonly type: "message-metadata"
  readonly messageMetadata: unknown
}

/** The turn failed; the text is for the user. */
export interface ErrorChunk {
  readonly type: "error"
  readonly errorText: string
}

/** The turn was stopped. */
export interface Abort {
  readonly type: "abort"
  readonly reason?: string
}

/** The end of a message that did not fail. */
export interface Finish {
  readonly type: "finish"
  readonly finishReason: FinishReason
  readonly messageMetadata?: unknown
}

/** Why the message ended, in the words of the AI SDK. A page does not go on by itself after `interrupted`. */
export type FinishReason = "stop" | "length" | "content-filter" | "tool-calls" | "error" | "interrupted" | "other"

/** One chunk of a stream. */
export type Chunk =
  | Start
  | StartStep
  | FinishStep
  | PartStart
  | PartDelta
  | PartEnd
  | ToolInputStart
  | ToolInputDelta
  | ToolInput
  | ToolInputError
  | ToolApprovalRequest
  | ToolApprovalResponse
  | ToolOutput
  | ToolOutputError
  | ToolOutputDenied
  | SourceUrl
  | SourceDocument
  | File
  | Custom
  | Data
  | MessageMetadata
  | ErrorChunk
  | Abort
  | Finish

/**
 * A chunk as a Server-Sent Event. A value without a JSON form is sent as an error, so that the reader sees it: a line of any
 * other text would end the stream in the page.
 */
export const frame = (chunk: Chunk): string => `data: ${textOf(chunk) ?? unreadable}\n\n`

/** The last event of a stream. */
export const done = "data: [DONE]\n\n"

/** A comment, which readers skip: it keeps proxies from closing a connection that is silent. */
export const heartbeat = ": heartbeat\n\n"

/**
 * The headers of a stream. `no-transform` keeps proxies from compressing it, `x-accel-buffering` nginx from collecting it.
 */
export const headers = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
  "x-vercel-ai-ui-message-stream": "v1"
} as const

/**
 * The JSON of a value, as the page gets it: a bigint is text; `undefined` where it has none, or is too large to be written.
 *
 * @internal
 */
export const jsonOf: (value: unknown) => unknown = Check.total(
  (value): unknown => JSON.parse(JSON.stringify(Result.getOrUndefined(Check.settle(json, value)), exact)),
  () => undefined
)

const json = Check.json({ bigint: true, written: true })

const textOf: (chunk: Chunk) => string | undefined = Check.total(
  (chunk) => JSON.stringify("delta" in chunk && typeof chunk.delta === "string" ? chunk : jsonOf(chunk)),
  () => undefined
)

const exact = (_: string, value: unknown) => typeof value === "bigint" ? `${value}` : value

const unreadable = JSON.stringify({ type: "error", errorText: "A part of the answer cannot be sent" })
