/**
 * Handles `POST responses`, and what is kept of it: `GET` and `DELETE responses/{id}`.
 */
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Message from "@strata/core/chat/Message"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as AwsError from "../../AwsError.ts"
import * as HttpResponse from "../../http/HttpResponse.ts"
import type * as Call from "../Call.ts"
import * as Fence from "../Fence.ts"
import * as OpenAiError from "../OpenAiError.ts"
import * as Limits from "../request/Limits.ts"
import * as Tools from "../request/Tools.ts"
import * as Sse from "../Sse.ts"
import * as Metering from "../usage/Metering.ts"
import * as Body from "./Body.ts"
import * as Conversation from "./Conversation.ts"
import type * as Envelope from "./Envelope.ts"
import * as Events from "./Events.ts"
import type * as Store from "./Store.ts"

/** A whole answer. */
export const create = Effect.fnUntraced(function*(call: Call.ChatCall) {
  const { envelope, finish, meter, request } = yield* read(call)
  const chat = yield* ChatService.ChatService
  const answer = yield* Effect.mapError(chat.generate(request), AwsError.fromProviderError)
  const encoder = Events.makeEncoder({ ...envelope, refused: answer.finishReason === "refusal" })
  for (const event of ChatEvent.fromResponse(meter.response(answer)).flatMap(fence(call))) encoder.encode(event)
  finish(encoder)
  return HttpResponse.json(encoder.body())
})

/** An answer streamed as the chat service produces it. */
export const stream = Effect.fnUntraced(function*(call: Call.ChatCall) {
  const { envelope, finish, meter, request } = yield* read(call)
  const chat = yield* ChatService.ChatService
  const encoder = Events.makeEncoder(envelope)
  let begun = false
  const opening = () => {
    const frames = begun ? [] : encoder.begin()
    begun = true
    return frames
  }
  const fenced = fence(call)
  const frames = meter.events(chat.stream(request)).pipe(
    Stream.mapError(AwsError.fromProviderError),
    Stream.map((event) => {
      const frames = [...opening(), ...fenced(event).flatMap(encoder.encode)]
      if (event.type === "finish") finish(encoder)
      return frames
    }),
    Stream.flattenIterable,
    Stream.concat(Stream.suspend(() => encoder.finished() ? Stream.empty : Stream.fail(unfinished)))
  )
  return {
    ...HttpResponse.stream(frames),
    headers: Sse.headers,
    errors: { frame: encoder.failed }
  }
})

const fence = ({ quirks }: Call.ChatCall) => quirks.has("fenced-json") ? Fence.events() : Arr.of<ChatEvent.ChatEvent>

/** A kept response. */
export const get = (store: Store.Store, id: string): Effect.Effect<HttpResponse.Whole, AwsError.AwsError> => {
  const kept = store.find(id)
  return kept === undefined ? Effect.fail(notFound(id)) : Effect.succeed(HttpResponse.json(kept.body))
}

/** Forgets a kept response. */
export const remove = (store: Store.Store, id: string): Effect.Effect<HttpResponse.Whole, AwsError.AwsError> =>
  Effect.suspend(() =>
    store.forget(id)
      ? Effect.succeed(HttpResponse.json({ id, object: "response", deleted: true }))
      : Effect.fail(notFound(id))
  )

const notFound = (id: string) =>
  OpenAiError.make("ResourceNotFoundException", `Response with id '${id}' not found.`, {
    type: "invalid_request_error",
    code: undefined,
    param: undefined
  })

const unfinished = AwsError.make("ModelStreamErrorException", "The model's answer ended before it was complete.")

