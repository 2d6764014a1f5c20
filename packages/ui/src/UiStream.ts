/**
 * Chats and tool loops as UI message streams: the events of `ChatService.stream` and `ToolLoop.stream` become the chunks
 * that `useChat` of the AI SDK reads.
 *
 * Any sequence of events, also one that no service sends, becomes a stream that the client reads without an error of its own.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Check from "@strata/core/Check"
import type * as Cost from "@strata/core/Cost"
import type * as ToolLoop from "@strata/core/tool/ToolLoop"
import type * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as StreamEncoder from "./internal/encoder.ts"
import type * as UiChunk from "./UiChunk.ts"
import type * as UiMessage from "./UiMessage.ts"

/** An event of a chat or of a tool loop. */
export type Event = ChatEvent.ChatEvent | ToolLoop.Event

/** What a message came to so far, for its metadata. `usage` and `cost` are those of all its steps. */
export interface Spent {
  readonly model?: string | undefined
  readonly finishReason?: ChatResponse.FinishReason | undefined
  readonly usage: Usage.Usage
  readonly cost?: Cost.Cost | undefined
}

/**
 * - `messageId`: the id of the assistant message, made by the server.
 * - `continues`: the message that the stream goes on with, after an approval or the result of a tool of the page. It has
 *   `messageId`, and its calls get their results.
 * - `approvalId`: the id of the request for approval of a call; the id of the call when missing. `UiChat` makes ids that
 *   cannot be guessed.
 * - `reasoning`: `false` keeps reasoning on the server, with its signature. True when missing.
 * - `metadata`: the metadata of the message when it ends; model, usage, cost and finish reason when missing. `undefined`
 *   for none.
 */
export interface Options {
  readonly messageId: string
  readonly continues?: UiMessage.UiMessage | undefined
  readonly approvalId?: ((callId: string) => string) | undefined
  readonly reasoning?: boolean | undefined
  readonly metadata?: ((spent: Spent) => unknown) | undefined
}

/** How a stream ended. `errorText` and `reason` are shown to the user. */
export type Ending =
  | { readonly type: "complete" }
  | { readonly type: "failed"; readonly errorText: string }
  | { readonly type: "aborted"; readonly reason?: string | undefined }

/**
 * The state of a stream. `start` once, `add` for each event, `end` once; all return what is to be sent. Nothing throws, and
 * after the end nothing is sent.
 *
 * A `complete` ending without the `finish` event of a chat becomes an error: the answer is not complete.
 */
export interface Encoder {
  readonly start: () => ReadonlyArray<UiChunk.Chunk>
  readonly add: (event: Event) => ReadonlyArray<UiChunk.Chunk>
  readonly end: (ending: Ending) => ReadonlyArray<UiChunk.Chunk>
}

/** Begins a stream. */
export const make = (options: Options): Encoder => StreamEncoder.make(options)

/**
 * The chunks of a stream of events. A failure becomes an `error` chunk with the text of `errorText`, which runs once, for the
 * log too; a defect and an interruption stay what they are.
 *
 * @example
 * ChatService.stream("Why is the sky blue?").pipe(
 *   UiStream.fromEvents({ messageId: "answer-1" }, (error) => Effect.as(Effect.logError(error), "Something went wrong")),
 *   UiStream.toResponse()
 * )
 */
export const fromEvents = <E, R2>(
  options: Options,
  errorText: (error: E) => Effect.Effect<string, never, R2>
) =>
<R>(events: Stream.Stream<Event, E, R>): Stream.Stream<UiChunk.Chunk, never, R | R2> =>
  Stream.suspend(() => {
    const encoder = make(options)
    const body = Stream.flatMap(
      Check.holds(Stream.isStream, events) ? events : Stream.empty,
      (event) => Stream.fromIterable(encoder.add(event))
    )
    return Stream.fromIterable(encoder.start()).pipe(
      Stream.concat(body),
      Stream.concat(Stream.suspend(() => Stream.fromIterable(encoder.end({ type: "complete" })))),
      Stream.catch((error) =>
        Stream.fromIterableEffect(
          Effect.map(errorText(error), (errorText) => encoder.end({ type: "failed", errorText }))
        )
      )
    )
  })
