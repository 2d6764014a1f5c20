/**
 * Lets a model use tools: sends a request, runs the tool calls of the answer, sends their results, until an answer has no
 * calls. Calls that wait for a person or a browser end it with its state, which is data: {@link resume} goes on from there,
 * in another process if need be. Hooks save the history and the state, and change requests.
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../chat/ChatEvent.ts"
import * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatService from "../chat/ChatService.ts"
import * as ChatValidation from "../chat/internal/validation.ts"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import type * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import type * as ToolCall from "./internal/call.ts"
import * as Decide from "./internal/decide.ts"
import * as Loop from "./internal/loop.ts"
import * as OptionChecks from "./internal/options.ts"
import * as Resumable from "./internal/resumable.ts"
import type * as Tool from "./Tool.ts"
import type * as ToolDecision from "./ToolDecision.ts"
import type * as ToolEvent from "./ToolEvent.ts"
import type * as ToolOptions from "./ToolOptions.ts"
import type * as ToolState from "./ToolState.ts"

export * from "./ToolDecision.ts"
export * from "./ToolEvent.ts"
export * from "./ToolOptions.ts"
export * from "./ToolSeal.ts"
export * from "./ToolState.ts"

/** The errors of {@link run} without those of hooks; {@link stream} also has `StreamInterruptedError`. */
export type LoopError<Tools extends ReadonlyArray<Tool.Any>> =
  | ChatService.ChatError
  | Tool.ToolCallError
  | Tool.Error<Tools[number]>

/** The errors of {@link resume} that {@link run} does not have. */
export type ResumeError = ToolState.StateError | ToolDecision.DecisionError

/**
 * Runs the loop to its end.
 *
 * - A tool choice that forces a call applies to the first step; later it is `auto`, or no loop would end.
 * - The calls of an answer run concurrently; their results are sent in the order of the calls.
 * - An invalid call, of an unknown tool or with invalid arguments, gets the issue as its result. An invalid call of the
 *   same tool in the next step fails the loop with {@link Tool.ToolCallError}, before any handler of that step.
 * - Arguments are sent back as the model wrote them. Those that are not an object, which providers refuse, are wrapped in
 *   one: text as `INVALID_JSON`, other JSON as `value`.
 * - Ids that are empty or not unique in the conversation are replaced, unless the provider ran the call.
 * - Calls that need approval or have no handler wait: the others of the step run, then the loop ends with the reason
 *   `pending` and its `state`. Only valid calls wait.
 *
 * Fails as the model, the hooks and the handlers of failure mode `error` do, and with `InvalidRequestError` before
 * anything is sent for two tools with one name, an invalid tool or option, or a request with `tools`.
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
  R2 = never,
  E3 = never,
  R3 = never
>(
  input: ChatRequest.Input,
  options: ToolOptions.Options<Tools, E1, R1, E2, R2, E3, R3>
): Effect.Effect<
  ToolEvent.Outcome,
  LoopError<Tools> | E1 | E2 | E3,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2 | R3
> =>
  Effect.flatMap(begin(input, options), toOutcome).pipe(
    Effect.withSpan("ToolLoop.run", {}, { captureStackTrace: false })
  )

/**
 * {@link run} with its events. The calls of a step start when its answer is complete, and are subject to backpressure.
 *
 * @example
 * const printed = ToolLoop.stream("What is the weather in Paris?", { tools: [weather] }).pipe(
 *   Stream.runForEach((event) => event.type === "text-delta" ? Console.log(event.delta) : Effect.void)
 * )
 */
export const stream = <
  const Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never
>(
  input: ChatRequest.Input,
  options: ToolOptions.Options<Tools, E1, R1, E2, R2, E3, R3>
): Stream.Stream<
  ToolEvent.Event,
  LoopError<Tools> | ProviderError.StreamInterruptedError | E1 | E2 | E3,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2 | R3
> =>
  Stream.unwrap(Effect.map(begin(input, options), toEvents)).pipe(
    Stream.withSpan("ToolLoop.stream", { captureStackTrace: false })
  )

