/**
 * The steps of a tool loop, for whole answers and streams.
 */
import * as Effect from "effect/Effect"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as ChatRequest from "../../chat/ChatRequest.ts"
import type * as ChatResponse from "../../chat/ChatResponse.ts"
import * as ChatValidation from "../../chat/internal/validation.ts"
import * as Message from "../../chat/Message.ts"
import type * as ToolDefinition from "../../chat/ToolDefinition.ts"
import * as Check from "../../Check.ts"
import * as Cost from "../../Cost.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"
import * as Tool from "../Tool.ts"
import type * as ToolStep from "../ToolStep.ts"
import * as ToolCall from "./call.ts"
import * as ToolIds from "./ids.ts"

/** An answer and its decoded calls. `reason` is set for the last one. */
export interface Turn<E, R> {
  readonly index: number
  readonly response: ChatResponse.ChatResponse
  readonly reason: ToolStep.Outcome["reason"] | undefined
  readonly calls: ReadonlyArray<ToolCall.Prepared<E, R>>
}

/**
 * Checks the tools and starts a loop. A step is, in this order:
 *
 * - `request`: the request to send.
 * - `turn`: decodes the calls of the answer.
 * - `answer`: runs one call of the turn.
 * - `close`: ends the step, with the results in the order of the calls.
 */
export const start = <Tools extends ReadonlyArray<Tool.Any>, E1, R1, E2, R2>(
  input: ChatRequest.Input,
  options: ToolStep.Options<Tools, E1, R1, E2, R2>
) =>
  Effect.gen(function*() {
    type E = Tool.Error<Tools[number]>
    type R = Tool.Services<Tools[number]>
    const { concurrency = 8, maxSteps = 10, ...settled } = yield* Check.run(loopOptions, options, {
      provider: "strata",
      whole: "options"
    })
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
      const next: ChatRequest.ChatRequest = {
        ...given,
        messages: [...opening, ...added],
        ...(definitions.length === 0 ? undefined : { tools: definitions }),
        ...(index > 0 && isForced(given.toolChoice) ? { toolChoice: "auto" } : undefined)
      }
      return prepareStep === undefined
        ? Effect.succeed(next)
        : hooked("prepareStep", () => prepareStep({ index, request: next, usage }))
    })

    const turn = Effect.fnUntraced(function*(response: ChatResponse.ChatResponse) {
      const asked = isStopped(response) ? [] : response.toolCalls
      const reason = asked.length === 0 ? "finished" : index + 1 >= maxSteps ? "max-steps" : undefined
      const cut = response.finishReason === "length"
      const calls = yield* Effect.forEach(
        reason === undefined ? asked : [],
        (call) => ToolCall.prepare(byName, call, cut)
      )
      const wrong = calls.flatMap(({ call, refusal }) => refusal === undefined ? [] : [{ call, refusal }])
      const again = wrong.find(({ call }) => refused.has(call.name))
      if (again !== undefined) return yield* wrongAgain(again)
      refused = new Set(wrong.map(({ call }) => call.name))
      return { index, response, reason, calls } satisfies Turn<E, R>
    })

    const close = Effect.fnUntraced(function*(
      { reason, response }: Turn<E, R>,
      results: ReadonlyArray<ToolStep.ToolResult>
    ) {
      usage = Usage.add(usage, response.usage)
      cost = Cost.sum([cost, response.cost])
      const spent = { usage, ...(cost && { cost }) }
      const messages = history(response, results)
      added = [...added, ...messages]
      const step: ToolStep.Step = { index: index++, response, results, messages, ...spent }
      if (onStep !== undefined) yield* hooked("onStep", () => onStep(step))
      const outcome: ToolStep.Outcome | undefined = reason === undefined
        ? undefined
        : { reason, response, messages: added, ...spent, steps: index }
      return { step, outcome }
    })

    return {
      answer,
      close,
      concurrency: Math.max(1, Math.floor(concurrency)),
      ids: ToolIds.make(opening),
      request,
      turn
    }
  })

