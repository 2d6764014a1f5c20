/**
 * A scripted chat model that records its requests.
 *
 * Only the provider is a double: validation, policies and telemetry are real. It takes only the time the script says.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../chat/ChatEvent.ts"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import * as ChatResponse from "../chat/ChatResponse.ts"
import * as ChatService from "../chat/ChatService.ts"
import * as Message from "../chat/Message.ts"
import * as Check from "../Check.ts"
import * as Policy from "../policy/Policy.ts"
import * as ProviderError from "../ProviderError.ts"
import * as Usage from "../Usage.ts"
import * as Double from "./internal/double.ts"

/**
 * Controls the double.
 *
 * - `requests`: those that reached the provider, one for each attempt.
 * - `enqueue`: appends replies.
 */
export class TestChat extends Context.Service<TestChat, {
  readonly requests: Effect.Effect<ReadonlyArray<ChatRequest.Resolved>>
  readonly enqueue: (...replies: ReadonlyArray<Reply>) => Effect.Effect<void>
}>()("@strata/core/testing/TestChat") {}

/** The reply to one attempt: a text, an error, or an {@link Answer}, such as a `ChatResponse`. */
export type Reply = string | ProviderError.ChatError | Answer

/**
 * An answer in detail.
 *
 * - `message`, or else `content`, or else `chunks`: the content. A stream delivers text by words, or in these chunks.
 * - `finishReason`: when missing, `tool-calls` for an answer with tool calls, else `stop`.
 * - `usage`: one token for each word when missing.
 * - `delay`: before the answer, or the first event of its stream.
 * - `interval`: before each further event of a stream.
 * - `failAfter`: how many events a stream delivers before it fails with `error`; `generate` fails at once.
 * - `error`: the failure; a `ConnectionError` when there is only `failAfter`.
 */
export interface Answer {
  readonly message?: Message.AssistantMessage | undefined
  readonly content?: Message.AssistantMessage["content"] | undefined
  readonly finishReason?: ChatResponse.FinishReason | undefined
  readonly usage?: Partial<Usage.Usage> | undefined
  readonly model?: string | undefined
  readonly requestId?: string | undefined
  readonly providerMetadata?: ChatResponse.ProviderMetadata | undefined
  readonly delay?: Duration.Input | undefined
  readonly chunks?: ReadonlyArray<string> | undefined
  readonly interval?: Duration.Input | undefined
  readonly failAfter?: number | undefined
  readonly error?: ProviderError.ChatError | undefined
}

/** Replies in order, or a function from requests to replies. */
export type Script = ReadonlyArray<Reply> | ((request: ChatRequest.Resolved) => Reply)

