/**
 * The loop between two requests: a step is opened with the answer of the model, its calls run, and it is closed with their
 * results, or ends the loop where calls wait. All that has to outlive the process is in the {@link ToolState.State}.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Chat from "../../chat/Chat.ts"
import * as ChatRequest from "../../chat/ChatRequest.ts"
import type * as ChatResponse from "../../chat/ChatResponse.ts"
import type * as Message from "../../chat/Message.ts"
import type * as ToolDefinition from "../../chat/ToolDefinition.ts"
import * as Check from "../../Check.ts"
import * as Cost from "../../Cost.ts"
import type * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"
import * as Tool from "../Tool.ts"
import type * as ToolEvent from "../ToolEvent.ts"
import type * as ToolOptions from "../ToolOptions.ts"
import * as ToolState from "../ToolState.ts"
import * as ToolCall from "./call.ts"
import * as Fingerprint from "./fingerprint.ts"
import * as ToolHistory from "./history.ts"
import * as Hook from "./hook.ts"
import * as ToolSettle from "./settle.ts"

/** The tools of a loop, and what a model sees of them. */
export interface Toolbox<E, R> {
  readonly definitions: ReadonlyArray<ToolDefinition.ToolDefinition>
  readonly byName: ReadonlyMap<string, ToolCall.Handled<E, R>>
}

export const toolbox = Effect.fnUntraced(function*<E, R>(
  tools: ReadonlyArray<ToolCall.Handled<E, R>>,
  request: ChatRequest.ChatRequest
): Effect.fn.Return<Toolbox<E, R>, ProviderError.InvalidRequestError> {
  const definitions = yield* Effect.forEach(tools, Tool.definition)
  const names = definitions.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    return yield* Check.invalid("tools", `there are two tools with the name "${twice}"`, "Give each tool a unique name")
  }
  if (request.tools !== undefined && request.tools.length > 0) {
    return yield* Check.invalid("tools", "the request has tools", "Give the loop all tools, made with `Tool.make`")
  }
  return { definitions, byName: new Map(tools.map((tool) => [tool.name, tool])) }
})

/**
 * Makes the loop from a state, that of a run or of a resume. `fresh`: the indexes of calls with a result that was not
 * reported yet.
 */