const define = Effect.fnUntraced(function*(tools: ReadonlyArray<Tool.Any>, request: ChatRequest.ChatRequest) {
  const definitions = yield* Effect.forEach(tools, Tool.definition)
  const names = definitions.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    return yield* invalid("tools", `there are two tools with the name "${twice}"`, "Give each tool a unique name")
  }
  if (request.tools !== undefined && request.tools.length > 0) {
    return yield* invalid("tools", "the request has tools", "Give the loop all tools, made with `Tool.make`")
  }
  return definitions
})

const answer = <E, R>({ answer, call }: ToolCall.Prepared<E, R>): Effect.Effect<ToolStep.ToolResult, E, R> =>
  Effect.map(answer, (answered) => ({
    call,
    result: answered.result,
    isFailure: answered.isFailure,
    ...(answered.isFailure ? { error: answered.error } : undefined)
  }))

/** Empty for an answer that is empty or whose calls have no results: providers refuse those. */
const history = (
  response: ChatResponse.ChatResponse,
  results: ReadonlyArray<ToolStep.ToolResult>
): ReadonlyArray<Message.Message> => {
  const { message, toolCalls } = response
  if (message.content.length === 0 || toolCalls.length > results.length) return []
  if (results.length === 0) return [message]
  const content = results.map(({ call, isFailure, result }): Message.ToolResultPart => ({
    type: "tool-result",
    id: call.id,
    result,
    ...(isFailure ? { isFailure } : undefined)
  }))
  return [sendable(message), Message.tool(content)]
}

/**
 * A model must see invalid arguments to correct them, but providers accept objects only. Text is sent under the key that
 * Anthropic's documentation of fine-grained tool streaming proposes, other JSON as `value`.
 */
const sendable = (message: Message.AssistantMessage): Message.AssistantMessage =>
  typeof message.content === "string" ? message : Message.assistant(
    message.content.map((part) =>
      part.type === "tool-call" && !isObject(part.params) ? { ...part, params: wrapped(part.params) } : part
    )
  )

const wrapped = (params: unknown): object =>
  params === undefined || params === null
    ? {}
    : typeof params === "string"
    ? { INVALID_JSON: params }
    : { value: params }

/** The answer was withheld, or the context window is full: its calls are not run. */
const isStopped = ({ finishReason }: ChatResponse.ChatResponse): boolean =>
  finishReason === "guardrail" || finishReason === "content-filter" || finishReason === "refusal" ||
  finishReason === "context-length"

const isForced = (choice: ToolDefinition.ToolChoice | undefined): boolean =>
  choice === "any" || typeof choice === "object"

/** Runs a hook; one that throws, or does not return an effect, is an invalid option. */
const hooked = <A, E, R>(
  field: string,
  hook: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ProviderError.InvalidRequestError, R> =>
  Result.match(Result.try(() => hook()), {
    onFailure: (cause) => Effect.fail(Check.threw({ provider: "strata" }, field, cause)),
    onSuccess: (effect) =>
      Check.holds(Effect.isEffect, effect) ? effect : Effect.fail(ProviderError.invalidRequest({
        provider: "strata",
        field,
        problem: "the function does not return an effect",
        remedy: "Return an `Effect`"
      }))
  })

const count = Check.number({ min: 0, remedy: "Use a number from 1" })

const loopOptions = Check.struct<{
  readonly tools: ReadonlyArray<Tool.Any>
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly prepareStep?: unknown
  readonly onStep?: unknown
}>({
  tools: Check.list(Tool.check, { remedy: "Give an array of tools, made with `Tool.make`" }),
  maxSteps: Check.optional(count),
  concurrency: Check.optional(count),
  prepareStep: Check.optional(Check.callback()),
  onStep: Check.optional(Check.callback())
}, { remedy: "Give an object with `tools`" })

const wrongAgain = (wrong: { readonly call: Message.ToolCallPart; readonly refusal: ToolCall.Refusal }) =>
  Effect.fail(
    new Tool.ToolCallError({
      ...wrong.refusal,
      tool: wrong.call.name,
      callId: wrong.call.id,
      params: wrong.call.params,
      message: `The model called the tool "${wrong.call.name}" wrongly in two steps in a row: ${wrong.refusal.issue}`
    })
  )

const invalid = (field: string, problem: string, remedy: string) =>
  Effect.fail(ProviderError.invalidRequest({ provider: "strata", field, problem, remedy }))
