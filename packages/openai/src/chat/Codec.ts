/**
 * The seam between the chat service and the APIs of a server: Chat Completions (`completions/`) and Responses
 * (`OpenAiResponses.ts`).
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import type * as Answer from "../client/Answer.ts"
import type { ContentFilter, Warning } from "../OpenAiOptions.ts"
import type { Profile } from "../profile/Profile.ts"

/** The APIs. */
export type Api = "chat-completions" | "responses"

/**
 * Where a request goes.
 *
 * - `provider`, `server`: for errors. `seed`: text that is different in each call, for ids that the server does not give.
 */
export interface Target {
  readonly profile: Profile
  readonly provider: string
  readonly server: string
  readonly streaming: boolean
  readonly seed: string
}

/**
 * One request and its answer.
 *
 * - `path`: of the operation, such as `chat/completions`. `body`: plain JSON.
 * - `decode`: a whole answer. `stream`: the events of a stream; it ends with exactly one `finish`, or fails.
 * - `filtered`: the answer to a prompt that the server refused to read, as an outcome of the same shape as a withheld answer.
 */
export interface Exchange {
  readonly path: string
  readonly body: { readonly [field: string]: unknown }
  readonly decode: (answer: Answer.Answer) => Result.Result<ChatResponse.ChatResponse, ProviderError.CallError>
  readonly stream: (
    answer: Answer.StreamAnswer
  ) => Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>
  readonly filtered: (filter: ContentFilter, requestId: string | undefined) => ChatResponse.ChatResponse
}

/** An API: encodes a request, or says what it cannot do. Nothing is sent before. */
export interface Codec {
  readonly encode: (
    request: ChatRequest.Resolved,
    target: Target
  ) => Result.Result<Exchange, ProviderError.CallError>
}

/**
 * The API of a model at a server, and the path that replaces the path of the base URL: Bedrock's mantle endpoint has two.
 */
export interface Route {
  readonly api: Api
  readonly root?: string | undefined
}

/** Makes the warnings of a request. */
export interface Report {
  readonly add: (type: Warning["type"], field: string | undefined, message: string) => void
  readonly warnings: ReadonlyArray<Warning>
}