export const make = <E, R, E1, R1, E2, R2, E3, R3>(
  initial: ToolState.State,
  { byName, definitions }: Toolbox<E, R>,
  options: Omit<ToolOptions.Options<ReadonlyArray<Tool.Any>, E1, R1, E2, R2, E3, R3>, "tools" | "id">,
  service: Pick<Chat.Chat, "provider" | "defaultModel">,
  fresh: ReadonlyArray<number> = []
) => {
  const { concurrency = 8, maxSteps = 10, onStep, prepareStep, save } = options
  const opening = ChatRequest.messagesOf(initial.request)
  const ids = ToolHistory.makeIds([
    ...opening,
    ...initial.messages,
    ...(initial.response ? [initial.response.message] : [])
  ])
  const saving = Semaphore.makeUnsafe(1)
  let state = initial
  let unreported = new Set(fresh)
  let results = new Map<number, ToolState.ToolResult>() // of this process, with their errors
  const checked = new Map<string, ToolCall.Prepared<E, R>>() // of this process, by id of the call

  /** Changes the state, and saves it; states are saved one after the other. */
  const record = (change: (state: ToolState.State) => ToolState.State) =>
    saving.withPermits(1)(Effect.suspend(() => {
      const next = change(state)
      state = { ...next, revision: next.revision + 1 }
      return save === undefined ? Effect.void : Hook.run("save", () => save(state))
    }))

  const request = Effect.gen(function*() {
    yield* record((state) => state)
    const given = state.request
    const isForced = given.toolChoice === "any" || typeof given.toolChoice === "object"
    const next: ChatRequest.ChatRequest = {
      ...given,
      messages: [...opening, ...state.messages],
      ...(definitions.length > 0 && { tools: definitions }),
      ...(state.steps > 0 && isForced && { toolChoice: "auto" })
    }
    return prepareStep === undefined
      ? next
      : yield* Hook.run("prepareStep", () => prepareStep({ index: state.steps, request: next, usage: state.usage }))
  })

  const reasonOf = ({ calls, response }: ToolState.State): ToolEvent.Outcome["reason"] | undefined =>
    response === undefined || (calls.length === 0 && callsOf(response).length === 0)
      ? "finished"
      : calls.length === 0
      ? "max-steps"
      : calls.some(({ status }) => status !== "settled")
      ? "pending"
      : undefined

  /** Begins a step with the answer of the model. */
  const open = Effect.fnUntraced(function*(response: ChatResponse.ChatResponse) {
    const isLast = state.steps + 1 >= maxSteps
    const isCut = response.finishReason === "length"
    const wrong: Array<{ readonly call: Message.ToolCallPart; readonly refusal: ToolCall.Refusal }> = []
    const calls = yield* Effect.forEach(
      isLast ? [] : callsOf(response),
      (call, index) =>
        Effect.flatMap(
          ToolCall.prepare(byName, call, isCut),
          (prepared): Effect.Effect<ToolState.StateCall, never, R> => {
            if (prepared.refusal === undefined) {
              checked.set(call.id, prepared)
              return ToolSettle.opened({ call }, prepared)
            }
            wrong.push({ call, refusal: prepared.refusal })
            return Effect.succeed(settle(index, ToolSettle.refused({ call }, prepared)))
          }
        )
    )
    const again = wrong.find(({ call }) => state.refused.includes(call.name))
    if (again !== undefined) return yield* wrongAgain(again.call, again.refusal)
    const isKept = save !== undefined || calls.some(({ status }) => status === "approval" || status === "result")
    const tools = isKept ? yield* Fingerprint.ofCalled(definitions, calls) : {}
    const cost = Cost.sum([state.cost, response.cost])
    const { cost: _, ...rest } = state
    state = {
      ...rest,
      steps: state.steps + 1,
      usage: Usage.add(state.usage, response.usage),
      ...(cost && { cost }),
      refused: [...new Set(wrong.map(({ call }) => call.name))],
      response,
      calls,
      fingerprint: { ...fingerprint(service, state.request), tools }
    }
    return response
  })

  const settle = (index: number, result: ToolState.ToolResult): ToolState.SettledCall => {
    results.set(index, result)
    unreported.add(index)
    return ToolSettle.settled(result)
  }

  /** The calls that can run now, and those whose result is not reported yet: each gives its result. */
  const jobs = () =>
    state.calls.flatMap((current, index) =>
      current.status === "ready"
        ? [handle(current, index)]
        : current.status === "settled" && unreported.has(index)
        ? [Effect.sync(() => resultOf(current, index))]
        : []
    )

  const handle = (
    current: ToolState.OpenCall,
    index: number
  ): Effect.Effect<ToolState.ToolResult, E | E3 | ProviderError.InvalidRequestError, R | R3> =>
    Effect.gen(function*() {
      const { call } = current
      const end = (answered: ToolState.ToolResult) =>
        Effect.as(record((state) => withCall(state, index, settle(index, answered))), answered)
      const prepared = checked.get(call.id) ?? (yield* ToolCall.prepare(byName, call, false))
      if (prepared.refusal !== undefined) return yield* end(ToolSettle.refused(current, prepared))
      const { run } = prepared.call
      // A tool that had a handler when the call was made `ready`.
      if (run === undefined) return yield* end(ToolSettle.notRun(current, "changed"))
      yield* record((state) => withCall(state, index, { ...current, status: "started" }))
      // An interruption must not lose the result of what has taken effect.
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          restore(ToolCall.traced(call, run)),
          (answer) => end(ToolSettle.answered(current, answer))
        )
      )
    })

  /** Ends the step: with its results, or with the calls that wait. */
  const close = Effect.fnUntraced(function*(
    response: ChatResponse.ChatResponse
  ): Effect.fn.Return<Closed, E2 | E3 | ProviderError.InvalidRequestError, R2 | R3> {
    const reason = reasonOf(state) ?? (state.steps >= maxSteps ? "max-steps" : undefined)
    const index = Math.max(0, state.steps - 1)
    const spent = { usage: state.usage, ...(state.cost && { cost: state.cost }) }
    const outcome = () => ({ response, messages: state.messages, ...spent, steps: state.steps })
    if (reason === "pending") {
      yield* record((state) => state)
      return { outcome: { reason, ...outcome(), pending: ToolState.pendingOf(state), state } }
    }
    const settledNow = state.calls.flatMap((call, index) => call.status === "settled" ? [resultOf(call, index)] : [])
    const messages = ToolHistory.of(response, settledNow)
    const step: ToolEvent.Step = { index, response, results: settledNow, messages, ...spent }
    const { response: _, ...rest } = state
    state = { ...rest, messages: [...state.messages, ...messages, ...state.following], calls: [], following: [] }
    unreported = new Set()
    results = new Map()
    checked.clear()
    if (onStep !== undefined) yield* Hook.run("onStep", () => onStep(step))
    return { step, ...(reason !== undefined && { outcome: { reason, ...outcome() } }) }
  })

  const resultOf = (current: ToolState.SettledCall, index: number): ToolState.ToolResult => {
    const { status: _, ...result } = current
    return results.get(index) ?? result
  }

  const loop: Loop<E | E1 | E2 | E3, R | R1 | R2 | R3> = {
    close,
    concurrency: Math.max(1, Math.floor(concurrency)),
    ids,
    jobs,
    open,
    opened: () => state.response,
    request,
    stepIndex: () => Math.max(0, state.steps - 1)
  }
  return loop
}

