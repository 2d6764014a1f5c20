/**
 * Lets a model use tools: sends a request, runs the tool calls of the answer, sends their results, until an answer has no
 * calls. No state is kept between runs: hooks save the history and change requests.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../chat/ChatEvent.ts"
import * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatResponse from "../chat/ChatResponse.ts"
import * as ChatService from "../chat/ChatService.ts"
import * as ChatValidation from "../chat/internal/validation.ts"
import * as Message from "../chat/Message.ts"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import * as Untyped from "../internal/untyped.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import * as ToolCall from "./internal/call.ts"
import * as ToolHistory from "./internal/history.ts"
import * as Tool from "./Tool.ts"

/** A tool call with its `result` for the model, and the `error` of the handler, which the model does not see. */
export class ToolResult extends Schema.Opaque<ToolResult>()(Schema.Struct({
  call: Message.ToolCallPart,
  result: Untyped.value,
  isFailure: Schema.Boolean,
  error: Schema.optional(Schema.Defect())
})) {}

/**
 * A request and the tool calls of its answer, from `index` 0. `messages`, `usage` and `cost` as in {@link Outcome}, the
 * last two of all steps so far; `results` in the order of the calls, empty in the last step.
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
 *   limit: to continue, run the loop again with the longer history.
 * - `response`: the last answer. Its calls, if any, were not run.
 * - `messages`: to append to the history, without empty answers and answers whose calls were not run.
 * - `usage`, `cost`: of all `steps` (requests); no cost where that of a step is not known.
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
 * - `maxSteps`: the most requests to send, 10 when missing; `concurrency`: handlers that run at once, 8 when missing.
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
 * - An invalid call, of an unknown tool or with invalid arguments, gets the issue as its result. An invalid call of the
 *   same tool in the next step fails the loop with {@link Tool.ToolCallError}, before any handler of that step.
 * - Arguments are sent back as the model wrote them. Those that are not an object, which providers refuse, are wrapped in
 *   one: text as `INVALID_JSON`, other JSON as `value`.
 * - Ids that are empty or not unique in the conversation are replaced, unless the provider ran the call.
 *
 * Fails as the model, the hooks and the handlers of failure mode `error` do, and with `InvalidRequestError` before
 * anything is sent for two tools with one name, an invalid tool or option, or a request with `tools`.
 *
 * @example
 * const outcome = yield* ToolLoop.run("What is the weather in Paris?", { tools: [weather] })
 * history.push(...outcome.messages)
 */
export const run = <const Tools extends ReadonlyArray<Tool.Any>, E1 = never, R1 = never, E2 = never, R2 = never>(
  input: ChatRequest.Input,
  options: Options<Tools, E1, R1, E2, R2>
): Effect.Effect<
  Outcome,
  LoopError<Tools> | E1 | E2,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2
> =>
  Effect.gen(function*() {
    const service = yield* ChatService.ChatService
    const loop = yield* start(input, options)
    while (true) {
      const response = yield* Effect.flatMap(loop.request, service.generate)
      const turn = yield* loop.turn(loop.ids.inResponse(response))
      const results = yield* Effect.forEach(turn.calls, resultOf, { concurrency: loop.concurrency })
      const { outcome } = yield* loop.close(turn, results)
      if (outcome !== undefined) return outcome
    }
  }).pipe(Effect.withSpan("ToolLoop.run"))

/** {@link run} with its events. The calls of a step start when its answer is complete, and are subject to backpressure. */
export const stream = <const Tools extends ReadonlyArray<Tool.Any>, E1 = never, R1 = never, E2 = never, R2 = never>(
  input: ChatRequest.Input,
  options: Options<Tools, E1, R1, E2, R2>
): Stream.Stream<
  Event,
  LoopError<Tools> | ProviderError.StreamInterruptedError | E1 | E2,
  ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2
