/** The options of `UiChat`, and what its hooks get. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as Message from "@strata/core/chat/Message"
import type * as Tool from "@strata/core/tool/Tool"
import type * as ToolLoop from "@strata/core/tool/ToolLoop"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as UiEncoder from "./UiEncoder.ts"
import type * as UiHistory from "./UiHistory.ts"
import type * as UiMessage from "./UiMessage.ts"

/**
 * A turn before it is answered.
 *
 * - `chatId`: as the page names it; `key`: of {@link Options}. `messageId`: of the answer.
 * - `uiMessages`: what the page sent; `messages`: the same as a history. Nothing in them is proved.
 * - `isContinuation`: the answer goes on with the last message, to which the page added the result of a tool.
 * - `body`: the whole body, with fields of your own; `request`: for its headers and cookies.
 */
export interface Turn {
  readonly chatId: string
  readonly key: string
  readonly messageId: string
  readonly isContinuation: boolean
  readonly uiMessages: ReadonlyArray<UiMessage.UiMessage>
  readonly messages: ReadonlyArray<Message.Message>
  readonly body: { readonly [key: string]: unknown }
  readonly request: HttpServerRequest.HttpServerRequest
}

/**
 * How a turn ended.
 *
 * - `status`: `finished`, also when calls wait; `aborted` by the stop call, by the last reader that left, or by the end of the
 *   server, as `reason` says; `failed` with `error`.
 * - `message`: the answer as the page has it, whole or partial. `messages`: the conversation with it, to store.
 * - `outcome`: of the loop, where it has one.
 */
export interface Ended {
  readonly status: "finished" | "aborted" | "failed"
  readonly chatId: string
  readonly key: string
  readonly message: UiMessage.UiMessage
  readonly messages: ReadonlyArray<UiMessage.UiMessage>
  readonly outcome?: ToolLoop.Outcome | undefined
  readonly reason?: "stopped" | "left" | "shutdown" | undefined
  readonly error?: unknown
}

/** A failure: the text the user reads has its `id`. `chatId` is missing where the body of the request was not read. */
export interface Failure {
  readonly id: string
  readonly error: unknown
  readonly chatId?: string | undefined
}

/**
 * What answers a page, who may use a conversation, and what becomes of its end.
 *
 * - `tools`: of the loop; those without a handler are run by the page. `maxSteps`, `concurrency`: as in `ToolLoop`.
 * - `request`: the request of a turn, with a system prompt, model and `maxTokens`; the history alone when missing. Store the
 *   message of the user here: the model has not been asked yet. Not called when a loop is resumed: it has its request.
 * - `key`: who may use a conversation: the key under which the server knows it, such as the user and the id of the page. It
 *   fails for a stranger, best with an error that is an `HttpServerRespondable`. The id alone when missing: then the page
 *   chooses what it reads.
 * - `files`: which files a page may send; see `UiHistory.Options`.
 * - `whenReadersLeave`: `stop` (when missing) ends a turn without readers, which is what the stop button of `useChat` does by
 *   itself; `continue` lets it run for `useChat({ resume: true })`, and only the `DELETE` stops it.
 * - `reasoning`, `metadata`: as in `UiEncoder`.
 * - `errorText`: what the user reads of a failure; a sentence by kind of error, with its id, when missing.
 * - `onError`: gets each failure of the server; logs it when missing.
 * - `onEnd`: runs once for each turn, before its end is sent: store the answer here. Its defects are logged.
 *
 * Limits: `answersWithin` (a day) for waiting calls, `heartbeat` (15 seconds) between comments in a silent stream,
 * `statusWithin` (5 seconds) in which a failure is a status and not a chunk, `maxBodySize` (20 MiB), `maxAnswerSize`
 * (32 Mi characters) and `maxTurns` (1,000) at once.
 */
export interface Options<
  Tools extends ReadonlyArray<Tool.Any>,
  R1 = never,
  R2 = never,
  R3 = never,
  R4 = never
> {
  readonly tools?: Tools | undefined
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly request?: ((turn: Turn) => Effect.Effect<ChatRequest.Input, unknown, R1>) | undefined
  readonly key?:
    | ((chatId: string, request: HttpServerRequest.HttpServerRequest) => Effect.Effect<string, unknown, R2>)
    | undefined
  readonly files?: UiHistory.Options | undefined
  readonly whenReadersLeave?: "stop" | "continue" | undefined
  readonly reasoning?: boolean | undefined
  readonly metadata?: ((spent: UiEncoder.Spent) => unknown) | undefined
  readonly errorText?: ((error: unknown, id: string) => string) | undefined
  readonly onError?: ((failure: Failure) => Effect.Effect<void, never, R3>) | undefined
  readonly onEnd?: ((ended: Ended) => Effect.Effect<void, never, R4>) | undefined
  readonly answersWithin?: Duration.Input | undefined
  readonly heartbeat?: Duration.Input | undefined
  readonly statusWithin?: Duration.Input | undefined
  readonly maxBodySize?: number | undefined
  readonly maxAnswerSize?: number | undefined
  readonly maxTurns?: number | undefined
}
