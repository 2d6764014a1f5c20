/**
 * Lets a model use tools: sends a request, runs the tool calls of the answer, sends their results, until an answer has no
 * calls.
 *
 * No state is kept between runs: hooks save the history and change requests.
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
  /** The outcome of a loop. */
  Outcome,
  /** A request and the tool calls of its answer. */
  Step,
  /** A tool call and its result. */
  ToolResult
}
export type {
  /** The options of a loop. */
  Options,
  /** The next step. */
  Preparation
} from "./ToolStep.ts"

/** The result of a call, when it ends; `step` is the index of its step. */
export class ToolResultEvent extends Schema.Opaque<ToolResultEvent>()(Schema.Struct({
  type: Schema.tag("tool-result"),
  step: Schema.Finite,
  ...ToolResult.fields
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
 * One event of {@link stream}. Each step has the events of its answer with `finish`, a `tool-result` for each call in the
 * order they end, and a `step`. One `outcome` is last.
 */
export type Event = typeof Event.Type
/** @see {@link Event} */
export const Event = Schema.Union([ChatEvent.ChatEvent, ToolResultEvent, StepEvent, OutcomeEvent])

/** The errors of {@link run} without those of hooks; {@link stream} also has `StreamInterruptedError`. */
export type LoopError<Tools extends ReadonlyArray<Tool.Any>> =
  | ChatService.ChatError
  | Tool.ToolCallError
  | Tool.Error<Tools[number]>

/**
 * Runs the loop to its end.
 *
 * - A tool choice that forces a call applies to the first step; later it is `auto`, or no loop would end.
 * - The calls of an answer run concurrently; their results are sent in the order of the calls.
 * - An invalid call, of an unknown tool or with invalid arguments, gets the issue as its result. An invalid call of the same
 *   tool in the next step fails the loop with {@link Tool.ToolCallError}, before any handler of that step.
 * - Arguments are sent back as the model wrote them. Those that are not an object, which providers refuse, are wrapped in one:
 *   text as `INVALID_JSON`, other JSON as `value`.
 * - Ids that are empty or not unique in the conversation are replaced, unless the provider ran the call.
 *
 * Fails as the model, the hooks and the handlers of failure mode `error` do, and with `InvalidRequestError` before anything is
 * sent for two tools with one name, a tool with an invalid name or schema, a request with `tools`, or an invalid option.
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
 * {@link run} with its events. Models that cannot stream with tools fail.
 *
 * The calls of a step start when its answer is complete: an answer that fails half-way had no effects. Interruption of the
 * stream interrupts the answer or the handlers; they are subject to backpressure.
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

    // A step starts when the one before has been read to its end: only then is it known whether there is one.
    return Stream.flatten(Stream.unfold(
      undefined,
      () => outcome === undefined ? Effect.map(step, (events) => [events, undefined] as const) : Effect.undefined
    ))
  })).pipe(Stream.withSpan("ToolLoop.stream"))

type Collector = ReturnType<typeof ChatEvent.makeCollector>