/** `model`: the default model, `test-model` when missing; `policy`: `Policy.none` when missing. */
export interface Options {
  readonly model?: string | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * The service and its double.
 *
 * Enqueued replies precede those of a function. An attempt without a valid reply fails with `InvalidRequestError`.
 *
 * @example
 * const Test = TestChat.layer(["Hello!", new ProviderError.RateLimitError({ provider: "test", message: "slow down" })])
 */
export const layer = (
  script: Script = [],
  options: Options = {}
): Layer.Layer<ChatService.ChatService | TestChat, ProviderError.InvalidRequestError> =>
  Layer.effectContext(Effect.gen(function*() {
    const { model = "test-model", policy = Policy.none } = yield* Double.optionsOf(fields, options)
    const given = yield* Check.run(scriptOf, script, { provider, field: "script" })
    const { enqueue, requests, take } = Double.make<ChatRequest.Resolved, Reply>(
      typeof given === "function" ? [] : given
    )

    const answer = Effect.fnUntraced(function*<A>(request: ChatRequest.Resolved, play: (reply: Playable) => A) {
      const { attempt, queued } = take(request)
      const reply = yield* Effect.try({
        try: () => queued ?? (typeof given === "function" ? given(request) : undefined),
        catch: (cause) => Check.threw({ provider, model: request.model }, "script", cause)
      })
      if (reply === undefined) {
        const remedy = "Give `TestChat.layer` more replies, or `enqueue` them"
        return yield* refused(request, `there is no reply for attempt ${attempt}`, remedy)
      }
      if (ProviderError.isCallError(reply)) return yield* Effect.fail(reply)
      const detailed = typeof reply === "string" ? { content: reply } : reply
      const { delay, ...timed } = yield* Check.run(answerShape, detailed, {
        provider,
        model: request.model,
        field: `script, attempt ${attempt}`
      })
      const played = yield* Effect.try({
        // Other fields of the reply are not checked.
        try: () => play({ ...detailed, interval: undefined, ...timed }),
        catch: () =>
          refused(request, `the reply to attempt ${attempt} is invalid`, "Give text, an error, or an `Answer`")
      })
      return yield* delay === undefined ? Effect.succeed(played) : Effect.delay(Effect.succeed(played), delay)
    })

    const service = yield* ChatService.make({
      provider,
      defaultModel: model,
      policy,
      generate: (request) =>
        Effect.flatten(answer(request, (reply) => {
          const error = failure(request, reply)
          return error === undefined ? Effect.succeed(respond(request, reply)) : Effect.fail(error)
        })),
      stream: (request) => Stream.unwrap(answer(request, (reply) => play(request, reply)))
    })
    return Context.make(ChatService.ChatService, service).pipe(Context.add(TestChat, { requests, enqueue }))
  }))

const { provider } = Double

const fields = { model: Double.fields.model, policy: Double.fields.policy }

/** Replies are checked when they are played. */
const scriptOf: Check.Check<Script> = (given, at) =>
  typeof given === "function"
    ? given as Extract<Script, Function>
    : Check.list((reply) => reply as Reply, { remedy: "Give an array of replies, or a function" })(given, at)

interface Playable extends Answer {
  readonly interval?: Duration.Duration | undefined
}

/** Content; its parts are not checked. */
const contentShape: Check.Check<Message.AssistantMessage["content"]> = (given, at) =>
  typeof given === "string" ? given : Check.list(Check.unchecked<Message.AssistantPart>())(given, at)

const messageShape = Check.struct<Message.AssistantMessage>({
  role: Check.word(["assistant"]),
  content: contentShape,
  cache: Check.unchecked()
}, { others: "ignored" })

const answerShape = Check.partial({
  message: messageShape,
  content: contentShape,
  delay: Check.duration({ infinite: true }),
  interval: Check.duration({ infinite: true }),
  chunks: Check.list(Check.text),
  failAfter: Check.number({ min: 0, remedy: "Use a number of events from 0" }),
  error: Check.instance(ProviderError.isCallError, "Give a `ProviderError.ChatError`")
}, { others: "ignored", remedy: "Give text, an error, or an `Answer`" })

const contentOf = (reply: Answer) => reply.message?.content ?? reply.content

const respond = (request: ChatRequest.Resolved, reply: Answer): ChatResponse.ChatResponse => {
  const content = contentOf(reply) ?? reply.chunks?.join("") ?? ""
  const parts = typeof content !== "string" ? content : content === "" ? [] : [Message.text(content)]
  return ChatResponse.make(parts, {
    finishReason: reply.finishReason ?? (parts.some((part) => part.type === "tool-call") ? "tool-calls" : "stop"),
    usage: Usage.make(
      reply.usage ?? { inputTokens: words(request.messages), outputTokens: words([{ content: parts }]) }
    ),
    model: reply.model ?? request.model,
    requestId: reply.requestId,
    providerMetadata: reply.providerMetadata ?? {}
  })
}

const play = (request: ChatRequest.Resolved, reply: Playable) => {
  const chunks = contentOf(reply) === undefined ? reply.chunks : undefined
  const events = ChatEvent.fromResponse(respond(request, reply)).flatMap((event) =>
    event.type === "text-delta"
      ? (chunks ?? pieces(event.delta)).map((delta): ChatEvent.ChatEvent => ({ ...event, delta }))
      : [event]
  )
  const error = failure(request, reply)
  const played = error === undefined
    ? Stream.fromIterable(events)
    : Stream.concat(Stream.fromIterable(events.slice(0, -1).slice(0, reply.failAfter ?? 0)), Stream.fail(error))
  const { interval } = reply
  return interval === undefined
    ? played
    : Stream.mapEffect(
      Stream.rechunk(played, 1),
      (event, index) => index === 0 ? Effect.succeed(event) : Effect.delay(Effect.succeed(event), interval)
    )
}

const failure = (request: ChatRequest.Resolved, reply: Answer): ProviderError.ChatError | undefined =>
  reply.error ?? (reply.failAfter === undefined ? undefined : new ProviderError.ConnectionError({
    provider,
    model: request.model,
    message: `The script breaks the connection after ${reply.failAfter} events`
  }))

const refused = (request: ChatRequest.Resolved, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider, model: request.model, field: "script", problem, remedy })

const pieces = (text: string): ReadonlyArray<string> => text.match(/\S+\s*|\s+/gu) ?? []

const words = (messages: ReadonlyArray<Pick<Message.Message, "content">>): number => {
  let count = 0
  for (const { content } of messages) {
    for (const part of typeof content === "string" ? [Message.text(content)] : content) {
      if (part.type === "text" || part.type === "reasoning") count += part.text.match(/\S+/gu)?.length ?? 0
    }
  }
  return count
}
