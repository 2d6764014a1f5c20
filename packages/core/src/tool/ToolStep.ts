/**
 * What a tool loop goes through, as data: calls with their results, steps, the outcome; and the options of a loop.
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

/**
 * A call and what it came to. `result` is what the model reads; `error` is what the handler failed with, which the model
 * does not see.
 */
export class ToolResult extends Schema.Opaque<ToolResult>()(Schema.Struct({
  call: Message.ToolCallPart,
  result: Untyped.value,
  isFailure: Schema.Boolean,
  error: Schema.optional(Schema.Defect())
})) {}

/**
 * One question to the model and the calls of its answer.
 *
 * - `index`: counts from 0.
 * - `results`: in the order of the calls; none in the last step.
 * - `messages`: what the step adds to the history, see {@link Outcome}.
 * - `usage`, `cost`: of all steps so far; a cost only where that of every step is known.
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
 * How a loop ended.
 *
 * - `reason`: `finished` when the model asked for nothing more, or was stopped (see `response.finishReason`);
 *   `max-steps` when the limit came first.
 * - `response`: the last answer. Its calls, if it has any, were not run.
 * - `messages`: what to append to the history. Every call in them has its result: an answer with calls that were not run
 *   is left out, and so is an empty one. To go on after `max-steps`, run the loop again with the longer history.
 * - `usage`, `cost`: of all steps; a cost only where that of every step is known.
 * - `steps`: how often the model was asked.
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
 * - `tools`: made with `Tool.make`, each under a name of its own.
 * - `maxSteps`: how often the model is asked at most; 10 when missing, at least 1.
 * - `concurrency`: handlers that run at once; 8 when missing, at least 1.
 * - `prepareStep`: changes the request of a step, of that step only. The model, the tool choice, the messages: anything.
 * - `onStep`: runs after each step, before the next: the place to save what a failure of a later step would lose.
 *
 * A failure of a hook is a failure of the loop.
 */
export interface Options<Tools extends ReadonlyArray<Tool.Any>, E1 = never, R1 = never, E2 = never, R2 = never> {
  readonly tools: Tools
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly prepareStep?: ((next: Preparation) => Effect.Effect<ChatRequest.ChatRequest, E1, R1>) | undefined
  readonly onStep?: ((step: Step) => Effect.Effect<void, E2, R2>) | undefined
}

/** The step to come: the request as it would be sent, and the tokens of the steps before. */
export interface Preparation {
  readonly index: number
  readonly request: ChatRequest.ChatRequest
  readonly usage: Usage.Usage
}
