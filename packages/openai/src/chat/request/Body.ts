/** The body of a Chat Completions request. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Result from "effect/Result"
import type { Profile } from "../../profile/Profile.ts"
import * as Conversation from "./Conversation.ts"
import * as Problem from "./Problem.ts"
import * as Tools from "./Tools.ts"

/**
 * - `tools`: what the answer is read with. `promptCharacters`: of its texts, without blanks and media.
 * - `needsCall`: whether the answer has to have a tool call.
 */
export interface Encoded {
  readonly body: Readonly<Record<string, unknown>>
  readonly tools: Tools.Encoded
  readonly report: Problem.Report
  readonly promptCharacters: number
  readonly needsCall: boolean
}

/** What encoding needs to know. */
export interface Target {
  readonly provider: string
  readonly profile: Profile
  readonly streaming: boolean
}

/** Encodes a request. Fails for what the server does not have, before anything is sent. */
export const encode = (
  request: ChatRequest.Resolved,
  { profile, provider, streaming }: Target
): Result.Result<Encoded, ProviderError.CallError> =>
  Result.gen(function*() {
    const { maxTokens, model, stopSequences, temperature, toolChoice, topP } = request
    const report = Problem.makeReport()
    const context = { provider, model, profile, report }
    const own = yield* ownOptions(request, provider)
    const tools = yield* Tools.encode(request, context)
    const messages = withInstructions(
      yield* Conversation.encode(request.messages, context),
      tools.instructions,
      profile
    )
    const limited = "max_tokens" in own || "max_completion_tokens" in own
    const body: Record<string, unknown> = {
      model,
      messages,
      ...(maxTokens !== undefined && !limited && { [profile.limit]: maxTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { top_p: topP }),
      ...(stopSequences !== undefined && stopSequences.length > 0 && { stop: stopSequences }),
      ...tools.fields,
      ...reasoning(request, report),
      ...(streaming && { stream: true, ...(profile.streamUsage && { stream_options: { include_usage: true } }) }),
      ...own,
      // An answer of another kind than the one that is waited for could not be read.
      ...(streaming ? { stream: true } : "stream" in own && { stream: false })
    }
    return {
      body,
      tools,
      report,
      promptCharacters: characters(messages),
      needsCall: toolChoice === "any" || typeof toolChoice === "object"
    }
  })

/** `providerOptions.openai`, plain JSON; `undefined` takes a field out, as it does in JSON. */
const ownOptions = (
  { model, providerOptions }: ChatRequest.Resolved,
  provider: string
): Result.Result<Readonly<Record<string, unknown>>, ProviderError.InvalidRequestError> =>
  Result.mapError(
    Check.settle(
      Check.struct<{ readonly openai?: Readonly<Record<string, unknown>> | undefined }>({
        openai: Check.optional(fieldsOf)
      }, { others: "ignored" }),
      providerOptions ?? {},
      { field: "providerOptions" }
    ),
    (problem) => ProviderError.invalidRequest({ provider, model, ...problem })
  ).pipe(Result.map(({ openai = {} }) => openai))

/** JSON, with the fields that are `undefined`. */
const fieldsOf: Check.Check<Readonly<Record<string, unknown>>> = (given, at) => {
  const json = Check.jsonObject("Give an object with fields of the request")(given, at)
  if (json === Check.refused) return json
  const taken = Object.entries(given as object).filter(([, value]) => value === undefined) // it was read as an object
  return { ...Object.fromEntries(taken), ...json }
}

/** Efforts; a budget becomes the one that comes next to it. */
const reasoning = (
  { reasoning }: ChatRequest.Resolved,
  report: Problem.Report
): { readonly reasoning_effort?: string } => {
  if (reasoning === undefined) return {}
  if (reasoning === false) return { reasoning_effort: "none" }
  const { budgetTokens, display, effort, interleaved } = reasoning
  if (display !== undefined) report.add("omitted", "reasoning.display", "Chat Completions has no field for it.")
  if (interleaved === true) report.add("omitted", "reasoning.interleaved", "Chat Completions has no field for it.")
  if (effort === "max") {
    report.add("translated", "reasoning.effort", "The highest effort is `xhigh`.")
    return { reasoning_effort: "xhigh" }
  }
  if (effort !== undefined) return { reasoning_effort: effort }
  if (budgetTokens === undefined) return {}
  const next = budgetTokens <= 2048 ? "low" : budgetTokens <= 8192 ? "medium" : "high"
  report.add("translated", "reasoning.budgetTokens", `There are efforts in place of budgets: it is \`${next}\`.`)
  return { reasoning_effort: next }
}

/** Behind the system messages at the beginning. */
const withInstructions = (
  messages: ReadonlyArray<Conversation.Sent>,
  instructions: string | undefined,
  { instructions: role }: Profile
): ReadonlyArray<Conversation.Sent> => {
  if (instructions === undefined) return messages
  const at = messages.findIndex((message) => message["role"] !== role)
  const [first] = messages
  // Several system messages are more than some chat templates take.
  return at === 1 && typeof first?.["content"] === "string"
    ? [{ ...first, content: `${first["content"]}\n\n${instructions}` }, ...messages.slice(1)]
    : [...messages.slice(0, Math.max(at, 0)), { role, content: instructions }, ...messages.slice(Math.max(at, 0))]
}

const characters = (messages: ReadonlyArray<Conversation.Sent>): number => {
  let sum = 0
  const add = (text: unknown): void => {
    if (typeof text === "string") sum += text.length > 4000 ? text.replace(/\s+/g, "").length : text.length
  }
  for (const { content } of messages) {
    if (Array.isArray(content)) {
      for (const part of content as ReadonlyArray<{ readonly text?: unknown }>) add(part.text)
    } else add(content)
  }
  return sum
}
