/**
 * Answers Converse and ConverseStream: checks the body, asks the chat service, writes its answer down.
 */
import * as ChatService from "@strata/core/ChatService"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Answer from "../Answer.ts"
import * as AwsError from "../AwsError.ts"
import * as Frame from "../Frame.ts"
import type * as Model from "../Model.ts"
import * as Violation from "../Violation.ts"
import * as EventStream from "./EventStream.ts"
import * as Request from "./Request.ts"
import * as Response from "./Response.ts"
import * as Validation from "./Validation.ts"
import * as Wire from "./Wire.ts"

/**
 * - `model`: the model asked; `answering`: the name the chat service knows it by, if it should be told one.
 * - `elapsed`: milliseconds since the request came in; `random`: a whole number from 0 to `below` - 1.
 */
export interface Call {
  readonly body: unknown
  readonly model: Model.ChatModel
  readonly answering: string | undefined
  readonly elapsed: () => number
  readonly random: (below: number) => number
}

/** A whole answer. */
export const converse = Effect.fnUntraced(function*(call: Call) {
  const request = yield* read(call, false)
  const chat = yield* ChatService.ChatService
  const response = yield* Effect.mapError(chat.generate(request), AwsError.fromProviderError)
  return Answer.json(Response.fromChatResponse(response, call.elapsed()))
})

/** An answer as the chat service writes it. */
export const converseStream = Effect.fnUntraced(function*(call: Call) {
  const request = yield* read(call, true)
  const chat = yield* ChatService.ChatService
  const encoder = EventStream.makeEncoder({
    padding: () => call.random(Frame.maxPadding + 1),
    latencyMs: call.elapsed
  })
  const incomplete = Stream.suspend(() => encoder.finished() ? Stream.empty : Stream.fail(unfinished))
  return Answer.stream(
    chat.stream(request).pipe(
      Stream.mapError(AwsError.fromProviderError),
      Stream.map(encoder.encode),
      Stream.flattenIterable,
      Stream.concat(incomplete)
    )
  )
})

const decode = Schema.decodeUnknownResult(Wire.Request, { errors: "all" })

const read = Effect.fnUntraced(function*(call: Call, streaming: boolean) {
  const { answering, body, model } = call
  const request = yield* Effect.mapError(
    Effect.fromResult(decode(body)),
    ({ issue }) => Violation.toCoral(Violation.collect(issue, body))
  )
  const problem = Validation.validate(request, model, streaming)
  return problem === undefined ? Request.toChatRequest(request, answering) : yield* problem
})

const unfinished = AwsError.make("ModelStreamErrorException", "The model's answer ended before it was complete.")