> =>
  Stream.unwrap(Effect.gen(function*() {
    const service = yield* ChatService.ChatService
    const loop = yield* start(input, options)
    let outcome: Outcome | undefined

    const step = Effect.map(loop.request, (request) => {
      const collector = ChatEvent.makeCollector()
      const identify = loop.ids.inStream()
      const answer = Stream.map(service.stream(request), (event): Event => collector.add(identify(event)))
      const calls = Effect.gen(function*() {
        const turn = yield* loop.turn(collector.response() ?? (yield* collector.incomplete(service)))
        const results: Array<ToolResult> = []
        const ran = Stream.mapEffect(Stream.fromIterable(turn.calls), (call, position) =>
          Effect.map(resultOf(call), (result): Event => {
            results[position] = result
            return { type: "tool-result", step: turn.index, ...result }
          }), { concurrency: loop.concurrency, unordered: true })
        const end = Effect.map(loop.close(turn, results), (closed): ReadonlyArray<Event> => {
          outcome = closed.outcome
          const step: Event = { type: "step", ...closed.step }
          return outcome === undefined ? [step] : [step, { type: "outcome", outcome }]
        })
        return Stream.concat(ran, Stream.fromIterableEffect(end))
      })
      return Stream.concat(answer, Stream.unwrap(calls))
    })

    // A step starts when the one before has been read to its end: only then is it known whether there is one.
    const next = Effect.suspend(() =>
      outcome === undefined ? Effect.zip(step, Effect.undefined) : Effect.undefined
    )
    return Stream.flatten(Stream.unfold(undefined, () =>
      next))
  })).pipe(Stream.withSpan("ToolLoop.stream"))

/** A step is a `request`, a `turn` that decodes the calls of the answer, and a `close` with their results in order. */
const start = <Tools extends ReadonlyArray<Tool.Any>, E1, R1, E2, R2>(
  input: ChatRequest.Input,
  options: Options<Tools, E1, R1, E2, R2>
) =>
  Effect.gen(function*() {
    type E = Tool.Error<Tools[number]>
    type R = Tool.Services<Tools[number]>
    const settled = yield* Check.run(optionsOf, options, { provider: "strata", whole: "options" })
    const { concurrency = 8, maxSteps = 10 } = settled
    // The types of functions cannot be checked.
    const { onStep, prepareStep } = settled as Pick<typeof options, "onStep" | "prepareStep">
    // The errors and requirements of one tool are among those of all.
    const tools = settled.tools as ReadonlyArray<ToolCall.Handled<E, R>>
    const given = yield* ChatValidation.settle("strata", input)
    const definitions = yield* define(tools, given)
    const byName = new Map(tools.map((tool) => [tool.name, tool]))
    const opening = ChatRequest.messagesOf(given)
    let index = 0
    let added: ReadonlyArray<Message.Message> = []
    let usage = Usage.empty
    let cost: Cost.Cost | undefined = Cost.empty
    let refused: ReadonlySet<string> = new Set()

    const request = Effect.suspend((): Effect.Effect<
      ChatRequest.ChatRequest,
      E1 | ProviderError.InvalidRequestError,
      R1
    > => {
      const isForced = given.toolChoice === "any" || typeof given.toolChoice === "object"
      const next: ChatRequest.ChatRequest = {
        ...given,
        messages: [...opening, ...added],
        ...(definitions.length > 0 && { tools: definitions }),
        ...(index > 0 && isForced && { toolChoice: "auto" })
      }
      return prepareStep === undefined
        ? Effect.succeed(next)
        : hooked("prepareStep", () => prepareStep({ index, request: next, usage }))
    })

    const turn = Effect.fnUntraced(function*(response: ChatResponse.ChatResponse) {
      const asked = stopped.has(response.finishReason) ? [] : response.toolCalls
      const reason: Outcome["reason"] | undefined = asked.length === 0
        ? "finished"
        : index + 1 >= maxSteps
        ? "max-steps"
        : undefined
      const isCut = response.finishReason === "length"
      const calls = yield* Effect.forEach(
        reason === undefined ? asked : [],
        (call) => ToolCall.prepare(byName, call, isCut)
      )
      const wrong = calls.filter(({ refusal }) => refusal !== undefined)
      const again = wrong.find(({ call }) => refused.has(call.name))
      if (again?.refusal !== undefined) return yield* wrongAgain(again.call, again.refusal)
      refused = new Set(wrong.map(({ call }) => call.name))
      return { index, response, reason, calls }
    })

    const close = Effect.fnUntraced(function*(
      { reason, response }: Effect.Success<ReturnType<typeof turn>>,
      results: ReadonlyArray<ToolResult>
    ) {
      usage = Usage.add(usage, response.usage)
      cost = Cost.sum([cost, response.cost])
      const spent = { usage, ...(cost && { cost }) }
      const messages = ToolHistory.of(response, results)
      added = [...added, ...messages]
      const step: Step = { index: index++, response, results, messages, ...spent }
      if (onStep !== undefined) yield* hooked("onStep", () => onStep(step))
      const outcome: Outcome | undefined = reason && { reason, response, messages: added, ...spent, steps: index }
      return { step, outcome }
    })

    return {
      close,
      concurrency: Math.max(1, Math.floor(concurrency)),
      ids: ToolHistory.makeIds(opening),
      request,
      turn
    }
  })