const read = Effect.fnUntraced(function*(call: Call.ChatCall) {
  const { lenient, model, now, quirks, random, served, store } = call
  const { hosted, named } = served
  const body = yield* Effect.fromResult((lenient ? Body.lenient : Body.strict)(call.body, ""))
  const { conversation, request } = yield* Effect.fromResult(toRequest(body, call))
  const meter = yield* Metering.open(request, { ...call, model })
  const hex = (length: number) => Array.from({ length }, () => random(16).toString(16)).join("")
  const envelope: Envelope.Envelope = {
    id: `resp_${hex(hosted ? 48 : 52)}`,
    createdAt: Math.floor(now / 1000),
    model: named,
    hosted,
    body,
    newId: (prefix) => `${prefix}_${hex(hosted ? 48 : 16)}`,
    refused: false,
    usageless: quirks.has("no-usage")
  }
  /** Keeps the response, unless the client does not want that. */
  const finish = (encoder: Events.Encoder) => {
    if (body.store === false) return
    const output = encoder.items()
    store.keep({
      id: envelope.id,
      body: encoder.body(),
      output,
      messages: [...conversation, Message.assistant(output.map(({ part }) => part))]
    })
  }
  return { request, meter, envelope, finish }
})

const toRequest = (body: Body.Body, call: Call.ChatCall) =>
  Result.gen(function*() {
    const problem = problemOf(body, call)
    if (problem !== undefined) return yield* Result.fail(problem)
    const previous = body.previous_response_id
    const kept = previous === undefined ? undefined : call.store.find(previous)
    if (previous !== undefined && kept === undefined) return yield* Result.fail(noPrevious(previous))
    const conversation = yield* Conversation.read(body.input, kept?.messages ?? [], call.store)
    const tools = yield* Tools.read({
      tools: (body.tools ?? []).map((tool, index) => ({ ...tool, at: `tools[${index}]` })),
      choice: body.tool_choice,
      parallel: body.parallel_tool_calls
    })
    const format = body.text?.format
    const responseFormat = format?.type === "json_schema"
      ? yield* Tools.readFormat({ ...format, at: "text.format" })
      : undefined
    const { instructions, temperature, top_p: topP } = body
    const request: ChatRequest.ChatRequest = {
      messages: [...(instructions === undefined ? [] : [Message.system(instructions)]), ...conversation],
      ...tools,
      ...Limits.present({
        model: call.answering,
        maxTokens: body.max_output_tokens,
        // a chat service's goes to 1
        temperature: temperature === undefined ? undefined : Math.min(1, temperature),
        topP,
        responseFormat,
        reasoning: Limits.reasoningOf(body.reasoning?.effort)
      })
    }
    const refused = Limits.ofModel(request, call.model)
    return refused === undefined ? { conversation, request } : yield* Result.fail(refused)
  })

/** What of a body its model, or the emulator, does not take. */
const problemOf = (
  body: Body.Body,
  { lenient, model, served: { hosted, reasons } }: Call.ChatCall
): AwsError.AwsError | undefined => {
  const { invalid } = OpenAiError
  const name = unsupportedHere.find((key) => body[key] !== undefined && body[key] !== false)
  if (name !== undefined) return invalid(`The emulator does not support '${name}'.`, name, "unsupported_parameter")
  const limit = body.max_output_tokens
  if (limit !== undefined && limit > (model.maxOutputTokens ?? Infinity)) {
    return invalid(
      `Invalid 'max_output_tokens': integer above maximum value. Expected a value <= ${model.maxOutputTokens}, but got ${limit} instead.`,
      "max_output_tokens",
      "integer_above_max_value"
    )
  }
  if (!hosted || lenient) return undefined
  if (reasons) {
    const sampling = body.temperature !== undefined ? "temperature" : body.top_p !== undefined ? "top_p" : undefined
    return sampling === undefined ? undefined : unsupported(sampling)
  }
  if (body.include?.includes("reasoning.encrypted_content") === true) {
    return invalid("Encrypted content is not supported with this model.", "include")
  }
  return body.reasoning?.effort === undefined ? undefined : unsupported("reasoning.effort")
}

const unsupportedHere = ["background", "conversation", "prompt"] as const

const unsupported = (name: string) =>
  OpenAiError.invalid(
    `Unsupported parameter: '${name}' is not supported with this model.`,
    name,
    "unsupported_parameter"
  )

const noPrevious = (id: string) =>
  OpenAiError.invalid(
    `Previous response with id '${id}' not found.`,
    "previous_response_id",
    "previous_response_not_found"
  )
