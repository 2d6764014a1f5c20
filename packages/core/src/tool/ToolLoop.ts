/**
 * Lets a model use tools: asks, runs the calls of the answer, asks again with their results, until the model asks for
 * nothing more.
 *
 * Nothing is kept between two runs: saving the history, and changing the request half-way, are for the caller's hooks.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../chat/ChatEvent.ts"
import * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatService from "../chat/ChatService.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as ToolSteps from "./internal/steps.ts"
import type * as Tool from "./Tool.ts"
import { type Options, Outcome, Step, ToolResult } from "./ToolStep.ts"

export {
  /** How a loop ended. */
  Outcome,
  /** One question to the model and the calls of its answer. */
  Step,
  /** A call and what it came to. */
  ToolResult
}
export type {
  /** What a loop is run with. */
  Options,
  /** The step to come. */
  Preparation
} from "./ToolStep.ts"

/** The result of a call, as soon as it is there; `step` is the index of the step it belongs to. */
export class ToolResultEvent extends Schema.Opaque<ToolResultEvent>()(Schema.Struct({
  type: Schema.tag("tool-result"),
  step: Schema.Finite,
  ...ToolResult.fields
})) {}

/** A step that is complete. */
export class StepEvent
  extends Schema.Opaque<StepEvent>()(Schema.Struct({ type: Schema.tag("step"), ...Step.fields }))
{}

/** The end of a loop: its last event. */
export class OutcomeEvent extends Schema.Opaque<OutcomeEvent>()(Schema.Struct({
  type: Schema.tag("outcome"),
  outcome: Outcome
})) {}

/**
 * One event of {@link stream}. Each step gives the events of its answer with their `finish`, a `tool-result` for each call
 * in the order they end, and a `step`. One `outcome` comes last.
 */
export type Event = typeof Event.Type
/** @see {@link Event} */
export const Event = Schema.Union([ChatEvent.ChatEvent, ToolResultEvent, StepEvent, OutcomeEvent])

/** What a loop over these tools can fail with, hooks aside; {@link stream} with `StreamInterruptedError` as well. */
export type LoopError<Tools extends ReadonlyArray<Tool.Any>> =
  | ChatService.ChatError
  | Tool.ToolCallError
  | Tool.Error<Tools[number]>

/**
 * Runs the loop to its end.
 *
 * - A tool choice that forces a call holds for the first step and is `auto` afterwards, or no loop would end.
 * - The calls of an answer run concurrently; their results go to the model in the order of the calls.
 * - A call of an unknown tool, or with arguments that do not fit, is answered with what is wrong. The same tool called
 *   wrongly in the next step again fails the loop with {@link Tool.ToolCallError}, before any handler of that step.
 * - Arguments go back as the model wrote them. Where they are no object, which providers refuse, they stand in one: text as
 *   `INVALID_JSON`, other JSON as `value`.
 * - An id that occurs twice in the conversation, or is empty, is replaced, unless the provider ran the call.
 *
 * Fails as the model, the hooks and the handlers of failure mode `error` do, and with `InvalidRequestError` before
 * anything is sent when two tools share a name, a tool has no usable name or schema, the request has tools of its own, or an
 * option is none.
 *
 * @example
 * const outcome = yield* ToolLoop.run("What is the weather in Paris?", { tools: [weather] })
 * history.push(...outcome.messages)
 */
export const run = <
  const Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never
>(
  input: ChatRequest.Input,
  options: Options<Tools, E1, R1, E2, R2>
): Effect.Effect<
  Outcome,
  LoopError<Tools> | E1 | E2,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2
> =>
  Effect.gen(function*() {
    const service = yield* ChatService.ChatService
    const loop = yield* ToolSteps.start(input, options)
    while (true) {
      const response = yield* Effect.flatMap(loop.request, service.generate)
      const turn = yield* loop.turn(loop.ids.inResponse(response))
      const results = yield* Effect.forEach(turn.calls, loop.answer, { concurrency: loop.concurrency })
      const { outcome } = yield* loop.close(turn, results)
      if (outcome !== undefined) return outcome
    }
  }).pipe(Effect.withSpan("ToolLoop.run"))

/**
 * The loop as it happens. Everything said of {@link run} holds; models that cannot stream while they use tools fail here.
 *
 * The calls of a step start when its answer is complete: an answer that breaks off has had no effects. Interrupting the
 * stream interrupts the answer or the handlers, and a consumer that pauses holds them back.
 */
export const stream = <
  const Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never
>(
  input: ChatRequest.Input,
  options: Options<Tools, E1, R1, E2, R2>
): Stream.Stream<
  Event,
  LoopError<Tools> | ProviderError.StreamInterruptedError | E1 | E2,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2
> =>
  Stream.unwrap(Effect.gen(function*() {
    const service = yield* ChatService.ChatService
    const loop = yield* ToolSteps.start(input, options)
    let outcome: Outcome | undefined

    const ask = (request: ChatRequest.ChatRequest, collector: Collector) => {
      const identify = loop.ids.inStream()
      return Stream.map(service.stream(request), (event) => {
        const identified = identify(event)
        collector.add(identified)
        return identified
      })
    }

    const act = Effect.fnUntraced(function*(collector: Collector) {
      const turn = yield* loop.turn(collector.response() ?? (yield* collector.incomplete(service)))
      const results: Array<ToolResult> = []
      const calls = Stream.mapEffect(
        Stream.fromIterable(turn.calls),
        (prepared, position) =>
          Effect.map(loop.answer(prepared), (result): Event => {
            results[position] = result
            return { type: "tool-result", step: turn.index, ...result }
          }),
        { concurrency: loop.concurrency, unordered: true }
      )
      const end = Effect.map(loop.close(turn, results), (closed): ReadonlyArray<Event> => {
        outcome = closed.outcome
        const step = { type: "step" as const, ...closed.step }
        return outcome === undefined ? [step] : [step, { type: "outcome", outcome }]
      })
      return Stream.concat(calls, Stream.fromIterableEffect(end))
    })

    const step = Effect.map(loop.request, (request) => {
      const collector = ChatEvent.makeCollector()
      return Stream.concat(ask(request, collector), Stream.unwrap(act(collector)))
    })

    // A step is asked for when the one before has been read to its end: only then is it known whether there is one.
    return Stream.flatten(Stream.unfold(
      undefined,
      () => outcome === undefined ? Effect.map(step, (events) => [events, undefined] as const) : Effect.undefined
    ))
  })).pipe(Stream.withSpan("ToolLoop.stream"))

type Collector = ReturnType<typeof ChatEvent.makeCollector>
