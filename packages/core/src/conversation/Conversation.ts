/**
 * A conversation that is kept: its messages are in a {@link ConversationStore}, in a tree of which one path is the history.
 *
 * The message of the user is stored before the model is asked, each step of its answer before the next, and what had arrived
 * when an answer was interrupted. Requests are fitted into the context window, and to the model that reads them.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as ChatEvent from "../chat/ChatEvent.ts"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import type * as ChatService from "../chat/ChatService.ts"
import type * as Message from "../chat/Message.ts"
import type * as ToolDefinition from "../chat/ToolDefinition.ts"
import * as Check from "../Check.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Tool from "../tool/Tool.ts"
import type * as ToolDecision from "../tool/ToolDecision.ts"
import * as ToolEvent from "../tool/ToolEvent.ts"
import * as ToolState from "../tool/ToolState.ts"
import * as Usage from "../Usage.ts"
import type * as ContextWindow from "./ContextWindow.ts"
import * as ConversationRecord from "./ConversationRecord.ts"
import * as ConversationStore from "./ConversationStore.ts"
import * as Given from "./internal/given.ts"
import * as Session from "./internal/session.ts"
import * as Tree from "./internal/tree.ts"
import type * as Turn from "./internal/turn.ts"
import * as Turns from "./internal/turns.ts"
import type * as Summary from "./Summary.ts"

/** Options of requests: a `ChatRequest` without messages. `tools` are those that the provider runs; others are given to {@link open}. */
export interface RequestOptions extends Omit<ChatRequest.ChatRequest, "messages" | "tools"> {
  readonly tools?: ReadonlyArray<ToolDefinition.ProviderTool> | undefined
}

/**
 * What the requests of a conversation have besides its messages, and when it is summarized.
 *
 * - `system`: the system prompt. It is not stored: each process that opens the conversation gives it.
 * - `request`: for all requests: model, `maxTokens`, temperature.
 * - `tools`, `maxSteps`, `concurrency`: as in `ToolLoop`.
 * - `window`: fits requests into a budget of tokens, see `ContextWindow.fit`; whole histories are sent when missing. Without
 *   `maxTokens` it is the `contextWindow` of the chat service, which a provider has where it was told; if it was not, turns fail
 *   with `InvalidRequestError`.
 * - `summarize`: what stands for the turns that do not fit any more, such as `Summary.make()`. A summary is stored and used
 *   again, and never summarized itself. When it fails, or has no room, the turns are left out without one, with a warning.
 * - `whenBusy`: while another turn is in progress, in any process, a turn can `fail` with `ConversationConflictError`, which
 *   is the default, or `queue`: wait for its end.
 * - `turnTimeout`: a turn of which nothing was heard for so long counts as cut off, as by a killed process: 1 minute when
 *   missing. A turn in progress says so three times in that time. With 0 any turn takes the head from another.
 */
export interface Options<Tools extends ReadonlyArray<Tool.Any>, R = never> {
  readonly system?: Message.SystemMessage["content"] | undefined
  readonly request?: RequestOptions | undefined
  readonly tools?: Tools | undefined
  readonly maxSteps?: number | undefined
  readonly concurrency?: number | undefined
  readonly window?: Window | undefined
  readonly summarize?: ((left: Summary.Left) => Effect.Effect<string, unknown, R>) | undefined
  readonly whenBusy?: "fail" | "queue" | undefined
  readonly turnTimeout?: Duration.Input | undefined
}

/** `ContextWindow.Options`, whose `maxTokens` the chat service may know. */
export interface Window extends Omit<ContextWindow.Options, "maxTokens"> {
  readonly maxTokens?: number | undefined
}

/** Another message in place of one of the user, see {@link edit}. */
export interface Edit {
  readonly type: "edit"
  readonly node: string
  readonly content: Message.UserMessage["content"]
}

/** Another answer, see {@link regenerate}. */
export interface Regenerate {
  readonly type: "regenerate"
  readonly node?: string | undefined
}

/** Answers to calls that wait, see {@link resume}. */
export interface Resume {
  readonly type: "resume"
  readonly answers: ReadonlyArray<ToolDecision.Decision>
}

/** What a turn begins with: a message of the user, or {@link edit}, {@link regenerate}, {@link resume}. */
export type Input = Message.UserMessage["content"] | Edit | Regenerate | Resume

/**
 * The outcome of a turn, as of a `ToolLoop`.
 *
 * - `node`: the last message of the turn, which is the head unless another one was chosen meanwhile.
 * - `text`: of `response`. `messages`: those that the turn added after the message of the user.
 * - `pending`: the calls that wait, with the reason `pending`: {@link resume} answers them, and a new message supersedes them.
 */