/**
 * Goes on from the state of a loop that waits, or that a crash ended.
 *
 * - `answers`: to calls that wait, by the id of the call, in any order; all that are left may come later: the loop then ends
 *   as `pending` again. They are checked together, and none is applied if one is refused.
 * - Approved calls run, with their input and policy checked again; declined, expired and superseded ones get a fixed text as
 *   their result. The model is asked when each call of the step has exactly one result.
 * - A call that was started and has no result is reported as `unknown`, unless its tool is `repeatable`. A call of a tool that
 *   is gone or, if it was not approved by now, has another definition fails.
 * - The state is the authority: use the newest one once. A `save` hook with a store that refuses a `revision` it has lets only
 *   one of two resumes go on.
 *
 * Fails as {@link run} does, with {@link DecisionError} for an answer that does not fit, and with {@link StateError} for a
 * value that is not a state, and for another model than the one that began.
 *
 * @example
 * const next = yield* ToolLoop.resume(outcome.state, [{ callId, type: "approve" }], { tools: [transfer] })
 */
export const resume = <
  const Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never
>(
  state: ToolState.State,
  answers: ReadonlyArray<ToolDecision.Decision>,
  options: ToolOptions.ResumeOptions<Tools, E1, R1, E2, R2, E3, R3>
): Effect.Effect<
  ToolEvent.Outcome,
  LoopError<Tools> | ResumeError | E1 | E2 | E3,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2 | R3
> =>
  Effect.flatMap(beginFrom(state, answers, options), toOutcome).pipe(
    Effect.withSpan("ToolLoop.resume", {}, { captureStackTrace: false })
  )

/** {@link resume} with its events: a `tool-result` for each call that gets its result now, then those of {@link stream}. */
export const resumeStream = <
  const Tools extends ReadonlyArray<Tool.Any>,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never
>(
  state: ToolState.State,
  answers: ReadonlyArray<ToolDecision.Decision>,
  options: ToolOptions.ResumeOptions<Tools, E1, R1, E2, R2, E3, R3>
): Stream.Stream<
  ToolEvent.Event,
  LoopError<Tools> | ResumeError | ProviderError.StreamInterruptedError | E1 | E2 | E3,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2 | R3
> =>
  Stream.unwrap(Effect.map(beginFrom(state, answers, options), toEvents)).pipe(
    Stream.withSpan("ToolLoop.resume", { captureStackTrace: false })
  )

const begin = Effect.fnUntraced(function*<Tools extends ReadonlyArray<Tool.Any>, E1, R1, E2, R2, E3, R3>(
  input: ChatRequest.Input,
  options: ToolOptions.Options<Tools, E1, R1, E2, R2, E3, R3>
) {
  const service = yield* ChatService.ChatService
  const { id, ...settled } = yield* Check.run(OptionChecks.options, options, { provider: "strata", whole: "options" })
  const request = yield* ChatValidation.settle("strata", input)
  const tools = yield* Loop.toolbox(handled<Tools>(settled.tools), request)
  const { tools: _, ...given } = request
  const state: ToolState.State = {
    version: 1,
    id: id ?? (yield* randomId),
    revision: 0,
    request: given,
    messages: [],
    steps: 0,
    usage: Usage.empty,
    cost: Cost.empty,
    refused: [],
    calls: [],
    following: [],
    fingerprint: Loop.fingerprint(service, request)
  }
  return { service, loop: Loop.make(state, tools, hooked(settled, options), service) }
})

