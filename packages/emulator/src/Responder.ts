/**
 * Responds in place of the emulator's own operations: a replayed recording, or the service behind a recorder.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AwsError from "./AwsError.ts"
import type * as Exchange from "./http/Exchange.ts"
import type * as HttpResponse from "./http/HttpResponse.ts"

/** An authenticated request for Bedrock; `body` is what was sent. */
export interface Request extends Pick<Exchange.Exchange, "method" | "target" | "headers"> {
  readonly body: Uint8Array
}

/** The response to a request; the scope closes when it was sent, or when its client is gone. */
export type Responder = (
  request: Request
) => Effect.Effect<HttpResponse.HttpResponse, AwsError.AwsError, Scope.Scope>