export class Answer extends Schema.Opaque<Answer>()(Schema.Struct({
  node: Schema.String,
  text: Schema.String,
  ...ToolEvent.Ended.fields,
  reason: Schema.Literals(["finished", "max-steps", "pending"]),
  pending: Schema.Array(ToolState.Pending)
})) {}

/** A message that was stored. */
export class StoredEvent extends Schema.Opaque<StoredEvent>()(Schema.Struct({
  type: Schema.tag("stored"),
  node: ConversationRecord.Node
})) {}

/** The last event of a turn. */
export class AnswerEvent extends Schema.Opaque<AnswerEvent>()(Schema.Struct({
  type: Schema.tag("answer"),
  answer: Answer
})) {}

/**
 * An event of a turn: those of a `ToolLoop` but for its `outcome`, `stored` for each message, and at the end one `answer`. The
 * `finish` of an answer comes after it was stored.
 */
export type Event = typeof Event.Type
export const Event = Schema.Union([
  ChatEvent.ChatEvent,
  ToolEvent.ToolResultEvent,
  ToolEvent.ToolPendingEvent,
  ToolEvent.StepEvent,
  StoredEvent,
  AnswerEvent
])

/**
 * The errors of a turn, without those of tools; a stream also has `StreamInterruptedError`.
 *
 * Nothing was stored with `InvalidRequestError` for the input, and with `ConversationConflictError`. A
 * `ConversationStoreError` has what could not be stored as `unsaved`. `DecisionError` is for answers to calls that do not
 * wait any more.
 */
export type TurnError = Turns.TurnError

/**
 * An open conversation. `E` and `R` are errors and requirements of its tools, and requirements of `summarize`.
 *
 * - `send`: a turn: stores the message, asks the model, runs tools, and gives the answer when it is stored. `request` overrides
 *   the options of the conversation for this turn. Interrupted or failed, it leaves the question in the history, without an
 *   answer: {@link regenerate} asks again.
 * - `stream`: the same with its events. What had arrived when the stream is interrupted or fails is stored as a `partial`
 *   answer.
 * - `history`: the messages from the first one to the head, oldest first.
 * - `nodes`: all messages, in the order they were stored, for an overview of branches.
 * - `head`: the last message of the history; none before the first one.
 * - `pending`: the calls of the history that wait.
 * - `usage`: the tokens of the answers in the history.
 * - `branch`: goes on from an earlier message: it is the head from now on, for all that use the conversation. What
 *   follows it stays in the tree.
 * - `add`: appends messages without asking the model, to take over a history from elsewhere.
 *
 * All but `id` read the store: what other processes wrote is seen.
 */
export interface Conversation<out E = never, out R = never> {
  readonly id: string
  readonly send: (
    input: Input,
    request?: RequestOptions
  ) => Effect.Effect<Answer, TurnError | E, ChatService.ChatService | R>
  readonly stream: (
    input: Input,
    request?: RequestOptions
  ) => Stream.Stream<
    Event,
    TurnError | ProviderError.StreamInterruptedError | E,
    ChatService.ChatService | R
  >
  readonly history: Effect.Effect<ReadonlyArray<ConversationRecord.Node>, ConversationStore.ConversationStoreError>
  readonly nodes: Effect.Effect<ReadonlyArray<ConversationRecord.Node>, ConversationStore.ConversationStoreError>
  readonly head: Effect.Effect<string | undefined, ConversationStore.ConversationStoreError>
  readonly pending: Effect.Effect<ReadonlyArray<ToolState.Pending>, ConversationStore.ConversationStoreError>
  readonly usage: Effect.Effect<Usage.Usage, ConversationStore.ConversationStoreError>
  readonly branch: (
    node: string
  ) => Effect.Effect<void, ProviderError.InvalidRequestError | ConversationStore.ConversationStoreError>
  readonly add: (
    messages: ReadonlyArray<Message.Message>
  ) => Effect.Effect<
    void,
    | ProviderError.InvalidRequestError
    | ConversationStore.ConversationStoreError
    | ConversationStore.ConversationConflictError
  >
}

/**
 * Opens a conversation, an existing one or a new one, by its id: 1 to 200 characters. It is written with its first message.
 * To open it takes no resources. The same id may be open in many processes at once.
 *
 * Fails with `InvalidRequestError` for an invalid id or invalid options.
 *
 * @example
 * const program = Effect.gen(function*() {
 *   const chat = yield* Conversation.open("thread-7", { system: "Be brief.", window: { maxTokens: 100_000 } })
 *   const { text } = yield* chat.send("What is a monad?")
 * }).pipe(Effect.provide([models, ConversationStore.layerMemory]))
 */
