/**
 * What a tool loop does between one answer of the model and the next, whichever way the answers come.
 */
import * as Effect from "effect/Effect"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import * as ChatRequest from "../ChatRequest.ts"
import type * as ChatResponse from "../ChatResponse.ts"
import * as Cost from "../Cost.ts"
import * as Message from "../Message.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Tool from "../Tool.ts"
import type * as ToolLoop from "../ToolLoop.ts"
import * as Usage from "../Usage.ts"
import * as ToolCall from "./toolCall.ts"
import * as ToolIds from "./toolIds.ts"

/** An answer and its calls, ready to run. `reason` is why the loop ends with it. */
export interface Turn<E, R> {
  readonly index: number
  readonly response: ChatResponse.ChatResponse
  readonly reason: ToolLoop.Outcome["reason"] | undefined
  readonly calls: ReadonlyArray<ToolCall.Prepared<E, R>>
}

/**
 * Checks the tools and begins a conversation. In every step come, in this order:
 *
 * - `request`: what to send.
 * - `turn`: what the answer asks for.
 * - `answer`: runs one call, for each of the turn.
 * - `close`: ends the step with the results in the order of the calls.
 */
export const start = <Tools extends ReadonlyArray<Tool.Any>, E1, R1, E2, R2>(
  input: ChatRequest.Input,
  options: ToolLoop.Options<Tools, E1, R1, E2, R2>
) =>
  Effect.gen(function*() {
    type E = Tool.Error<Tools[number]>
    type R = Tool.Services<Tools[number]>
    const problem = Result.getOrElse(Result.try(() => problemOf(ChatRequest.make(input), options)), () => unreadable)
    if (problem !== undefined) return yield* invalid(...problem)
    const given = ChatRequest.make(input)
    // What one tool can fail with and needs is among what all of them can and do.
    const tools = options.tools as ReadonlyArray<ToolCall.Handled<E, R>>
    const definitions = yield* define(tools, given)
    const byName = new Map(tools.map((tool) => [tool.name, tool]))
    const opening = typeof given.messages === "string" ? [Message.user(given.messages)] : given.messages
    const maxSteps = atLeastOne(options.maxSteps ?? 10)
    let index = 0
    let added: ReadonlyArray<Message.Message> = []
    let usage = Usage.empty
    let cost: Cost.Cost | undefined = Cost.empty
    let refused: ReadonlySet<string> = new Set()

    type Asked = Effect.Effect<ChatRequest.ChatRequest, E1 | ProviderError.InvalidRequestError, R1>
    const request = Effect.suspend((): Asked => {
      const next: ChatRequest.ChatRequest = {
        ...given,
        messages: [...opening, ...added],
        ...(definitions.length === 0 ? undefined : { tools: definitions }),
        ...(index > 0 && isForced(given.toolChoice) ? { toolChoice: "auto" } : undefined)
      }
      const prepared = options.prepareStep?.({ index, request: next, usage }) ?? Effect.succeed(next)
      return Effect.isEffect(prepared) ? prepared : invalid(...noEffect("prepareStep"))
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
      results: ReadonlyArray<ToolLoop.ToolResult>
    ) {
      usage = Usage.add(usage, response.usage)
      cost = Cost.sum([cost, response.cost])
      const spent = { usage, ...(cost && { cost }) }
      const messages = history(response, results)
      added = [...added, ...messages]
      const step: ToolLoop.Step = { index: index++, response, results, messages, ...spent }
      if (options.onStep !== undefined) {
        const saved = options.onStep(step)
        yield* Effect.isEffect(saved) ? saved : invalid(...noEffect("onStep"))
      }
      const outcome: ToolLoop.Outcome | undefined = reason === undefined
        ? undefined
        : { reason, response, messages: added, ...spent, steps: index }
      return { step, outcome }
    })

    return {
      answer,
      close,
      concurrency: atLeastOne(options.concurrency ?? 8),
      ids: ToolIds.make(opening),
      request,
      turn
    }
  })

type Problem = readonly [field: string, problem: string, remedy: string]

