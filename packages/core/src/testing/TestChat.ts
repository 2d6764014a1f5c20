/**
 * A chat model that answers from a script and remembers what it was asked.
 *
 * Only the provider is made up: requests are checked, policies enforced and streams held to their `finish` as for any
 * other. Nothing is random and no clock runs but for the delays of the script.
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

/**
 * The double's own side.
 *
 * - `requests`: what reached the provider so far, one for each attempt.
 * - `enqueue`: more replies, after those that are waiting.
 */
export class TestChat extends Context.Service<TestChat, {
  readonly requests: Effect.Effect<ReadonlyArray<ChatRequest.Resolved>>
  readonly enqueue: (...replies: ReadonlyArray<Reply>) => Effect.Effect<void>
}>()("@strata/core/testing/TestChat") {}

/** One reply to one attempt: a text, a failure, or an {@link Answer} spelled out; a whole `ChatResponse` is one. */
export type Reply = string | ProviderError.ChatError | Answer

/**
 * What is said, how it ends, and how it gets there.
 *
 * - `message`, or else `content`, or else `chunks`: what is said. A stream delivers text word by word, or in these chunks.
 * - `finishReason`: `stop`, or `tool-calls` where there are some, when missing.
 * - `usage`: one token a word when missing.
 * - `delay`: how long the answer, or the first event of its stream, takes.
 * - `interval`: the pause before each further event of a stream.
 * - `failAfter`: events a stream delivers before it fails with `error`; an answer as a whole fails as well.
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

/** Replies in the order they are given out, or the reply to each request. */
export type Script = ReadonlyArray<Reply> | ((request: ChatRequest.Resolved) => Reply)

/**
 * - `model`: asked when a request names none; `test-model` unless said otherwise.
 * - `policy`: `Policy.none` unless said otherwise.
 */
export interface Options {
  readonly model?: string | undefined
  readonly policy?: Policy.Policy | undefined
}

/**
 * The service and its double.
 *
 * Enqueued replies come before a function's. An attempt that finds no reply, or one that is none, fails with
 * `InvalidRequestError`, and so does the layer for options that cannot be right.
 *
 * @example
 * const Test = TestChat.layer(["Hello!", new ProviderError.RateLimitError({ provider: "test", message: "slow down" })])
 */
export const layer = (
  script: Script = [],
  options: Options = {}
): Layer.Layer<ChatService.ChatService | TestChat, ProviderError.InvalidRequestError> =>
  Layer.effectContext(Effect.gen(function*() {
    const { model = "test-model", policy = Policy.none } = yield* Check.run(optionsOf, options, {
      provider,
      whole: "options"
    })
    const given = yield* Check.run(scriptOf, script, { provider, field: "script" })
    const requests: Array<ChatRequest.Resolved> = []
    const waiting: Array<Reply> = typeof given === "function" ? [] : [...given]

    /** The reply to a request, when it is due. */
    const answer = Effect.fnUntraced(function*<A>(request: ChatRequest.Resolved, play: (reply: Playable) => A) {
      const attempt = requests.push(request)
      const reply = yield* Effect.try({
        try: () => waiting.shift() ?? (typeof given === "function" ? given(request) : undefined),
        catch: (cause) => Check.threw({ provider, model: request.model }, "script", cause)
      })
      if (reply === undefined) return yield* exhausted(request, attempt)
      if (ProviderError.isCallError(reply)) return yield* Effect.fail(reply)
      const spelled = typeof reply === "string" ? { content: reply } : reply
      const { delay, ...timed } = yield* Check.run(spelling, spelled, {
        provider,
        model: request.model,
        field: `script, attempt ${attempt}`
      })
      const played = yield* Effect.try({
        // Of what else it says nothing is known but its type.
        try: () => play({ ...spelled, interval: undefined, ...timed }),
        catch: () => noReply(request, attempt)
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
    const double = TestChat.of({
      requests: Effect.sync(() => [...requests]),
      enqueue: (...replies) => Effect.sync(() => void waiting.push(...replies))
    })
    return Context.make(ChatService.ChatService, service).pipe(Context.add(TestChat, double))
  }))

/** The policy has a check of its own. */
const optionsOf = Check.partial({ model: Check.text, policy: Check.unchecked<Policy.Policy>() })

/** Replies are looked at when their turn has come. */
const scriptOf: Check.Check<Script> = (given, at) =>
  typeof given === "function"
    ? given as Extract<Script, Function>
    : Check.list((reply) => reply as Reply, { remedy: "Give an array of replies, or a function" })(given, at)

const provider = "test"

/** An answer whose pauses are durations. */
interface Playable extends Answer {
  readonly interval?: Duration.Duration | undefined
}

/** What is said; its parts are for those who read them. */
const spoken: Check.Check<Message.AssistantMessage["content"]> = (given, at) =>
  typeof given === "string" ? given : Check.list(Check.unchecked<Message.AssistantPart>())(given, at)

const spokenMessage = Check.struct<Message.AssistantMessage>({
  role: Check.word(["assistant"]),
  content: spoken,
  cache: Check.unchecked()
}, { others: "ignored" })

/** What is said, and how it gets there. */
const spelling = Check.partial({
  message: spokenMessage,
  content: spoken,
  delay: Check.duration({ infinite: true }),
  interval: Check.duration({ infinite: true }),
  chunks: Check.list(Check.text),
  failAfter: Check.number({ min: 0, remedy: "Use a number of events from 0" }),
  error: Check.instance(ProviderError.isCallError, "Give a `ProviderError.ChatError`")
}, { others: "ignored", remedy: "Give text, an error, or an `Answer`" })

const said = (reply: Answer) => reply.message?.content ?? reply.content

const respond = (request: ChatRequest.Resolved, reply: Answer): ChatResponse.ChatResponse => {
  const content = said(reply) ?? reply.chunks?.join("") ?? ""
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

const play = (
  request: ChatRequest.Resolved,
  reply: Playable
): Stream.Stream<ChatEvent.ChatEvent, ProviderError.ChatStreamError> => {
  const chunks = said(reply) === undefined ? reply.chunks : undefined
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

const exhausted = (request: ChatRequest.Resolved, attempt: number) =>
  ProviderError.invalidRequest({
    provider,
    model: request.model,
    field: "script",
    problem: `there is no reply for attempt ${attempt}`,
    remedy: "Give `TestChat.layer` more replies, or `enqueue` them"
  })

const noReply = (request: ChatRequest.Resolved, attempt: number) =>
  ProviderError.invalidRequest({
    provider,
    model: request.model,
    field: "script",
    problem: `what is given for attempt ${attempt} is no reply`,
    remedy: "Give text, an error, or an `Answer`"
  })

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