const beginFrom = Effect.fnUntraced(function*<Tools extends ReadonlyArray<Tool.Any>, E1, R1, E2, R2, E3, R3>(
  given: ToolState.State,
  answers: ReadonlyArray<ToolDecision.Decision>,
  options: ToolOptions.ResumeOptions<Tools, E1, R1, E2, R2, E3, R3>
) {
  const service = yield* ChatService.ChatService
  const settled = yield* Check.run(OptionChecks.resumeOptions, options, { provider: "strata", whole: "options" })
  const decisions = yield* Check.run(Decide.check, answers, { provider: "strata", field: "answers" })
  const state = yield* Resumable.check(given)
  const request = yield* ChatValidation.settle("strata", state.request)
  yield* ChatValidation.settle("strata", [...state.messages, ...state.following])
  const following = settled.messages === undefined
    ? []
    : ChatRequest.messagesOf(yield* ChatValidation.settle("strata", settled.messages))
  const tools = yield* Loop.toolbox(handled<Tools>(settled.tools), request)
  if (settled.allowModelChange !== true) {
    yield* Resumable.checkModel(state, Loop.fingerprint(service, request))
  }
  const decided = yield* Decide.apply(state, decisions, tools, following.length > 0)
  const next = { ...decided.state, following: [...state.following, ...following] }
  return { service, loop: Loop.make(next, tools, hooked(settled, options), service, decided.fresh) }
})

/** Runs a loop to its end. */
const toOutcome = Effect.fnUntraced(function*<E, R>({ loop, service }: Begun<E, R>) {
  while (true) {
    const response = loop.opened() ??
      (yield* loop.open(loop.ids.inResponse(yield* Effect.flatMap(loop.request, service.generate))))
    yield* Effect.forEach(loop.jobs(), identity, { concurrency: loop.concurrency, discard: true })
    const { outcome } = yield* loop.close(response)
    if (outcome !== undefined) return outcome
  }
})

/** The events of a loop. */
const toEvents = <E, R>({ loop, service }: Begun<E, R>) => {
  let isOver = false

  const step = Effect.sync(() => {
    const collector = ChatEvent.makeCollector()
    const answer = Effect.map(loop.request, (request) => {
      const identify = loop.ids.inStream()
      return Stream.map(service.stream(request), (event): ToolEvent.Event => collector.add(identify(event)))
    })
    const calls = Effect.gen(function*() {
      const response = loop.opened() ??
        (yield* loop.open(collector.response() ?? (yield* collector.incomplete(service))))
      const step = loop.stepIndex()
      const ran = Stream.mapEffect(
        Stream.fromIterable(loop.jobs()),
        (job) => Effect.map(job, (result): ToolEvent.Event => ({ type: "tool-result", step, ...result })),
        {
          concurrency: loop.concurrency,
          unordered: true
        }
      )
      const end = Effect.map(loop.close(response), (closed): ReadonlyArray<ToolEvent.Event> => {
        isOver = closed.outcome !== undefined
        return [
          closed.step === undefined
            ? { type: "tool-pending", step, pending: closed.outcome.pending }
            : { type: "step", ...closed.step },
          ...(closed.outcome === undefined ? [] : [{ type: "outcome" as const, outcome: closed.outcome }])
        ]
      })
      return Stream.concat(ran, Stream.fromIterableEffect(end))
    })
    const events = Stream.unwrap(calls)
    return loop.opened() === undefined ? Stream.concat(Stream.unwrap(answer), events) : events
  })

  // A step starts when the one before has been read to its end: only then is it known whether there is one.
  const next = Effect.suspend(() => isOver ? Effect.undefined : Effect.zip(step, Effect.undefined))
  return Stream.flatten(Stream.unfold(undefined, () => next))
}

/** A loop with the model that answers it. */
interface Begun<E, R> {
  readonly service: ChatService.ChatService["Service"]
  readonly loop: Loop.Loop<E, R>
}

/** The errors and requirements of one tool are among those of all. */
const handled = <Tools extends ReadonlyArray<Tool.Any>>(tools: ReadonlyArray<Tool.Any>) =>
  tools as ReadonlyArray<ToolCall.Handled<Tool.Error<Tools[number]>, Tool.Services<Tools[number]>>>

/** Checked options with the hooks of the given ones: the types of functions cannot be checked. */
const hooked = <Hooks>(checked: object, _given: Hooks) => checked as Omit<Hooks, "tools">

const randomId = Effect.map(
  Effect.all([Random.nextIntBetween(0, 2 ** 48), Random.nextIntBetween(0, 2 ** 48)]),
  (parts) => parts.map((part) => part.toString(36)).join("-")
)
