/** Answers to the calls that wait: approvals, denials, results from elsewhere. */
import * as Schema from "effect/Schema"
import * as Message from "../chat/Message.ts"
import * as Untyped from "../internal/untyped.ts"
import * as TaggedError from "../TaggedError.ts"
import * as ToolState from "./ToolState.ts"

/** Lets the call run. With `params` it runs with these arguments instead, and the model is told so. */
export class Approve extends Schema.Opaque<Approve>()(Schema.Struct({
  type: Schema.tag("approve"),
  callId: Schema.String,
  params: Schema.optional(Untyped.value)
})) {}

/** Declines an approval, or cancels a call that waits for a result. The model is told so, with the `reason`. */
export class Deny extends Schema.Opaque<Deny>()(Schema.Struct({
  type: Schema.tag("deny"),
  callId: Schema.String,
  reason: Schema.optional(Schema.String)
})) {}

/**
 * The result of a call that was answered elsewhere: JSON that the `output` of the tool can decode, or `parts`. With
 * `isFailure` it is the message of a failure, of any form.
 */
export class Result extends Schema.Opaque<Result>()(Schema.Struct({
  type: Schema.tag("result"),
  callId: Schema.String,
  result: Schema.optional(Untyped.value),
  parts: Schema.optional(Schema.Array(Message.ToolResultContent)),
  isFailure: Schema.optional(Schema.Boolean)
})) {}

/** No answer came in time. */
export class Expire extends Schema.Opaque<Expire>()(Schema.Struct({
  type: Schema.tag("expire"),
  callId: Schema.String
})) {}

/** The answer to a call that waits. A `Schema`: decode what a client sent with it. */
export type Decision = typeof Decision.Type
export const Decision = Schema.Union([Approve, Deny, Result, Expire])

/**
 * The answer to a waiting tool call was refused; nothing ran, and the state is still valid.
 *
 * When: `ToolLoop.resume` or `resumeStream` gets an answer that does not fit the call it names.
 *
 * - `unknown-call`: the state has no such call. `already-answered`: it has its result, of `outcome`, or was approved
 *   before. `duplicate`: there are two answers to it.
 * - `wrong-kind`: an approval for a call that waits for a result, or the reverse.
 * - `invalid-params`, `invalid-result`: the changed arguments or the result do not fit the schema of the tool.
 * - `tool-changed`: the definition of the tool is another one than when the model called it: deny the call, or let it
 *   expire.
 *
 * Remedy: correct the answer as `reason` says, and resume the same state.
 */
export class DecisionError extends TaggedError.make<DecisionError>()("DecisionError", {
  reason: Schema.Literals([
    "unknown-call",
    "already-answered",
    "duplicate",
    "wrong-kind",
    "invalid-params",
    "invalid-result",
    "tool-changed"
  ]),
  callId: Schema.String,
  tool: Schema.optional(Schema.String),
  outcome: Schema.optional(ToolState.ResultOutcome),
  message: Schema.String
}) {}
