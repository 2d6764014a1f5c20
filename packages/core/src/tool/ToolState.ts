/**
 * The state of a tool loop as data: what has to be kept for the loop to go on in another process. It holds the whole
 * conversation; {@link encode} and {@link decode} make it JSON and back.
 */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatResponse from "../chat/ChatResponse.ts"
import * as Message from "../chat/Message.ts"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import * as Total from "../internal/total.ts"
import * as Untyped from "../internal/untyped.ts"
import * as TaggedError from "../TaggedError.ts"
import * as Usage from "../Usage.ts"

/**
 * How a call ended.
 *
 * - `success`, `failed`: the tool ran, or its result came from elsewhere; `failed` also for an invalid call.
 * - `denied`: a person declined it. `expired`: no answer came in time. `superseded`: the user wrote a new message instead.
 * - `unknown`: it was started, and its result was lost.
 */
export type ResultOutcome = typeof ResultOutcome.Type
export const ResultOutcome = Schema.Literals(["success", "failed", "denied", "expired", "superseded", "unknown"])

const result = {
  outcome: ResultOutcome,
  isFailure: Schema.Boolean,
  result: Untyped.value,
  parts: Schema.optional(Schema.Array(Message.ToolResultContent))
}

const call = {
  call: Message.ToolCallPart,
  writtenParams: Schema.optional(Untyped.value)
}

/**
 * A tool call with its `result` for the model, or the `error` of the handler. `parts`, if any, are sent instead of
 * the result. The model does not see the error, and a {@link State} does not keep it. `isFailure` is false for the
 * outcome `success` only.
 *
 * `writtenParams`: the arguments as the model wrote them, where a person changed them; those of `call` are the changed ones.
 */
export class ToolResult extends Schema.Opaque<ToolResult>()(Schema.Struct({
  ...call,
  ...result,
  error: Schema.optional(Schema.Defect())
})) {}

/** A call that waits: for the `approval` of a person, or for a `result` from elsewhere. Its arguments are valid. */
export class Pending extends Schema.Opaque<Pending>()(Schema.Struct({
  call: Message.ToolCallPart,
  kind: Schema.Literals(["approval", "result"])
})) {}

/**
 * A call of the step that is not complete, without a result.
 *
 * - `approval`, `result`: it waits for that. `ready`: it has not been started. `started`: its handler began.
 * - `isApproved`: a person approved it.
 */
export class OpenCall extends Schema.Opaque<OpenCall>()(Schema.Struct({
  status: Schema.Literals(["approval", "result", "ready", "started"]),
  ...call,
  isApproved: Schema.optional(Schema.Boolean)
})) {}

/** A call of the step that is not complete, with its result. */
export class SettledCall
  extends Schema.Opaque<SettledCall>()(Schema.Struct({ status: Schema.tag("settled"), ...call, ...result }))
{}

/** A call of the step that is not complete. */
export type StateCall = typeof StateCall.Type
export const StateCall = Schema.Union([OpenCall, SettledCall])

/** Who answered, and a digest of each tool's definition: what must be the same when the loop goes on. */
export class Fingerprint extends Schema.Opaque<Fingerprint>()(Schema.Struct({
  provider: Schema.optional(Schema.String),
  model: Schema.optional(Schema.String),
  tools: Schema.Record(Schema.String, Schema.String)
})) {}

/**
 * The state of a loop.
 *
 * - `version`: of this format. `id`: of the run. `revision`: grows with each state that is saved: a store that refuses a
 *   revision it has makes sure that no call runs twice when two processes go on at once.
 * - `request`: the request the loop began with, without tools. `messages`: what complete steps added to it.
 * - `steps`, `usage`, `cost`: of the requests so far. `refused`: the tools that the last step called wrongly.
 * - `response`, `calls`: of the step that is not complete; none and empty before a request. `following`: what the user wrote
 *   instead of answering, which comes after their results.
 */
export class State extends Schema.Opaque<State>()(Schema.Struct({
  version: Schema.Literal(1),
  id: Schema.String,
  revision: Schema.Finite,
  request: ChatRequest.ChatRequest,
  messages: Schema.Array(Message.Message),
  steps: Schema.Finite,
  usage: Usage.Usage,
  cost: Schema.optional(Cost.Cost),
  refused: Schema.Array(Schema.String),
  response: Schema.optional(ChatResponse.ChatResponse),
  calls: Schema.Array(StateCall),
  following: Schema.Array(Message.Message),
  fingerprint: Fingerprint
})) {}

/**
 * The state of a tool loop cannot be used.
 *
 * When: `ToolLoop.decode`, `resume`, `resumeStream` or `unseal` gets what is not a state, or one that another model
 * began.
 *
 * - `reason`: `malformed`, it is not a state; `version`, it is of another version; `model-changed`, the service
 *   answers with another model or provider than the one that began.
 *
 * Remedy: begin the loop again, or resume with the model that began it.
 */
export class StateError extends TaggedError.make<StateError>()("StateError", {
  reason: Schema.Literals(["malformed", "version", "model-changed"]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** The calls of a state that wait, in the order of the model. Empty for a value that is not a state. */
export const pendingOf: (state: State) => ReadonlyArray<Pending> = Total.make(
  (state) =>
    // The items are those of the array.
    ((Check.itemsOf(state.calls) ?? []) as State["calls"]).flatMap(({ call, status }) =>
      status === "approval" || status === "result" ? [{ call, kind: status }] : []
    ),
  () => []
)

/**
 * The state as JSON; bytes are base64. Fails with {@link StateError} for values that JSON cannot hold, such as a
 * function in the options of a provider.
 */
export const encode = (state: State): Effect.Effect<Schema.Json, StateError> =>
  bounded(state).pipe(
    Effect.flatMap((copy) => Schema.encodeUnknownEffect(codec)(copy)),
    Effect.catchDefect((cause) => Effect.fail(cause)),
    Effect.mapError((cause) => malformed("The state cannot be written as JSON", cause))
  )

/** A state from its JSON. Fails with {@link StateError} for JSON that is no state, and for one of another version. */
export const decode = (json: unknown): Effect.Effect<State, StateError> =>
  Effect.flatMap(
    Effect.sync(() => versionOf(json)),
    (version) =>
      version === undefined || version === 1
        ? read(() => Effect.flatMap(bounded(json), (copy) => Schema.decodeUnknownEffect(codec)(copy)))
        : Effect.fail(
          new StateError({
            reason: "version",
            message: `The state has the version ${version}, and this release reads 1`
          })
        )
  )

const codec = Schema.toCodecJson(State)

/** A copy, which bounds how many values there are: a few objects can stand for more than any machine can write. */
const bounded = (given: unknown) => Effect.fromResult(Check.settle(Check.json({ others: true }), given))

const versionOf: (json: unknown) => number | undefined = Total.make(
  (json) => hasProperty(json, "version") && typeof json.version === "number" ? json.version : undefined,
  () => undefined
)

/** A value that must be a state. Getters and proxies may throw, and the stack is finite. */
const read = (decode: () => Effect.Effect<State, unknown>): Effect.Effect<State, StateError> =>
  Effect.suspend(decode).pipe(
    Effect.catchDefect((cause) => Effect.fail(cause)),
    Effect.mapError((cause) => malformed("This is not the state of a tool loop", cause))
  )

const malformed = (message: string, cause: unknown) => new StateError({ reason: "malformed", message, cause })
