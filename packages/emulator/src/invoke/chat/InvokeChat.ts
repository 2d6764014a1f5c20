/**
 * Handles InvokeModel and InvokeModelWithResponseStream for chat models: decodes the body by the model's family, and
 * continues like Converse.
 */
import * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Usage from "@strata/core/Usage"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Stream from "effect/Stream"
import * as AwsError from "../../AwsError.ts"
import type * as Converse from "../../converse/Converse.ts"
import * as Request from "../../converse/Request.ts"
import { isObject } from "../../converse/rule/Finding.ts"
import * as Counters from "../../converse/usage/Counters.ts"
import * as Metering from "../../converse/usage/Metering.ts"
import * as Validation from "../../converse/Validation.ts"
import type * as Wire from "../../converse/Wire.ts"
import * as Guarding from "../../guardrail/Guarding.ts"
import type * as Exchange from "../../http/Exchange.ts"
import * as Frame from "../../http/Frame.ts"
import * as HttpResponse from "../../http/HttpResponse.ts"
import type * as Model from "../../model/Model.ts"
import * as Families from "./Families.ts"
import type * as Family from "./Family.ts"
import * as InvokeHeaders from "./InvokeHeaders.ts"

/** A request of these operations; `requestId` is also the id of the answer. */
export interface Call extends Converse.Call {
  readonly headers: Exchange.Headers
  readonly requestId: string
}

/** A whole answer. */
export const invoke = Effect.fnUntraced(function*(call: Call) {
  const { dialogue, envelope, guarding, meter, question, said, seals } = yield* read(call, false)
  const chat = yield* ChatService.ChatService
  const response = guarding.refusal ?? guarding.guardResponse(seals.sealResponse(
    meter.response(yield* Effect.mapError(chat.generate(question), AwsError.fromProviderError))
  ))
  const body = {
    ...dialogue.whole(response, envelope),
    ...guardedOf(said, guarding, response.finishReason === "guardrail")
  }
  return HttpResponse.json(body, { ...said.echoed, ...countersOf(response.usage, call) })
})

/** An answer streamed as the chat service produces it. */
export const invokeStream = Effect.fnUntraced(function*(call: Call) {
  const { dialogue, envelope, guarding, meter, question, said, seals } = yield* read(call, true)
  const chat = yield* ChatService.ChatService
  const piecesOf = dialogue.pieces(envelope)
  let finished = false
  let firstByteLatency: number | undefined

  const encode = (event: ChatEvent.ChatEvent): ReadonlyArray<Family.Payload> => {
    if (event.type !== "finish") return piecesOf(event)
    finished = true
    const { usage } = event
    const pieces = piecesOf(event)
    const invocationLatency = call.elapsed()
    return [...pieces.slice(0, -1), {
      ...pieces.at(-1),
      ...guardedOf(said, guarding, event.finishReason === "guardrail"),
      "amazon-bedrock-invocationMetrics": {
        inputTokenCount: usage.inputTokens,
        outputTokenCount: usage.outputTokens,
        invocationLatency,
        firstByteLatency: firstByteLatency ?? invocationLatency,
        ...(tellsCache(usage, call.model)
          ? {
            cacheReadInputTokenCount: usage.cacheReadTokens,
            cacheWriteInputTokenCount: usage.cacheWriteTokens
          }
          : undefined)
      }
    }]
  }

  const frame = (piece: Family.Payload): Uint8Array => {
    firstByteLatency ??= call.elapsed()
    const padding = call.random(Frame.maxPadding + 1)
    return Frame.event("chunk", { bytes: Base64.encode(encoder.encode(JSON.stringify(piece))) }, padding)
  }

  const heard = meter.events(chat.stream(question))
  const events = guarding.refusal === undefined
    ? guarding.guardStream(Stream.map(heard, seals.sealEvents()))
    : Stream.fromIterable(ChatEvent.fromResponse(guarding.refusal))
  const frames = events.pipe(
    Stream.mapError(AwsError.fromProviderError),
    Stream.map((event) => encode(event).map(frame)),
    Stream.flattenIterable,
    Stream.concat(Stream.suspend(() => finished ? Stream.empty : Stream.fail(unfinished))),
    // an error unknown to Converse streams; before the first frame it is an error response
    Stream.catch((error) =>
      firstByteLatency !== undefined && error.exception === "ModelTimeoutException"
        ? Stream.succeed(Frame.exception(streamName(error.exception), { message: error.message }))
        : Stream.fail(error)
    )
  )
  const response = HttpResponse.stream(frames)
  const headers = { ...said.echoed, ...response.headers, "x-amzn-bedrock-content-type": "application/json" }
  return { ...response, headers }
})

