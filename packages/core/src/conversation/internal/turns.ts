/**
 * A turn: claims the head of the conversation, lets the loop of tools answer, and stores what it gives, each thing before it
 * is reported.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type * as Chat from "../../chat/Chat.ts"
import * as ChatEvent from "../../chat/ChatEvent.ts"
import type * as ChatRequest from "../../chat/ChatRequest.ts"
import type * as ChatResponse from "../../chat/ChatResponse.ts"
import * as ChatService from "../../chat/ChatService.ts"
import * as Message from "../../chat/Message.ts"
import { defined } from "../../internal/defined.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Tool from "../../tool/Tool.ts"
import type * as ToolEvent from "../../tool/ToolEvent.ts"
import * as ToolLoop from "../../tool/ToolLoop.ts"
import type * as ToolState from "../../tool/ToolState.ts"
import * as Usage from "../../Usage.ts"
import type * as ConversationRecord from "../ConversationRecord.ts"
import * as ConversationStore from "../ConversationStore.ts"
import type * as History from "../History.ts"
import type * as Given from "./given.ts"
import * as Plan from "./plan.ts"
import * as Requests from "./requests.ts"
import * as Session from "./session.ts"
import * as Tree from "./tree.ts"

/** How long a queued turn waits before it looks again, in milliseconds: at first, and at most. */
const firstPoll = 50
const lastPoll = 1_000

/** The errors of a turn, without those of tools. */
export type TurnError =
  | ChatService.ChatError
  | ConversationStore.ConversationStoreError
  | ConversationStore.ConversationConflictError
  | Tool.ToolCallError
  | ToolLoop.ResumeError

/** What a conversation knows of a turn that ended. */
export interface Ended {
  readonly outcome: ToolEvent.Outcome
  readonly node: string
}

/** What a stream reports: what the loop does, messages that were stored, and how the turn ended. */
export type Reported =
  | Exclude<ToolEvent.Event, { readonly type: "outcome" }>
  | { readonly type: "stored"; readonly node: ConversationRecord.Node }
  | { readonly type: "ended"; readonly ended: Ended }

type Fields = Omit<ChatRequest.ChatRequest, "messages">

/** A turn to its end. */
export const run = <E, R>(
  session: Session.Session,
  settings: Given.Settings<E, R>,
  input: Given.Input,
  request: Fields
): Effect.Effect<Ended, TurnError | E, ChatService.ChatService | R> =>
  Effect.scoped(
    Effect.flatMap(begin(session, settings, input, request), ({ end, loop }) => Effect.flatMap(loop.run, end))
  )

/** A turn and what happens in it. */
export const stream = <E, R>(
  session: Session.Session,
  settings: Given.Settings<E, R>,
  input: Given.Input,
  request: Fields
): Stream.Stream<Reported, TurnError | ProviderError.StreamInterruptedError | E, ChatService.ChatService | R> =>
  Stream.unwrap(Effect.map(begin(session, settings, input, request), ({ collect, end, loop, stored }) => {
    let outcome: ToolEvent.Outcome | undefined
    let held: Reported | undefined
    const report = (event: ToolEvent.Event): ReadonlyArray<Reported> => {
      collect(event)
      if (event.type === "outcome") {
        outcome = event.outcome
        return []
      }
      // The loop has stored the answer when it reports what comes after it.
      const before = held
      held = event.type === "finish" ? event : undefined
      return [...stored(), ...(before === undefined ? [] : [before]), ...(held === undefined ? [event] : [])]
    }
    const ended = Effect.suspend((): Effect.Effect<ReadonlyArray<Reported>, TurnError> =>
      outcome === undefined
        ? Effect.succeed([])
        : Effect.map(end(outcome), (ended) => [...stored(), { type: "ended", ended }])
    )
    return Stream.suspend(() => Stream.fromIterable(stored())).pipe(
      Stream.concat(mapChunks(loop.stream, report)),
      Stream.concat(Stream.fromIterableEffect(ended))
    )
  }))

/** Maps each element to any number of others, in whole chunks: a stream has an event for each token. */
const mapChunks = <A, B, E, R>(self: Stream.Stream<A, E, R>, f: (a: A) => ReadonlyArray<B>): Stream.Stream<B, E, R> =>
  Stream.transformPull(self, (pull) => {
    const next: Pull.Pull<Arr.NonEmptyReadonlyArray<B>, E> = Effect.flatMap(pull, (chunk) => {
      const mapped = chunk.flatMap(f)
      return Arr.isReadonlyArrayNonEmpty(mapped) ? Effect.succeed(mapped) : next
    })
    return Effect.succeed(next)
  })

