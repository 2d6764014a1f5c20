/**
 * What surrounds the output of a response, in the two forms there are: OpenAI's own, and that of models which Bedrock runs
 * itself, as recorded.
 */
import type * as Usage from "@strata/core/Usage"
import * as Metering from "../usage/Metering.ts"
import type * as Body from "./Body.ts"

/**
 * - `id`: of the response. `createdAt`: in seconds since 1970. `model`: as the request named it.
 * - `hosted`: in OpenAI's own form. `body`: what was asked, which is echoed.
 * - `newId`: an id of an item, with a prefix in OpenAI's form.
 * - `refused`: the text of the answer is a refusal. `usageless`: without usage.
 */
export interface Envelope {
  readonly id: string
  readonly createdAt: number
  readonly model: string
  readonly hosted: boolean
  readonly body: Body.Body
  readonly newId: (prefix: "msg" | "rs" | "fc") => string
  readonly refused: boolean
  readonly usageless: boolean
}

/** How far a response is. */
export interface State {
  readonly status: "in_progress" | "completed" | "incomplete" | "failed"
  readonly reason?: "max_output_tokens" | "content_filter" | undefined
  readonly error?: { readonly code: string; readonly message: string } | undefined
  readonly output: ReadonlyArray<unknown>
  readonly usage?: { readonly usage: Usage.Usage; readonly reasoningTokens: number } | undefined
}

/** The body of a response; in a stream that of Bedrock's own form has less. */
export const response = (envelope: Envelope, state: State, streamed: boolean): unknown =>
  envelope.hosted ? ofOpenAi(envelope, state) : ofBedrock(envelope, state, streamed)

const ofOpenAi = ({ body, createdAt, id, model, usageless }: Envelope, state: State) => ({
  id,
  object: "response",
  created_at: createdAt,
  status: state.status,
  background: false,
  error: state.error ?? null,
  incomplete_details: state.reason === undefined ? null : { reason: state.reason },
  instructions: body.instructions ?? null,
  max_output_tokens: body.max_output_tokens ?? null,
  max_tool_calls: body.max_tool_calls ?? null,
  model,
  output: state.output,
  parallel_tool_calls: body.parallel_tool_calls ?? true,
  previous_response_id: body.previous_response_id ?? null,
  prompt_cache_key: body.prompt_cache_key ?? null,
  reasoning: { effort: body.reasoning?.effort ?? null, summary: summaryOf(body) ?? null },
  safety_identifier: body.safety_identifier ?? null,
  service_tier: state.status === "in_progress" ? "auto" : "default",
  store: body.store ?? true,
  temperature: body.temperature ?? 1,
  text: textOf(body),
  tool_choice: choiceOf(body),
  tools: (body.tools ?? []).map((tool) => ({ ...tool, strict: tool.strict ?? true })),
  top_logprobs: body.top_logprobs ?? 0,
  top_p: body.top_p ?? 1,
  truncation: body.truncation ?? "disabled",
  usage: usageless ? null : usageOf(state) ?? null,
  user: body.user ?? null,
  metadata: body.metadata ?? {}
})

const ofBedrock = ({ body, createdAt, id, model, usageless }: Envelope, state: State, streamed: boolean) => {
  const usage = usageless ? undefined : usageOf(state)
  return {
    background: false,
    created_at: createdAt,
    error: state.error ?? null,
    id,
    incomplete_details: state.reason === undefined ? null : { reason: state.reason },
    instructions: body.instructions ?? null,
    metadata: body.metadata ?? (streamed ? null : {}),
    model,
    object: "response",
    output: state.output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    service_tier: streamed ? "auto" : "default",
    status: state.status,
    temperature: body.temperature ?? 1,
    ...(streamed ? undefined : { text: textOf(body) }),
    tool_choice: choiceOf(body),
    tools: (body.tools ?? []).map((tool) => ({ ...tool, strict: tool.strict ?? false })),
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? "disabled",
    ...(usage === undefined ? undefined : { usage })
  }
}

/** The summary that was asked for, under the newer or the older name. */
export const summaryOf = ({ reasoning }: Body.Body) => reasoning?.summary ?? reasoning?.generate_summary

const textOf = ({ text }: Body.Body) => ({
  format: text?.format ?? { type: "text" },
  verbosity: text?.verbosity ?? "medium"
})

const choiceOf = ({ tool_choice: choice = "auto" }: Body.Body) =>
  typeof choice === "string" ? choice : { type: "function", name: choice.name }

const usageOf = ({ usage: used }: State) => {
  if (used === undefined) return undefined
  const { reasoningTokens, usage } = used
  const input = Metering.inputOf(usage)
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cacheReadTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: input + usage.outputTokens
  }
}
