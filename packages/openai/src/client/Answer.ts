/** Answers of a server, before an API reads them. */
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Stream from "effect/Stream"

/** What the head of an answer tells. Names of headers are in lower case. */
export interface Head {
  readonly status: number
  readonly headers: { readonly [name: string]: string | undefined }
  readonly requestId: string | undefined
}

/** A whole answer: `body` is JSON in which integers that a number cannot hold are text. */
export interface Answer extends Head {
  readonly body: unknown
}

/**
 * An event of a stream: `event` is its name (`message` when it has none), `data` its JSON. A `comment` has no content: it only
 * shows that the server is alive.
 */
export type ServerEvent =
  | { readonly type: "data"; readonly event: string; readonly data: unknown }
  | { readonly type: "done" }
  | { readonly type: "comment" }

/**
 * The head of a stream and its events, which can be run once. Events that tell a failure fail it, with the error of the HTTP
 * status that they stand for. It ends when the server closes the connection; `done` is `data: [DONE]`.
 */
export interface StreamAnswer extends Head {
  readonly events: Stream.Stream<ServerEvent, ProviderError.CallError>
}