/** What callers without types may get wrong. */
const problemOf = (request: unknown, options: unknown): Problem | undefined => {
  if (!isObject(request)) return ["messages", "there is no request", "Give a text, messages or a request"]
  const { messages } = request
  if (typeof messages !== "string" && !(Array.isArray(messages) && messages.every(isObject))) {
    return ["messages", "they are no conversation", "Give a text or an array of messages"]
  }
  if (!isObject(options)) return ["options", "they are no object", "Give the options of the loop, with its `tools`"]
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(optionChecks, key))
  if (unknown !== undefined) {
    return [unknown, "there is no such option", `The options are ${Object.keys(optionChecks).join(", ")}`]
  }
  if (!Array.isArray(options["tools"])) return ["tools", "they are no array", "Give tools made with `Tool.make`"]
  const noTool = options["tools"].findIndex((tool) => !Tool.isTool(tool))
  if (noTool >= 0) return [`tools[${noTool}]`, "it is no tool", "Make it with `Tool.make`"]
  const wrong = Object.entries(optionChecks).find(([key, type]) => ![type, "undefined"].includes(typeof options[key]))
  return wrong && [wrong[0], `it is no ${wrong[1]}`, `Give a ${wrong[1]}, or leave it out`]
}

const noEffect = (hook: string): Problem => [hook, "it gave no Effect", "Return an Effect"]

const unreadable: Problem = ["options", "reading them throws", "Give plain objects"]

/** The options of a loop, and their types as `typeof` tells them. */
const optionChecks: { readonly [Key in keyof ToolLoop.Options<[]>]-?: string } = {
  tools: "object",
  maxSteps: "number",
  concurrency: "number",
  prepareStep: "function",
  onStep: "function"
}

const define = Effect.fnUntraced(function*(tools: ReadonlyArray<Tool.Any>, request: ChatRequest.ChatRequest) {
  const names = tools.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    return yield* invalid("tools", `there are two tools with the name "${twice}"`, "Give each tool a name of its own")
  }
  if (request.tools !== undefined && request.tools.length > 0) {
    return yield* invalid("tools", "the request has tools of its own", "Give the loop all tools, made with `Tool.make`")
  }
  return yield* Effect.forEach(tools, Tool.definition)
})

const answer = <E, R>({ answer, call }: ToolCall.Prepared<E, R>): Effect.Effect<ToolLoop.ToolResult, E, R> =>
  Effect.map(answer, (answered) => ({
    call,
    result: answered.result,
    isFailure: answered.isFailure,
    ...(answered.isFailure ? { error: answered.error } : undefined)
  }))

/** Nothing of an answer whose calls have no results, and nothing of one that says nothing: no provider takes those. */
const history = (
  response: ChatResponse.ChatResponse,
  results: ReadonlyArray<ToolLoop.ToolResult>
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
 * A model has to see what it wrote, or it cannot mend it, but providers take nothing but an object for the arguments of a
 * call. So text goes back under the key that Anthropic's documentation of fine-grained tool streaming proposes, and other
 * JSON as a value.
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

/** The provider stepped in, or there is no room for another turn: the calls are not to be run. */
const isStopped = ({ finishReason }: ChatResponse.ChatResponse): boolean =>
  finishReason === "guardrail" || finishReason === "content-filter" || finishReason === "refusal" ||
  finishReason === "context-length"

const isForced = (choice: Tool.ToolChoice | undefined): boolean => choice === "any" || typeof choice === "object"

const atLeastOne = (count: number): number => Math.max(1, Math.floor(count) || 1)

const wrongAgain = (wrong: { readonly call: Message.ToolCallPart; readonly refusal: ToolCall.Refusal }) =>
  Effect.fail(
    new Tool.ToolCallError({
      ...wrong.refusal,
      tool: wrong.call.name,
      callId: wrong.call.id,
      params: wrong.call.params,
      message: `The model called "${wrong.call.name}" wrongly twice in a row: ${wrong.refusal.issue}`
    })
  )

const invalid = (...[field, problem, remedy]: Problem) =>
  Effect.fail(ProviderError.invalidRequest({ provider: "unknown", field, problem, remedy }))
