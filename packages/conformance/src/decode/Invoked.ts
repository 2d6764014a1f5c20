/**
 * InvokeModelWithResponseStream: the bytes of its chunks, and its headers.
 */
import { BedrockClient } from "@strata/bedrock"
import type { ProviderError } from "@strata/core"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { compare, type Difference } from "../Difference.ts"
import type { Recording } from "../Recording.ts"
import { chunksOf } from "../wire/InvokeAnswer.ts"

/** The result: chunk by chunk, or the bytes of the whole stream from a client without a streaming call. */
export interface Answer {
  readonly requestId: string | undefined
  readonly chunks: ReadonlyArray<Uint8Array> | undefined
  readonly raw: Uint8Array | undefined
}

/** The streaming call, which a client may lack. */
interface Streaming {
  readonly invokeModelStream: (input: { readonly modelId: string; readonly body: string }) => Effect.Effect<
    {
      readonly requestId: string | undefined
      readonly chunks: Stream.Stream<Uint8Array, ProviderError.ProviderError>
    },
    ProviderError.ProviderError,
    Scope.Scope
  >
}

const isStreaming = (client: unknown): client is Streaming =>
  Predicate.hasProperty(client, "invokeModelStream") && typeof client.invokeModelStream === "function"

const streamingOf = (client: unknown): Streaming | undefined => isStreaming(client) ? client : undefined

/** Requests a stream, and reads it to its end. */
export const askStream = Effect.fnUntraced(function*({ model, request }: Recording) {
  const client = yield* BedrockClient.BedrockClient
  const input = { modelId: model, body: request }
  const streaming = streamingOf(client)
  if (streaming === undefined) {
    return yield* Effect.map(
      client.invokeModel(input),
      ({ body, requestId }): Answer => ({ requestId, chunks: undefined, raw: body })
    )
  }
  return yield* streaming.invokeModelStream(input).pipe(
    Effect.flatMap(({ chunks, requestId }) =>
      Effect.map(Stream.runCollect(chunks), (chunks): Answer => ({ requestId, chunks, raw: undefined }))
    ),
    Effect.scoped
  )
})

/** Compares received and sent bytes. */
export const checkStream = ({ chunks, raw, requestId }: Answer, recording: Recording): ReadonlyArray<Difference> => [
  ...(raw === undefined ? [] : compare(recording.body, raw, "at least", "body")),
  ...(chunks === undefined ? [] : compare(chunksOf(recording.body), chunks, "at least", "chunks")),
  ...compare({ requestId: recording.headers["x-amzn-requestid"] }, { requestId }, "at least")
]