/** Begins a turn, whose scope closes it: what had arrived by then is stored. */
const begin = <E, R>(
  session: Session.Session,
  settings: Given.Settings<E, R>,
  input: Given.Input,
  request: Fields
) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const service = yield* ChatService.ChatService
      const plan = yield* claim(session, settings, input, restore)
      const turn = make(session, settings, plan, request, service)
      yield* Effect.addFinalizer(() => turn.close)
      return turn
    })
  )

/** Waits for its turn, or fails if it is not, and stores the message of the user. */
const claim = Effect.fnUntraced(function*<E, R>(
  session: Session.Session,
  { isQueued, turnTimeout }: Given.Settings<E, R>,
  input: Given.Input,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
) {
  const { tree } = session
  for (let pause = firstPoll;; pause = Math.min(2 * pause, lastPoll)) {
    yield* restore(session.refresh)
    const at = yield* Clock.currentTimeMillis
    if (tree.turn === "open" && at - tree.at < turnTimeout) {
      if (!isQueued) return yield* busy(session)
      yield* restore(Effect.sleep(pause))
      continue
    }
    const plan = yield* Effect.fromResult(Plan.make(tree, input, { id: yield* Session.makeId, at }))
    const isClaimed = yield* session.claim(plan.change).pipe(
      Effect.as(true),
      Effect.catchTag("ConversationConflictError", (error) => isQueued ? Effect.succeed(false) : Effect.fail(error)),
      // It may have been written all the same.
      Effect.catchTag("ConversationStoreError", (error) =>
        Effect.andThen(
          Effect.ignore(session.refresh),
          Effect.suspend(() =>
            plan.question !== undefined && tree.nodes.has(plan.question.id) ? Effect.succeed(true) : Effect.fail(error)
          )
        ))
    )
    if (isClaimed) return plan
  }
})

const busy = ({ id, tree }: Session.Session) =>
  new ConversationStore.ConversationConflictError({
    conversation: id,
    expected: tree.revision,
    actual: tree.revision,
    message: "Another turn of the conversation is in progress. Wait for its end, or open it with `whenBusy: \"queue\"`."
  })