export const open = Effect.fnUntraced(function*<const Tools extends ReadonlyArray<Tool.Any> = readonly [], R = never>(
  id: string,
  options: Options<Tools, R> = {}
): Effect.fn.Return<
  Conversation<Tool.Error<Tools[number]>, Tool.Services<Tools[number]> | R>,
  ProviderError.InvalidRequestError,
  ConversationStore.ConversationStore
> {
  type E = Tool.Error<Tools[number]>
  type Needs = Tool.Services<Tools[number]> | R
  const store = yield* ConversationStore.ConversationStore
  const key = yield* Check.run(ConversationStore.idOf, id, { provider: "strata", field: "id" })
  const settings = yield* Given.settings<E, Needs>(options)
  const session = Session.make(store, key)
  const { tree } = session
  const line = Semaphore.makeUnsafe(1)
  const after = <A>(read: () => A) => Effect.map(session.refresh, read)
  const given = (input: Input, request: RequestOptions | undefined) =>
    Effect.all([
      Effect.map(Given.window(settings.window), (window) => ({ ...settings, window })),
      Given.input(input),
      Effect.map(Given.request(request), (fields) => ({ ...settings.request, ...fields }))
    ])
  const conversation: Conversation<E, Needs> = {
    id: key,
    send: (input, request) => {
      const turn = Effect.flatMap(given(input, request), (given) => Turns.run(session, ...given))
      return (settings.isQueued ? line.withPermits(1)(turn) : turn).pipe(
        Effect.map(answerOf),
        Effect.withSpan("Conversation.send", {}, { captureStackTrace: false })
      )
    },
    stream: (input, request) => {
      const turn = Effect.map(given(input, request), (given) => Turns.stream(session, ...given))
      const queued = Effect.andThen(Semaphore.takeScoped(line, 1), turn)
      return Stream.unwrap(settings.isQueued ? queued : turn).pipe(
        Stream.map((event): Event =>
          event.type === "ended" ? { type: "answer", answer: answerOf(event.ended) } : event
        ),
        Stream.withSpan("Conversation.stream", { captureStackTrace: false })
      )
    },
    history: after(() => Tree.pathTo(tree, tree.head)),
    nodes: after(() => [...tree.nodes.values()]),
    head: after(() => tree.head),
    pending: after(() => {
      const state = tree.head === undefined ? undefined : tree.runs.get(tree.head)?.state
      return state === undefined ? [] : ToolState.pendingOf(state)
    }),
    usage: after(() =>
      Tree.pathTo(tree, tree.head).reduce((sum, { usage }) => usage ? Usage.add(sum, usage) : sum, Usage.empty)
    ),
    branch: Effect.fnUntraced(function*(node) {
      yield* session.refresh
      if (!tree.nodes.has(node)) {
        return yield* Check.invalid("node", "the conversation has no such message", "Take an id from its `nodes`")
      }
      yield* session.append(() => ({ head: node, turn: "closed" }))
    }, Effect.withSpan("Conversation.branch", {}, { captureStackTrace: false })),
    add: Effect.fnUntraced(function*(messages) {
      const added = yield* Given.messages(messages)
      yield* session.refresh
      const nodes = yield* Session.nodesOf(added, tree.head)
      if (nodes.length > 0) yield* session.claim({ nodes, head: nodes.at(-1)!.id, turn: "closed" })
    }, Effect.withSpan("Conversation.add", {}, { captureStackTrace: false }))
  }
  return conversation
})

/**
 * Asks again with another message in place of one of the user: a sibling of it, which the history has from now on. What
 * followed the old one stays in the tree.
 *
 * @example
 * yield* chat.send(Conversation.edit(first.id, "What is a functor?"))
 */
export const edit = (node: string, content: Message.UserMessage["content"]): Edit => ({ type: "edit", node, content })

/**
 * Answers the last message of the user again, or the one that `node` is or answers: a sibling of the answer that was there.
 *
 * @example
 * yield* chat.send(Conversation.regenerate(), { temperature: 1 })
 */
export const regenerate = (node?: string): Regenerate => ({ type: "regenerate", ...(node !== undefined && { node }) })

/**
 * Goes on with the calls that wait at the head, with answers to some or all of them, in any process: see
 * `ToolLoop.resume`. Without answers it goes on with a turn that was cut off.
 *
 * @example
 * const [waiting] = yield* chat.pending
 * yield* chat.send(Conversation.resume([{ type: "approve", callId: waiting.call.id }]))
 */
export const resume = (answers: ReadonlyArray<ToolDecision.Decision> = []): Resume => ({ type: "resume", answers })

const answerOf = ({ node, outcome }: Turn.Ended): Answer => {
  const { cost, messages, reason, response, steps, usage } = outcome
  const pending = outcome.reason === "pending" ? outcome.pending : []
  const spent = { usage, ...(cost !== undefined && { cost }) }
  return { node, text: response.text, reason, response, messages, ...spent, steps, pending }
}
