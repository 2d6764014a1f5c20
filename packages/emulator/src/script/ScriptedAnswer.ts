/**
 * One answer of a script, and its conversion for the test double.
 */
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as ProviderError from "@strata/core/ProviderError"
import type * as TestChat from "@strata/core/testing"
import * as Usage from "@strata/core/Usage"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import { DurationInput } from "../DurationInput.ts"

const optional = Schema.optionalKey

/**
 * A part of an answer, by its key:
 *
 * - `text`, optionally with `citations`; a string is a text too.
 * - `tool`: the name of the tool to call, its `input` (`{}` when missing), and the `id` of the call.
 * - `reasoning`: its text, and its `signature`.
 */
export type Part = typeof Part.Type
const Part = Schema.Union([
  Schema.String,
  Schema.Struct({ text: Schema.String, citations: optional(Schema.Array(Message.Citation)) }),
  Schema.Struct({ tool: Schema.String, input: optional(Schema.JsonObject), id: optional(Schema.String) }),
  Schema.Struct({ reasoning: Schema.String, signature: optional(Schema.String) })
])

/**
 * An exception of Bedrock instead of an answer. `message` defaults to Bedrock's own; a stream delivers `afterEvents`
 * events first (0 when missing); `originalStatusCode` is for the two model errors.
 */
export type Failure = typeof Failure.Type
const Failure = Schema.Struct({
  exception: Schema.Literals(AwsError.exceptions),
  message: optional(Schema.String),
  originalStatusCode: optional(Schema.Finite),
  retryAfter: optional(DurationInput),
  afterEvents: optional(Schema.Finite)
})

/**
 * The content, in one of these forms:
 *
 * - `text`; or `chunks`, the text as the deltas of a stream; or `parts`; or `json`, any value, which is sent as text.
 * - `vector`: an embedding; resized to the requested dimensions.
 * - `error`: see {@link Failure}. Other content is streamed before it.
 *
 * Options:
 *
 * - `usage`: tokens; counted when missing.
 * - `stopReason`: Bedrock's stop reason; by default `end_turn`, or `tool_use`.
 * - `delay`: the time until the first event, or the whole answer. `interval`: the pause between the events of a stream.
 */
export type Spelled = typeof Spelled.Type
const Spelled = Schema.Struct({
  text: optional(Schema.String),
  chunks: optional(Schema.Array(Schema.String)),
  parts: optional(Schema.Array(Part)),
  json: optional(Schema.Json),
  vector: optional(Schema.Array(Schema.Finite).check(Schema.isMinLength(1))),
  error: optional(Failure),
  usage: optional(Schema.Struct({
    inputTokens: optional(Schema.Finite),
    outputTokens: optional(Schema.Finite),
    cacheReadTokens: optional(Schema.Finite),
    cacheWriteTokens: optional(Schema.Finite)
  })),
  stopReason: optional(Schema.String),
  delay: optional(DurationInput),
  interval: optional(DurationInput)
}).check(Schema.makeFilter((answer) => {
  const said = ways.filter((way) => answer[way] !== undefined)
  if (said.length > 1) return `Expected only one of ${said.join(", ")}`
  return said.length === 1 || answer.error !== undefined || `Expected one of ${ways.join(", ")}, error`
}))

const ways = ["text", "chunks", "parts", "json", "vector"] as const

/** An answer; a string is its text. */
export type ScriptedAnswer = typeof ScriptedAnswer.Type
/** @see {@link ScriptedAnswer} */
export const ScriptedAnswer = Schema.Union([Schema.String, Spelled])

/** The reply of the chat test double; `call` numbers the calls, for the ids of tool calls. */
export const toReply = (answer: ScriptedAnswer, call: number): TestChat.TestChat.Reply => {
  if (typeof answer === "string") return answer
  const { chunks, delay, error, interval, stopReason, usage } = answer
  const outcome = stopReason === undefined
    ? undefined
    : { finishReason: finishReasons[stopReason] ?? "other", providerMetadata: { bedrock: { stopReason } } }
  return {
    ...(chunks === undefined ? { content: toParts(answer, call) } : { chunks }),
    ...outcome,
    ...(usage === undefined ? undefined : { usage: Usage.make(usage) }),
    ...(error === undefined ? undefined : { error: toError(error), failAfter: error.afterEvents ?? 0 }),
    delay,
    interval
  }
}

const toParts = ({ json, parts, text }: Spelled, call: number): ReadonlyArray<Message.AssistantPart> => {
  if (text !== undefined) return [Message.text(text)]
  if (json !== undefined) return [Message.text(JSON.stringify(json))]
  return (parts ?? []).map((part, index): Message.AssistantPart => {
    if (typeof part === "string") return Message.text(part)
    if ("text" in part) return { type: "text", ...part }
    if ("reasoning" in part) return { type: "reasoning", text: part.reasoning, signature: part.signature }
    return {
      type: "tool-call",
      id: part.id ?? `tooluse_script_${call}_${index}`,
      name: part.tool,
      params: part.input ?? {}
    }
  })
}

const finishReasons: Readonly<Record<string, ChatResponse.FinishReason>> = {
  end_turn: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  stop_sequence: "stop-sequence",
  guardrail_intervened: "guardrail",
  refusal: "refusal",
  content_filtered: "content-filter",
  malformed_model_output: "malformed-output",
  malformed_tool_use: "malformed-tool-call",
  model_context_window_exceeded: "context-length"
}

/** The error of the answering service that maps to this exception. */
export const toError = (
  { exception, message, originalStatusCode, retryAfter }: Failure
): ProviderError.CallError => {
  const fields = { provider, exception, message: message ?? AwsError.texts[exception] }
  const pause = retryAfter === undefined ? undefined : { retryAfter: Duration.fromInputUnsafe(retryAfter) }
  switch (exception) {
    case "ThrottlingException":
      return new ProviderError.RateLimitError({ ...fields, ...pause })
    case "ServiceUnavailableException":
    case "ModelNotReadyException":
      return new ProviderError.ModelUnavailableError({ ...fields, ...pause })
    case "ServiceQuotaExceededException":
      return new ProviderError.QuotaExceededError(fields)
    case "AccessDeniedException":
      return new ProviderError.PermissionDeniedError(fields)
    case "ResourceNotFoundException":
    case "UnknownOperationException":
      return new ProviderError.ModelNotFoundError(fields)
    case "ModelTimeoutException":
      return new ProviderError.TimeoutError({ ...fields, phase: "model" })
    case "ModelErrorException":
    case "ModelStreamErrorException":
      return new ProviderError.ModelFailedError({ ...fields, originalStatus: originalStatusCode })
    case "InternalServerException":
      return new ProviderError.ProviderInternalError({ ...fields, ...pause })
    case "ExpiredTokenException":
    case "IncompleteSignatureException":
    case "InvalidSignatureException":
    case "MissingAuthenticationTokenException":
    case "UnrecognizedClientException":
      return new ProviderError.AuthenticationError(fields)
    case "ConflictException":
    case "RequestEntityTooLargeException":
    case "SerializationException":
    case "ValidationException":
      return new ProviderError.InvalidRequestError(fields)
  }
}

/** The error of a script that cannot give an answer. */
export const wrongScript = (problem: string, model: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({
    provider,
    model,
    field: "script",
    problem,
    remedy: "Write an expression that does not backtrack over the same text again and again"
  })

/** The provider's name in errors of scripts. */
export const provider = "script"
