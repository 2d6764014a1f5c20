/**
 * Chats and tool loops as UI message streams: the events of `ChatService.stream` and `ToolLoop.stream` become the chunks
 * that `useChat` of the AI SDK reads, over Server-Sent Events.
 */
import * as Check from "@strata/core/Check"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import * as UiChunk from "./UiChunk.ts"
import * as UiEncoder from "./UiEncoder.ts"

/**
 * The chunks of a stream of events. A failure becomes an `error` chunk with the text of `errorText`, which runs once, for the
 * log too; a defect and an interruption stay what they are.
 *
 * @example
 * ChatService.stream("Why is the sky blue?").pipe(
 *   UiStream.fromEvents({ messageId: "answer-1" }, (error) => Effect.as(Effect.logError(error), "Something went wrong")),
 *   Stream.provide(models),
 *   UiStream.toResponse
 * )
 */
export const fromEvents = <E, R2>(
  options: UiEncoder.Options,
  errorText: (error: E) => Effect.Effect<string, never, R2>
) =>
<R>(events: Stream.Stream<UiEncoder.Event, E, R>): Stream.Stream<UiChunk.Chunk, never, R | R2> =>
  Stream.suspend(() => {
    const encoder = UiEncoder.make(options)
    const body = Stream.flatMap(
      Check.holds(Stream.isStream, events) ? events : Stream.empty,
      (event) => Stream.fromIterable(encoder.add(event))
    )
    return Stream.fromIterable(encoder.start()).pipe(
      Stream.concat(body),
      Stream.concat(Stream.suspend(() => Stream.fromIterable(encoder.end({ type: "complete" })))),
      Stream.catch((error) =>
        Stream.fromIterableEffect(
          Effect.suspend(() => {
            const text = errorText(error)
            return Check.holds(Effect.isEffect, text) ? text : unexplained
          }).pipe(
            Effect.catchCause(() => unexplained),
            Effect.map((errorText) => encoder.end({ type: "failed", errorText: `${errorText}` }))
          )
        )
      )
    )
  })

const unexplained = Effect.succeed("Something went wrong")

/**
 * A response with the chunks as Server-Sent Events, `[DONE]` last. It has no heartbeats and no replay: those of `UiChat` do.
 */
export const toResponse = (
  chunks: Stream.Stream<UiChunk.Chunk>
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    Stream.encodeText(
      Stream.concat(
        Stream.map(Check.holds(Stream.isStream, chunks) ? chunks : Stream.empty, UiChunk.frame),
        Stream.succeed(UiChunk.done)
      )
    ),
    { headers: UiChunk.headers, contentType: UiChunk.headers["content-type"] }
  )