/**
 * - `request`: saves the state, and gives the next request.
 * - `open`: begins a step with the answer to it, and returns it; `opened`: the answer of the step that was begun and is not
 *   closed.
 * - `jobs`: the calls that can run now, and those whose result is not reported yet: each gives its result.
 * - `close`: ends the step when its jobs have ended.
 */
export interface Loop<E, R> {
  readonly concurrency: number
  readonly ids: ReturnType<typeof ToolHistory.makeIds>
  readonly request: Effect.Effect<ChatRequest.ChatRequest, E | ProviderError.InvalidRequestError, R>
  readonly open: (
    response: ChatResponse.ChatResponse
  ) => Effect.Effect<ChatResponse.ChatResponse, Tool.ToolCallError, R>
  readonly opened: () => ChatResponse.ChatResponse | undefined
  readonly stepIndex: () => number
  readonly jobs: () => ReadonlyArray<Effect.Effect<ToolState.ToolResult, E | ProviderError.InvalidRequestError, R>>
  readonly close: (
    response: ChatResponse.ChatResponse
  ) => Effect.Effect<Closed, E | ProviderError.InvalidRequestError, R>
}

/** A step that is complete, the last one with the outcome; or the outcome alone, where calls wait. */
export type Closed =
  | { readonly step: ToolEvent.Step; readonly outcome?: ToolEvent.Ended }
  | { readonly step?: never; readonly outcome: ToolEvent.Waiting }

const withCall = (state: ToolState.State, index: number, call: ToolState.StateCall): ToolState.State => ({
  ...state,
  calls: state.calls.with(index, call)
})

/** What must be the same when the loop goes on. */
export const fingerprint = (
  { defaultModel, provider }: Pick<Chat.Chat, "provider" | "defaultModel">,
  { model = defaultModel }: ChatRequest.ChatRequest
): ToolState.Fingerprint => ({
  ...(provider !== undefined && { provider }),
  ...(model !== undefined && { model }),
  tools: {}
})

/** The calls that the program has to answer. */
const callsOf = ({ finishReason, toolCalls }: ChatResponse.ChatResponse): ReadonlyArray<Message.ToolCallPart> =>
  stopped.has(finishReason) ? [] : toolCalls

const stopped: ReadonlySet<ChatResponse.FinishReason> = new Set([
  "guardrail",
  "content-filter",
  "refusal",
  "context-length"
])

const wrongAgain = ({ id, name, params }: Message.ToolCallPart, refusal: ToolCall.Refusal) =>
  new Tool.ToolCallError({
    ...refusal,
    tool: name,
    callId: id,
    params,
    message: `The model called the tool "${name}" wrongly in two steps in a row: ${refusal.issue}`
  })
