/** Whether a loop can go on from a state. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ToolState from "../ToolState.ts"

/** Any value as a state whose calls are those of its answer. */
export const check = (given: unknown): Effect.Effect<ToolState.State, ToolState.StateError> =>
  // Getters and proxies may throw, and the stack is finite.
  Effect.suspend(() => Schema.decodeUnknownEffect(Schema.toType(ToolState.State))(given)).pipe(
    Effect.catchDefect((cause) => Effect.fail(cause)),
    Effect.mapError((cause) => malformed("This is not the state of a tool loop", cause)),
    Effect.flatMap((state) => {
      const ids = state.calls.map(({ call }) => call.id)
      const asked = new Set(state.response?.toolCalls.map(({ id }) => id))
      return new Set(ids).size === ids.length && ids.length === asked.size && ids.every((id) => asked.has(id))
        ? Effect.succeed(state)
        : Effect.fail(malformed("The calls of the state are not those of its answer"))
    })
  )

/** Fails where another model or provider would go on. */
export const checkModel = (
  { fingerprint: then }: ToolState.State,
  now: ToolState.Fingerprint
): Effect.Effect<void, ToolState.StateError> => {
  const isSame = then.model === now.model && then.provider === now.provider
  const message = `The loop began with ${nameOf(then)}, and this is ${
    nameOf(now)
  }: use that one, or set allowModelChange`
  return isSame ? Effect.void : Effect.fail(new ToolState.StateError({ reason: "model-changed", message }))
}

const nameOf = ({ model = "no model", provider = "no provider" }: ToolState.Fingerprint): string =>
  `${model} of ${provider}`

const malformed = (message: string, cause?: unknown) =>
  new ToolState.StateError({ reason: "malformed", message, cause })
