/**
 * Handles Converse and ConverseStream: checks the body, calls the chat service, encodes its answer.
 */
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as AwsError from "../AwsError.ts"
import * as Guarding from "../guardrail/Guarding.ts"
import type * as Guardrail from "../guardrail/Guardrail.ts"
import * as Frame from "../http/Frame.ts"
import * as HttpResponse from "../http/HttpResponse.ts"
import type * as Model from "../model/Model.ts"
import type * as Quota from "../quota/Quota.ts"
import * as EventStream from "./EventStream.ts"
import * as Request from "./Request.ts"
import * as Response from "./Response.ts"
import * as ThinkingSeal from "./ThinkingSeal.ts"
import * as Counters from "./usage/Counters.ts"
import * as Metering from "./usage/Metering.ts"
import * as PromptCache from "./usage/PromptCache.ts"
import * as Validation from "./Validation.ts"
import * as Wire from "./Wire.ts"

/** State of an emulator that outlives a conversation. */
export interface Memory {
  readonly seals: ThinkingSeal.Seals
  readonly cache: PromptCache.PromptCache
}

/** Empty state. */
export const makeMemory = (seals = ThinkingSeal.make()): Memory => ({ seals, cache: PromptCache.make() })

/**
 * - `model`: the requested model; `answering`: the name passed to the chat service, if any.
 * - `now`: when the request arrived; `elapsed`: milliseconds since; `random`: a whole number from 0 to `below` - 1.
 * - `countInput`: always count the prompt here, ignoring the chat service's count.
 * - `reserve`: reserves quota of the model for the request.
 */
export interface Call {
  readonly body: unknown
  readonly model: Model.ChatModel
  readonly answering: string | undefined
  readonly region: string
  readonly guardrails: ReadonlyArray<Guardrail.Guardrail>
  readonly memory: Memory
  readonly countInput: boolean
  readonly reserve: Quota.Reserve
  readonly now: number
  readonly elapsed: () => number
  readonly random: (below: number) => number
}

/** A whole answer. */
export const converse = Effect.fnUntraced(function*(call: Call) {
  const { envelope, guarding, meter, question } = yield* read(call, false)
  if (guarding.refusal !== undefined) return HttpResponse.json(Response.fromChatResponse(guarding.refusal, envelope))
  const chat = yield* ChatService.ChatService
  const response = meter.response(yield* Effect.mapError(chat.generate(question), AwsError.fromProviderError))
  const sealed = call.model.reasoning === "signed" ? call.memory.seals.sealResponse(response) : response
  return HttpResponse.json(Response.fromChatResponse(guarding.guardResponse(sealed), envelope))
})

/** An answer streamed as the chat service produces it. */
export const converseStream = Effect.fnUntraced(function*(call: Call) {
  const { envelope, guarding, meter, question } = yield* read(call, true)
  const chat = yield* ChatService.ChatService
  const encoder = EventStream.makeEncoder(() => call.random(Frame.maxPadding + 1), envelope)
  const heard = meter.events(chat.stream(question))
  const written = call.model.reasoning === "signed"
    ? Stream.map(heard, call.memory.seals.sealEvents())
    : heard
  const events = guarding.refusal === undefined
    ? guarding.guardStream(written)
    : Stream.fromIterable(ChatEvent.fromResponse(guarding.refusal))
  const incomplete = Stream.suspend(() => encoder.finished() ? Stream.empty : Stream.fail(unfinished))
  return HttpResponse.stream(
    events.pipe(
      Stream.mapError(AwsError.fromProviderError),
      Stream.map(encoder.encode),
      Stream.flattenIterable,
      Stream.concat(incomplete)
    )
  )
})

const readRequest = Wire.reader(Wire.Request)

const read = Effect.fnUntraced(function*(call: Call, streaming: boolean) {
  const { answering, memory, model } = call
  const request = yield* Effect.fromResult(readRequest(call.body))
  const problem = Validation.validate(request, model, streaming) ??
    (model.reasoning === "signed" ? memory.seals.check(request) : undefined)
  if (problem !== undefined) return yield* problem
  const guarding = yield* Effect.fromResult(Guarding.make(request, call.guardrails, call.region))
  // a blocked prompt reaches no model, no cache, and no quota
  const passes = guarding.refusal === undefined
  const meter = passes ? yield* Metering.open(request, { ...call, cache: memory.cache }) : Metering.none
  // whole answers of Claude have the counters of the cache whether it was used or not, streams only if it was
  const tellsCache = passes && !streaming && model.rules === "claude" && model.caching !== false
  const envelope: Response.Envelope = {
    request,
    latencyMs: call.elapsed,
    trace: guarding.trace,
    usage: (usage) => Counters.toWire(usage, meter.counted, tellsCache),
    typedToolCalls: model.typedToolCalls
  }
  return { question: Request.toChatRequest(request, answering), guarding, envelope, meter }
})

const unfinished = AwsError.make("ModelStreamErrorException", "The model's answer ended before it was complete.")
