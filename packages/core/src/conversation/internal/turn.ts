/**
 * A turn that has the head of its conversation: the hooks of its loop store each thing before it is reported, and its end what
 * an interruption leaves.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Chat from "../../chat/Chat.ts"
import * as ChatEvent from "../../chat/ChatEvent.ts"
import type * as ChatRequest from "../../chat/ChatRequest.ts"
import type * as ChatResponse from "../../chat/ChatResponse.ts"
import * as Message from "../../chat/Message.ts"
import { defined } from "../../internal/defined.ts"
import type * as ToolEvent from "../../tool/ToolEvent.ts"
import * as ToolLoop from "../../tool/ToolLoop.ts"
import type * as ToolState from "../../tool/ToolState.ts"
import * as Usage from "../../Usage.ts"
import type * as ConversationRecord from "../ConversationRecord.ts"
import type * as ConversationStore from "../ConversationStore.ts"
import type * as History from "../History.ts"
import type * as Given from "./given.ts"
import type * as Plan from "./plan.ts"
import * as Requests from "./requests.ts"
import * as Session from "./session.ts"
import * as Tree from "./tree.ts"

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

/** In milliseconds. */
const shortestRenewal = 1_000

/** The options of the requests of a turn. */
export type Fields = Omit<ChatRequest.ChatRequest, "messages">

/** Makes the turn of a plan, whose change is in the store. */
export const make = <E, R>(
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

  /** Says every so often that the turn is still in progress. */
  const renew = settings.turnTimeout === 0 ? Effect.void : Effect.forever(
    Effect.andThen(
      Effect.sleep(Math.max(shortestRenewal, settings.turnTimeout / 3)),
      Effect.ignore(session.append(({ head, turn }) => turn === "open" && head === tip ? { turn } : undefined, 1))
    )
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
    renew,
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

/** The API of a service: a provider with several says it in its identity, which decorators may wrap. */
const apiOf = ({ identity }: Pick<Chat.Chat, "identity">, depth = 0): string | undefined =>
  Predicate.hasProperty(identity, "api") && typeof identity.api === "string"
    ? identity.api
    : Predicate.hasProperty(identity, "of") && depth < 10
    ? apiOf({ identity: identity.of as Chat.Chat["identity"] }, depth + 1) // a part of JSON
    : undefined