const make = <E, R>(
  session: Session.Session,
  settings: Given.Settings<E, R>,
  plan: Plan.Plan,
  fields: Fields,
  service: Chat.Chat
) => {
  const { system } = settings
  const lead = system === undefined ? [] : [Message.system(system)]
  const path = [...plan.opening, ...plan.added]
  const unreported: Array<ConversationRecord.Node> = plan.question === undefined ? [] : [plan.question]
  let tip = plan.change.head ?? ""
  let added = plan.added.length
  /** Whether calls of the step are in the store, with their answer. */
  let isRunStored = plan.going !== undefined
  let isClosed = false
  let collector = ChatEvent.makeCollector()

  const targetOf = ({ model = service.defaultModel ?? "unknown" }: Fields): History.Origin =>
    defined({ provider: service.provider ?? "unknown", api: apiOf(service), model })

  /** Appends messages to the turn. It may be elsewhere in the tree by now: then the head stays where it is. */
  const append = Effect.fnUntraced(function*(
    messages: ReadonlyArray<Message.Message>,
    { answer, attempts, ...change }: Pick<Session.Change, "turn"> & {
      readonly answer?: Partial<ConversationRecord.Node>
      readonly attempts?: number
    }
  ) {
    const nodes = yield* Session.nodesOf(messages, tip, answer)
    const before = tip
    const isRunOver = nodes.length > 0 && isRunStored
    yield* session.append((tree) => ({
      nodes,
      ...(tree.head === before && { ...change, head: nodes.at(-1)?.id ?? before }),
      ...(isRunOver && { run: { node: before } })
    }), attempts)
    tip = nodes.at(-1)?.id ?? tip
    if (isRunOver) isRunStored = false
    path.push(...nodes)
    unreported.push(...nodes)
  })

  const prepareStep = ({ request }: ToolLoop.Preparation) => {
    const tools = [...request.tools ?? [], ...fields.tools ?? []]
    // A loop that goes on has its own request; a forced choice of a tool is for the first step only.
    const { toolChoice: _, ...changed } = plan.going === undefined ? {} as Fields : fields
    const asked = { ...request, ...changed, ...(tools.length > 0 && { tools }) }
    return Requests.prepare(session, settings, targetOf(asked), lead, path, asked)
  }

  const onStep = ({ messages, response, results }: ToolEvent.Step) => {
    added += messages.length
    const { cost, finishReason, usage } = response
    return append(messages, {
      answer: defined({ origin: originOf(response), cost, finishReason, usage }),
      turn: results.length === 0 ? "closed" : "open"
    }).pipe(Effect.tap(() => Effect.sync(() => void (collector = ChatEvent.makeCollector()))))
  }

  const originOf = ({ model, provider }: ChatResponse.ChatResponse): History.Origin => {
    const asked = targetOf({ model })
    return provider === undefined || provider === asked.provider ? asked : { provider, model }
  }

  const save = Effect.fnUntraced(function*(state: ToolState.State) {
    const others = state.messages.slice(added)
    if (others.length > 0) {
      added += others.length
      yield* append(others, { turn: "open" })
    }
    if (state.calls.length === 0 || state.response === undefined) return
    const run: ConversationRecord.Run = {
      node: tip,
      start: plan.opening.at(-1)?.id,
      origin: originOf(state.response),
      state: { ...state, request: { ...state.request, messages: [] }, messages: [] }
    }
    yield* session.append(() => ({ run }))
    isRunStored = true
  })

  const end = Effect.fnUntraced(
    function*(outcome: ToolEvent.Outcome): Effect.fn.Return<Ended, ConversationStore.ConversationStoreError> {
      const others = outcome.messages.slice(added)
      added += others.length
      if (others.length > 0 || session.tree.turn === "open" && session.tree.head === tip) {
        yield* append(others, { turn: "closed" })
      }
      isClosed = true
      return { outcome, node: tip }
    }
  )

  /** Stores what had arrived of an answer that was not complete. */
  const close = Effect.suspend(() => {
    if (isClosed) return Effect.void
    isClosed = true
    const partial = isRunStored ? undefined : partialOf(collector)
    const messages = partial === undefined ? [] : [partial]
    const { model } = fields
    return append(messages, {
      turn: "closed",
      attempts: 1,
      answer: { origin: targetOf(defined({ model })), partial: true }
    })
      .pipe(Effect.catch((error) => Effect.logWarning("The end of an interrupted turn could not be stored", error)))
  })

  const options = {
    tools: settings.tools,
    maxSteps: settings.maxSteps,
    concurrency: settings.concurrency,
    prepareStep,
    onStep,
    save
  }
  const { going } = plan
  const { tools: _, ...asked } = fields
  const cuts = settings.window === undefined ? [] : Tree.cutsOn(session.tree, plan.opening)
  const messages = [...lead, ...Requests.sent(plan.opening, cuts)]
  const opening = { ...asked, messages }
  const resumed = going && { ...going.state, request: { ...going.state.request, messages } }
  const resumeOptions = { ...options, messages: going?.messages, allowModelChange: true }
  const loop = going === undefined || resumed === undefined
    ? { run: ToolLoop.run(opening, options), stream: ToolLoop.stream(opening, options) }
    : {
      run: ToolLoop.resume(resumed, going.answers, resumeOptions),
      stream: ToolLoop.resumeStream(resumed, going.answers, resumeOptions)
    }

  return {
    close,
    collect: (event: ToolEvent.Event) => {
      if (
        event.type !== "tool-result" && event.type !== "tool-pending" && event.type !== "step" &&
        event.type !== "outcome"
      ) {
        collector.add(event)
      }
    },
    end,
    loop,
    stored: (): ReadonlyArray<Reported> => unreported.splice(0).map((node) => ({ type: "stored", node }))
  }
}

/** What an answer had by now; without calls, which were not made. */
const partialOf = (collector: ReturnType<typeof ChatEvent.makeCollector>): Message.AssistantMessage | undefined => {
  if (collector.added() === 0) return undefined
  collector.add({ type: "finish", finishReason: "other", usage: Usage.empty, model: "", providerMetadata: {} })
  const parts = Message.parts(collector.response()?.message ?? Message.assistant(""))
  // The parts of an answer.
  const said = parts.filter(({ type }) => type !== "tool-call") as ReadonlyArray<Message.AssistantPart>
  return said.length === 0 ? undefined : Message.assistant(said)
}

/** The API of a service, which a provider with several says in its identity. */
const apiOf = ({ identity }: Chat.Chat): string | undefined =>
  Predicate.hasProperty(identity, "api") && typeof identity.api === "string" ? identity.api : undefined
