/**
 * The data of a tool loop: results, steps, the outcome; and its options.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatResponse from "../chat/ChatResponse.ts"
import * as Message from "../chat/Message.ts"
import * as Cost from "../Cost.ts"
import * as Untyped from "../internal/untyped.ts"
import * as Usage from "../Usage.ts"
import type * as Tool from "./Tool.ts"

/** A tool call with its `result` for the model, and the `error` of the handler, which the model does not see. */
export class ToolResult extends Schema.Opaque<ToolResult>()(Schema.Struct({
  call: Message.ToolCallPart,
  result: Untyped.value,
  isFailure: Schema.Boolean,
  error: Schema.optional(Schema.Defect())
})) {}

/**
 * A request and the tool calls of its answer.
 *
 * - `index`: from 0.
 * - `results`: in the order of the calls; empty in the last step.
 * - `messages`: to append to the history, see {@link Outcome}.
 * - `usage`, `cost`: of all steps so far; no cost where that of a step is not known.
 */
export class Step extends Schema.Opaque<Step>()(Schema.Struct({
  index: Schema.Finite,
  response: ChatResponse.ChatResponse,
  results: Schema.Array(ToolResult),
  messages: Schema.Array(Message.Message),
  usage: Usage.Usage,
  cost: Schema.optional(Cost.Cost)
})) {}

/**
 * The outcome of a loop.
 *
 * - `reason`: `finished` when the last answer had no calls or was stopped (see `response.finishReason`); `max-steps` at the
 *   limit.
 * - `response`: the last answer. Its calls, if any, were not run.
 * - `messages`: to append to the history, without empty answers and answers whose calls were not run. To continue after
 *   `max-steps`, run the loop again with the longer history.
 * - `usage`, `cost`: of all steps; no cost where that of a step is not known.
 * - `steps`: how many requests were sent.
 */
export class Outcome extends Schema.Opaque<Outcome>()(Schema.Struct({
  reason: Schema.Literals(["finished", "max-steps"]),
  response: ChatResponse.ChatResponse,
  messages: Schema.Array(Message.Message),
  usage: Usage.Usage,
  cost: Schema.optional(Cost.Cost),
  steps: Schema.Finite
})) {}

/**
 * - `tools`: made with `Tool.make`, with unique names.
 * - `maxSteps`: the most requests to send; 10 when missing, at least 1.
 * - `concurrency`: handlers that run at once; 8 when missing, at least 1.
 * - `prepareStep`: changes the request of this step only: model, tool choice, messages.
 * - `onStep`: runs after each step, to save what a failure of a later step would lose.
 *
 * The loop fails when a hook fails.
 */
export interface Options<Tools extends ReadonlyArray<Tool.Any>, E1 = never, R1 = never, E2 = never, R2 = never> {
  readonly tools: Tools
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly prepareStep?: ((next: Preparation) => Effect.Effect<ChatRequest.ChatRequest, E1, R1>) | undefined
  readonly onStep?: ((step: Step) => Effect.Effect<void, E2, R2>) | undefined
}

/** The next step: its request, and the usage of the steps before. */
export interface Preparation {
  readonly index: number
  readonly request: ChatRequest.ChatRequest
  readonly usage: Usage.Usage
}