/** The name of an exception in a stream of InvokeModelWithResponseStream, which has one more than Converse's. */
export const streamName = (exception: AwsError.Exception): string =>
  exception === "ModelTimeoutException" ? "modelTimeoutException" : AwsError.streamName(exception)

const read = Effect.fnUntraced(function*(call: Call, streaming: boolean) {
  const { answering, memory, model, now } = call
  const family = Families.find(model)
  if (family === undefined) return yield* unsupportedModel
  const said = yield* InvokeHeaders.read(call.headers, call.body, streaming)
  const dialogue = yield* Effect.fromResult(family(said.body, model))
  const signed = model.reasoning === "signed"
  const problem = dialogue.check?.(streaming) ??
    Validation.first(Validation.forModel, { request: dialogue.request, model, streaming }) ??
    (signed ? memory.seals.check(dialogue.request) : undefined)
  if (problem !== undefined) return yield* withoutPrefix(problem)
  const request: Wire.Request = {
    ...InvokeHeaders.mark(dialogue.request, said.tag),
    ...(said.guardrail === undefined ? undefined : { guardrailConfig: said.guardrail })
  }
  const guarding = yield* Effect.fromResult(Guarding.make(request, call.guardrails, call.region))
  // a blocked prompt reaches no model, no cache, and no quota
  const passes = guarding.refusal === undefined
  const meter = passes ? yield* Metering.open(request, { ...call, cache: memory.cache }) : Metering.none
  const envelope: Family.Envelope = {
    model,
    id: call.requestId,
    now,
    latencyMs: call.elapsed,
    counted: meter.counted === undefined ? Usage.empty : Counters.settle(Usage.empty, meter.counted, true),
    byLifetime: (written) => Counters.byLifetime(written, meter.counted)
  }
  const asked = Request.toChatRequest(request, answering)
  const question = dialogue.forbidsTools === true ? { ...asked, toolChoice: "none" as const } : asked
  const seals = signed ? memory.seals : unsealed
  return { dialogue, envelope, guarding, meter, question, said, seals }
})

const unsealed: Pick<Converse.Memory["seals"], "sealResponse" | "sealEvents"> = {
  sealResponse: (response) => response,
  sealEvents: () => (event) => event
}

/** Removes Converse's prefix from the model's own messages. */
const withoutPrefix = (error: AwsError.AwsError): AwsError.AwsError => {
  const { message } = error
  return message.startsWith(messagePrefix) ? AwsError.validation(message.slice(messagePrefix.length)) : error
}

const messagePrefix = "The model returned the following errors: "

/**
 * The guardrail's result in the answer: API reference of InvokeModel, "Use a guardrail". Its position in a stream is
 * not documented; here it is last.
 */
const guardedOf = ({ guardrail }: InvokeHeaders.Decoded, guarding: Guarding.Guarding, intervened: boolean) => {
  if (guardrail === undefined) return undefined
  const trace = guarding.trace()?.guardrail
  return {
    "amazon-bedrock-guardrailAction": intervened ? "INTERVENED" : "NONE",
    ...(isObject(trace) ? { "amazon-bedrock-trace": { guardrail: toTrace(trace) } } : undefined)
  }
}

/** Converse's trace with other member names. */
const toTrace = ({ actionReason, inputAssessment, modelOutput, outputAssessments }: Family.Payload) => ({
  actionReason,
  input: inputAssessment,
  ...(isObject(outputAssessments)
    ? {
      modelOutput,
      outputs: Object.entries(outputAssessments).flatMap(([id, assessments]) =>
        Array.isArray(assessments) ? assessments.map((assessment: unknown) => ({ [id]: assessment })) : []
      )
    }
    : undefined)
})

/** Whether the metrics of a stream include the cache counters: for Claude, when the cache was used. */
const tellsCache = (usage: Usage.Usage, { caching, rules }: Model.ChatModel): boolean =>
  caching !== false && (rules !== "claude" || usage.cacheReadTokens + usage.cacheWriteTokens > 0)

/** The cache counters are included for models with a prompt cache. */
const countersOf = (usage: Usage.Usage, { elapsed, model }: Call): Exchange.Headers => ({
  ...(model.caching === false ? undefined : {
    "x-amzn-bedrock-cache-read-input-token-count": String(usage.cacheReadTokens),
    "x-amzn-bedrock-cache-write-input-token-count": String(usage.cacheWriteTokens)
  }),
  "x-amzn-bedrock-input-token-count": String(usage.inputTokens),
  "x-amzn-bedrock-invocation-latency": String(elapsed()),
  "x-amzn-bedrock-output-token-count": String(usage.outputTokens)
})

const encoder = new TextEncoder()

const unsupportedModel = AwsError.validation(
  "This action doesn't support the model that you provided. Try again with a supported text or chat model"
)

const unfinished = AwsError.make("ModelStreamErrorException", "The model's answer ended before it was complete.")
