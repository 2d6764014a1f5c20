/**
 * Who answers in the place of the emulator's own operations: a recording that is played, a service behind that is asked.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Answer from "../Answer.ts"
import type * as AwsError from "../AwsError.ts"
import type * as Listener from "../Listener.ts"

/** A request that is for Bedrock and proved who it is; `body` is what was sent. */
export interface Request extends Pick<Listener.Exchange, "method" | "target" | "headers"> {
  readonly body: Uint8Array
}

/** The answer to a request; the scope ends when it was sent, or nobody waits for it any more. */
export type Answers = (request: Request) => Effect.Effect<Answer.Answer, AwsError.AwsError, Scope.Scope>
