/** The options of a tool loop, and of one that goes on from a state. */
import type * as Effect from "effect/Effect"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import type * as Message from "../chat/Message.ts"
import type * as Usage from "../Usage.ts"
import type * as Tool from "./Tool.ts"
import type * as ToolEvent from "./ToolEvent.ts"
import type * as ToolState from "./ToolState.ts"

/**
 * What a tool loop may call, how long it goes on, and its hooks.
 *
 * - `tools`: made with `Tool.make` or `Tool.dynamic`, with unique names.
 * - `maxSteps`: the most requests to send, 10 when missing; `concurrency`: handlers that run at once, 8 when missing.
 * - `prepareStep`: changes the request of this step only: model, tool choice, messages.
 * - `onStep`: runs after each step, to save what a failure of a later step would lose.
 * - `save`: keeps the state, for `resume` after a crash: before each request, before a handler starts, after its result, and
 *   when calls wait. States come one after the other, each with a higher `revision`. The handler starts when `save` has
 *   succeeded: a resumed loop never repeats a call that has a result, nor one that was started, unless its tool is
 *   `repeatable`. It is not interrupted while it stores a result: give it a timeout.
 * - `id`: of the run, in its states; a random one when missing.
 *
 * The loop fails when a hook fails.
 */
export interface Options<
  Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never
> {
  readonly tools: Tools
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly id?: string | undefined
  readonly prepareStep?: ((next: Preparation) => Effect.Effect<ChatRequest.ChatRequest, E1, R1>) | undefined
  readonly onStep?: ((step: ToolEvent.Step) => Effect.Effect<void, E2, R2>) | undefined
  readonly save?: ((state: ToolState.State) => Effect.Effect<void, E3, R3>) | undefined
}

/** The next step: its request, and the usage of the steps before. */
export interface Preparation {
  readonly index: number
  readonly request: ChatRequest.ChatRequest
  readonly usage: Usage.Usage
}

/**
 * How a tool loop goes on from a state.
 *
 * - `messages`: what the user wrote instead of answering: calls that still wait are settled as `superseded`, and the model
 *   reads it after their results. Text is one message.
 * - `allowModelChange`: whether another model or provider may go on; some refuse the reasoning of others, see
 *   `Message.withoutReasoning`.
 */
export interface ResumeOptions<
  Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never
> extends Omit<Options<Tools, E1, R1, E2, R2, E3, R3>, "id"> {
  readonly messages?: string | ReadonlyArray<Message.Message> | undefined
  readonly allowModelChange?: boolean | undefined
}
