/** A stream up to its first events: until then another service may still be asked. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as ProviderError from "../../ProviderError.ts"
import type * as ChatEvent from "../ChatEvent.ts"

type Events = Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError>

/** Waits for the first events of a stream, which lives in a scope of its own until `scope` closes. */
export const open = (self: Events, scope: Scope.Scope): Effect.Effect<Events, ProviderError.ChatStreamError> =>
  Effect.flatMap(Scope.fork(scope), (connection) =>
    Effect.gen(function*() {
      const pull = yield* Scope.provide(Stream.toPull(self), connection)
      const first = yield* pull
      return Stream.concat(Stream.fromArray(first), Stream.fromPull(Effect.succeed(pull)))
    }).pipe(
      Pull.catchDone(() => Effect.succeed(Stream.empty)),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(connection, exit))
    ))
