/** What a tool loop reports: its steps, its outcome, and the events of its stream. */
import * as Schema from "effect/Schema"
import * as ChatEvent from "../chat/ChatEvent.ts"
import * as ChatResponse from "../chat/ChatResponse.ts"
import * as Message from "../chat/Message.ts"
import * as Cost from "../Cost.ts"
import * as Usage from "../Usage.ts"
import * as ToolState from "./ToolState.ts"

/**
 * A request and the tool calls of its answer, from `index` 0. `messages`, `usage` and `cost` as in {@link Ended}, the
 * last two of all steps so far; `results` in the order of the calls, empty in the last step.
 */
export class Step extends Schema.Opaque<Step>()(Schema.Struct({
  index: Schema.Finite,
  response: ChatResponse.ChatResponse,
  results: Schema.Array(ToolState.ToolResult),
  messages: Schema.Array(Message.Message),
  usage: Usage.Usage,
  cost: Schema.optional(Cost.Cost)
})) {}

const outcome = {
  response: ChatResponse.ChatResponse,
  messages: Schema.Array(Message.Message),
  usage: Usage.Usage,
  cost: Schema.optional(Cost.Cost),
  steps: Schema.Finite
}

/**
 * The outcome of a loop that ended.
 *
 * - `reason`: `finished` when the last answer had no calls or was stopped (see `response.finishReason`); `max-steps` at the
 *   limit: to continue, run the loop again with the longer history.
 * - `response`: the last answer. Its calls, if any, were not run.
 * - `messages`: to append to the history, without empty answers and answers whose calls were not run; after a resume those
 *   of the whole run.
 * - `usage`, `cost`: of all `steps` (requests) of the run; no cost where that of a step is not known.
 */
export class Ended extends Schema.Opaque<Ended>()(Schema.Struct({
  reason: Schema.Literals(["finished", "max-steps"]),
  ...outcome
})) {}

/**
 * The outcome of a loop with calls that wait. The other calls of `response` have run.
 *
 * - `pending`: the calls that wait; `state`: what `resume` goes on from.
 * - `messages`: those of complete steps. There is nothing to append to the history yet: the state has them.
 */
export class Waiting extends Schema.Opaque<Waiting>()(Schema.Struct({
  reason: Schema.tag("pending"),
  ...outcome,
  pending: Schema.Array(ToolState.Pending),
  state: ToolState.State
})) {}

/** The outcome of a loop. */
export type Outcome = typeof Outcome.Type
export const Outcome = Schema.Union([Ended, Waiting])

/** The result of a call, when it ends; `step` is the index of its step. */
export class ToolResultEvent extends Schema.Opaque<ToolResultEvent>()(Schema.Struct({
  type: Schema.tag("tool-result"),
  step: Schema.Finite,
  ...ToolState.ToolResult.fields
})) {}

/** The calls of a step that wait, when all others have ended; the outcome `pending` follows. */
export class ToolPendingEvent extends Schema.Opaque<ToolPendingEvent>()(Schema.Struct({
  type: Schema.tag("tool-pending"),
  step: Schema.Finite,
  pending: Schema.Array(ToolState.Pending)
})) {}

/** A complete step. */
export class StepEvent
  extends Schema.Opaque<StepEvent>()(Schema.Struct({ type: Schema.tag("step"), ...Step.fields }))
{}

/** The last event of a loop. */
export class OutcomeEvent extends Schema.Opaque<OutcomeEvent>()(Schema.Struct({
  type: Schema.tag("outcome"),
  outcome: Outcome
})) {}

/**
 * One event of a loop's stream. Each step has the events of its answer with `finish`, a `tool-result` for each call in the
 * order they end, and a `step`, or a `tool-pending` where calls wait. One `outcome` is last.
 */
export type Event = typeof Event.Type
export const Event = Schema.Union([
  ChatEvent.ChatEvent,
  ToolResultEvent,
  ToolPendingEvent,
  StepEvent,
  OutcomeEvent
])
