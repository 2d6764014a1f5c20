/**
 * Handles `POST chat/completions`: checks the body, calls the chat service, encodes its answer.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "../../AwsError.ts"
import * as HttpResponse from "../../http/HttpResponse.ts"
import type * as Call from "../Call.ts"
import * as Fence from "../Fence.ts"
import type * as Models from "../Models.ts"
import * as OpenAiError from "../OpenAiError.ts"
import type * as Quirks from "../Quirks.ts"
import * as Limits from "../request/Limits.ts"
import * as Tools from "../request/Tools.ts"
import * as Sse from "../Sse.ts"
import * as Metering from "../usage/Metering.ts"
import * as Body from "./Body.ts"
import * as Chunks from "./Chunks.ts"
import * as Completion from "./Completion.ts"
import * as Conversation from "./Conversation.ts"

/** A whole answer. */
export const create = Effect.fnUntraced(function*(call: Call.ChatCall) {
  const { envelope, meter, request } = yield* read(call)
  const chat = yield* ChatService.ChatService
  const response = yield* Effect.mapError(chat.generate(request), AwsError.fromProviderError)
  return HttpResponse.json(Completion.whole(meter.response(response), envelope))
})

/** An answer streamed as the chat service produces it. */
export const stream = Effect.fnUntraced(function*(call: Call.ChatCall) {
  const { body, envelope, meter, request } = yield* read(call)
  const chat = yield* ChatService.ChatService
  const encoder = Chunks.makeEncoder({ ...envelope, usage: body.stream_options?.include_usage === true })
  let begun = false
  const opening = () => {
    const frames = begun ? [] : encoder.begin
    begun = true
    return frames
  }
  const fenced = call.quirks.has("fenced-json") ? Fence.events() : Arr.of<ChatEvent.ChatEvent>
  const frames = meter.events(chat.stream(request)).pipe(
    Stream.mapError(AwsError.fromProviderError),
    Stream.map((event) => [...opening(), ...fenced(event).flatMap(encoder.encode)]),
    Stream.flattenIterable,
    Stream.concat(Stream.suspend(() => encoder.finished() ? Stream.empty : Stream.fail(unfinished)))
  )
  return { ...HttpResponse.stream(frames), headers: Sse.headers, errors: OpenAiError.format }
})

const unfinished = AwsError.make("ModelStreamErrorException", "The model's answer ended before it was complete.")

const read = Effect.fnUntraced(function*(call: Call.ChatCall) {
  const { lenient, model, now, quirks, served } = call
  const reader = lenient ? Body.lenient : served.hosted ? Body.strict : Body.thinking
  const body = yield* Effect.fromResult(reader(call.body, ""))
  const request = yield* Effect.fromResult(toRequest(body, call))
  const meter = yield* Metering.open(request, { ...call, model })
  const envelope: Completion.Envelope = {
    id: `chatcmpl-${call.requestId}`,
    created: Math.floor(now / 1000),
    model: served.named,
    endpoint: served.endpoint,
    thoughts: thoughtsOf(served, quirks),
    quirks
  }
  return { body, request, meter, envelope }
})

/** OpenAI keeps reasoning to itself, also at Bedrock; else mantle has a member for it, the runtime tags in the text. */
const thoughtsOf = ({ endpoint, hosted }: Models.Served, quirks: Quirks.Quirks): Completion.Thoughts => {
  if (quirks.has("reasoning")) return "reasoning"
  if (quirks.has("reasoning-content")) return "reasoning_content"
  if (quirks.has("reasoning-in-tags")) return "<think>"
  if (hosted) return "hidden"
  return endpoint === "mantle" ? "reasoning" : "<reasoning>"
}