const resultOf = <E, R>({ answer, call }: ToolCall.Prepared<E, R>): Effect.Effect<ToolResult, E, R> =>
  Effect.map(answer, ({ isFailure, result, ...rest }) => ({
    call,
    result,
    isFailure,
    ...("error" in rest && { error: rest.error })
  }))

const stopped: ReadonlySet<ChatResponse.FinishReason> = new Set([
  "guardrail",
  "content-filter",
  "refusal",
  "context-length"
])

const define = Effect.fnUntraced(function*(tools: ReadonlyArray<Tool.Any>, request: ChatRequest.ChatRequest) {
  const definitions = yield* Effect.forEach(tools, Tool.definition)
  const names = definitions.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    return yield* Check.invalid("tools", `there are two tools with the name "${twice}"`, "Give each tool a unique name")
  }
  if (request.tools !== undefined && request.tools.length > 0) {
    return yield* Check.invalid("tools", "the request has tools", "Give the loop all tools, made with `Tool.make`")
  }
  return definitions
})

/** Runs a hook; one that throws, or does not return an effect, is an invalid option. */
const hooked = <A, E, R>(
  field: string,
  hook: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ProviderError.InvalidRequestError, R> =>
  Effect.flatMap(
    Effect.try({ try: hook, catch: (cause) => Check.threw({ provider: "strata" }, field, cause) }),
    (effect): Effect.Effect<A, E | ProviderError.InvalidRequestError, R> =>
      Check.holds(Effect.isEffect, effect)
        ? effect
        : Effect.fail(Check.invalid(field, "the function does not return an effect", "Return an `Effect`"))
  )

const count = Check.optional(Check.number({ min: 0, remedy: "Use a number from 1" }))

const optionsOf = Check.struct<Options<ReadonlyArray<Tool.Any>, unknown, unknown, unknown, unknown>>({
  tools: Check.list(Tool.check, { remedy: "Give an array of tools, made with `Tool.make`" }),
  maxSteps: count,
  concurrency: count,
  prepareStep: Check.optional(Check.callback()),
  onStep: Check.optional(Check.callback())
}, { remedy: "Give an object with `tools`" })

const wrongAgain = ({ id, name, params }: Message.ToolCallPart, refusal: ToolCall.Refusal) =>
  new Tool.ToolCallError({
    ...refusal,
    tool: name,
    callId: id,
    params,
    message: `The model called the tool "${name}" wrongly in two steps in a row: ${refusal.issue}`
  })
