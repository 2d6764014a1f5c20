/** The routes of `UiChat`: from a request to a turn, and from a turn to a response. */
import type * as ChatService from "@strata/core/chat/ChatService"
import type * as Tool from "@strata/core/tool/Tool"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as UiChat from "../UiChatOptions.ts"
import * as UiChunk from "../UiChunk.ts"
import * as UiHistory from "../UiHistory.ts"
import * as UiReader from "../UiReader.ts"
import * as UiRuns from "../UiRuns.ts"
import * as Answers from "./answers.ts"
import * as Body from "./body.ts"
import * as ChatOptions from "./chatOptions.ts"
import * as Failures from "./failure.ts"
import * as LiveRuns from "./liveRuns.ts"
import * as Turn from "./turn.ts"

export const make = Effect.fnUntraced(function*<Tools extends ReadonlyArray<Tool.Any>, R1, R2, R3, R4>(
  given: UiChat.Options<Tools, R1, R2, R3, R4> | undefined
) {
  type Services = ChatService.ChatService | Tool.Services<Tools[number]> | R1 | R2 | R3 | R4
  const options = yield* ChatOptions.settle(given)
  const runs = yield* UiRuns.UiRuns
  const scope = yield* Effect.scope
  const context = yield* Effect.context<Services>()
  const lives = LiveRuns.make<Failures.Failure>({
    whenReadersLeave: options.whenReadersLeave,
    maxTurns: options.maxTurns,
    maxBytes: options.maxAnswerSize,
    heartbeat: options.heartbeat
  }, scope)

  const report = Effect.fnUntraced(function*(error: unknown, chatId: string | undefined) {
    const id = yield* Turn.identifier
    const text = options.errorText === undefined ? undefined : yield* Turn.attempt(() => options.errorText?.(error, id))
    const failure: Failures.Failure = { id, error, text: typeof text === "string" ? text : Failures.textOf(error, id) }
    yield* Turn.guard(() =>
      options.onError?.({ id, error, chatId }) ?? Effect.logError(`A turn of a chat failed (error ${id})`, error)
    )
    return failure
  })

  const keyOf = (chatId: string, request: HttpServerRequest.HttpServerRequest): Effect.Effect<string, unknown, R2> =>
    options.key === undefined ? Effect.succeed(chatId) : Turn.hooked("key", () => options.key!(chatId, request))

  const streamOf = (live: LiveRuns.Live<Failures.Failure>, isReplay: boolean): HttpServerResponse.HttpServerResponse =>
    HttpServerResponse.stream(Stream.encodeText(lives.frames(live, isReplay)), {
      headers: UiChunk.headers,
      contentType: UiChunk.headers["content-type"]
    })

  /** The response to a failure before anything was sent. */
  const refuse = (chatId: string | undefined) => (error: unknown) =>
    Effect.suspend(() => {
      if (HttpServerRespondable.isRespondable(error)) return HttpServerRespondable.toResponse(error)
      return Failures.isOfPage(error)
        ? Effect.succeed(HttpServerResponse.text(error.message, { status: Failures.statusOf(error) }))
        : Effect.map(report(error, chatId), failed)
    })

  const send = Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* Body.read(request, options.maxBodySize)
    const { chatId, messages: uiMessages } = body
    return yield* Effect.gen(function*() {
      const key = yield* keyOf(chatId, request)
      const messages = yield* UiHistory.toMessages(uiMessages, options.files)
      const live = yield* lives.begin(key, chatId)
      // A reader from the start: a second request cannot take the turn for one without a reader.
      yield* lives.attach(live)
      const begun = Effect.gen(function*() {
        const intent = yield* runs.take(key, Answers.decide(chatId, uiMessages))
        const nonce = yield* Turn.identifier
        const continues = intent.type === "new" ? undefined : intent.message
        const messageId = continues?.id ?? `msg-${nonce}`
        const input = intent.type === "resume" ? undefined : yield* inputOf({
          chatId,
          key,
          messageId,
          isContinuation: intent.type === "continue",
          uiMessages,
          messages,
          body: body.raw,
          request
        })
        live.prelude = continues === undefined ? "" : UiReader.replay(continues).map(UiChunk.frame).join("")
        const turn = Turn.make({
          options,
          runs,
          lives,
          live,
          uiMessages,
          intent,
          continues,
          messageId,
          nonce,
          input,
          report
        })
        yield* lives.drive(live, turn)
      })
      yield* Effect.onError(begun, () => lives.end(live, []))
      const first = yield* Effect.timeoutOption(Deferred.await(live.first), options.statusWithin)
      const failure = Option.flatten(first)
      return Option.isSome(failure) ? failed(failure.value) : streamOf(live, false)
    }).pipe(Effect.catch(refuse(chatId)))
  }).pipe(Effect.catch(refuse(undefined)))

  const inputOf = (turn: UiChat.Turn) =>
    options.request === undefined
      ? Effect.succeed(turn.messages)
      : Turn.hooked("request", () => options.request!(turn))

  const ofRunning = (
    chatId: string,
    respond: (
      live: LiveRuns.Live<Failures.Failure>
    ) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope>
  ) =>
    Effect.gen(function*() {
      const key = yield* keyOf(chatId, yield* HttpServerRequest.HttpServerRequest)
      const live = lives.get(key)
      return live === undefined ? nothing : yield* respond(live)
    }).pipe(Effect.catch(refuse(chatId)))

  // What the request has comes first: its scope and its span, not those in which the server was made.
  const provided = <A, E, R>(effect: Effect.Effect<A, E, R | Services>) =>
    Effect.updateContext(effect, (ofRequest: Context.Context<R>) => Context.merge(context, ofRequest))

  return {
    send: provided(send),
    resume: (chatId: string) =>
      provided(ofRunning(chatId, (live) => Effect.as(lives.attach(live), streamOf(live, true)))),
    stop: (chatId: string) => provided(ofRunning(chatId, (live) => Effect.as(lives.stop(live, "stopped"), nothing)))
  }
})

const nothing = HttpServerResponse.empty({ status: 204 })

const failed = ({ error, text }: Failures.Failure): HttpServerResponse.HttpServerResponse => {
  const retryAfter = Failures.retryAfter(error)
  return HttpServerResponse.text(text, {
    status: Failures.statusOf(error),
    ...(retryAfter !== undefined && { headers: { "retry-after": retryAfter } })
  })
}