const toRequest = (
  body: Body.Body,
  call: Call.ChatCall
): Result.Result<ChatRequest.ChatRequest, AwsError.AwsError> =>
  Result.gen(function*() {
    const problem = problemOf(body, call) ?? Conversation.problem(body.messages)
    if (problem !== undefined) return yield* Result.fail(problem)
    const messages = yield* Conversation.read(body.messages)
    const tools = yield* Tools.read({
      tools: (body.tools ?? []).map((tool, index) => ({ ...tool.function, at: `tools[${index}].function` })),
      choice: body.tool_choice,
      parallel: body.parallel_tool_calls
    })
    const format = body.response_format
    const responseFormat = format?.type === "json_schema"
      ? yield* Tools.readFormat({ ...format.json_schema, at: "response_format" })
      : undefined
    const { reasoning_effort: effort, temperature, top_p: topP } = body
    const request: ChatRequest.ChatRequest = {
      messages,
      ...tools,
      ...Limits.present({
        model: call.answering,
        maxTokens: body.max_completion_tokens ?? body.max_tokens,
        // a chat service's goes to 1
        temperature: temperature === undefined ? undefined : Math.min(1, temperature),
        topP,
        stopSequences: body.stop,
        responseFormat,
        reasoning: Limits.reasoningOf(effort)
      })
    }
    const refused = Limits.ofModel(request, call.model)
    return refused === undefined ? request : yield* Result.fail(refused)
  })

/** What of a body its model or server does not take. */
const problemOf = (
  body: Body.Body,
  { lenient, model, quirks, served: { endpoint, named, reasons } }: Call.ChatCall
): AwsError.AwsError | undefined => {
  const { invalid } = OpenAiError
  if (quirks.has("no-stream-options") && body.stream_options !== undefined) {
    return invalid("Unrecognized request argument supplied: stream_options")
  }
  if (body.stream_options !== undefined && body.stream !== true) {
    return invalid(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      "stream_options"
    )
  }
  if (body.n !== undefined && body.n > 1) {
    return invalid("The emulator gives one answer: 'n' is 1.", "n", "unsupported_value")
  }
  if (body.max_tokens !== undefined && body.max_completion_tokens !== undefined) {
    return invalid(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      undefined,
      "invalid_parameter_combination"
    )
  }
  const limit = body.max_completion_tokens ?? body.max_tokens
  if (limit !== undefined && limit > (model.maxOutputTokens ?? Infinity)) {
    const name = body.max_tokens === undefined ? "max_completion_tokens" : "max_tokens"
    return invalid(
      `${name} is too large: ${limit}. This model supports at most ${model.maxOutputTokens} completion tokens, whereas you provided ${limit}.`,
      name,
      "invalid_value"
    )
  }
  const developer = body.messages.findIndex(({ role }) => role === "developer")
  if (quirks.has("developer-refused") && developer >= 0) {
    return invalid("Unexpected message role.", `messages.[${developer}].role`)
  }
  if (body.response_format?.type === "json_object" && !JSON.stringify(body.messages).toLowerCase().includes("json")) {
    return invalid(
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      "messages"
    )
  }
  if (!reasons) {
    return body.reasoning_effort !== undefined && (endpoint === "openai" && !lenient || model.reasoning === "never")
      ? invalid("Unrecognized request argument supplied: reasoning_effort")
      : undefined
  }
  if (body.max_tokens !== undefined) {
    return unsupportedParameter("max_tokens", " Use 'max_completion_tokens' instead.")
  }
  if (body.stop !== undefined) return unsupportedParameter("stop", "")
  if (body.temperature !== undefined && body.temperature !== 1) {
    return unsupportedValue("temperature", body.temperature, named)
  }
  return body.top_p !== undefined && body.top_p !== 1 ? unsupportedValue("top_p", body.top_p, named) : undefined
}

const unsupportedParameter = (name: string, instead: string) =>
  OpenAiError.invalid(
    `Unsupported parameter: '${name}' is not supported with this model.${instead}`,
    name,
    "unsupported_parameter"
  )

const unsupportedValue = (name: string, value: number, model: string) =>
  OpenAiError.invalid(
    `Unsupported value: '${name}' does not support ${value} with ${model}. Only the default (1) value is supported.`,
    name,
    "unsupported_value"
  )
