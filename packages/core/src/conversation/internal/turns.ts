/**
 * Turns: each claims the head of the conversation, or waits for it, lets the loop of tools answer, and gives the head up when it
 * ends.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as ChatService from "../../chat/ChatService.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Tool from "../../tool/Tool.ts"
import type * as ToolEvent from "../../tool/ToolEvent.ts"
import * as ToolLoop from "../../tool/ToolLoop.ts"
import * as ConversationStore from "../ConversationStore.ts"
import type * as Given from "./given.ts"
import * as Plan from "./plan.ts"
import * as Session from "./session.ts"
import * as Turn from "./turn.ts"

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

/** A turn to its end. */
export const run = <E, R>(
  session: Session.Session,
  settings: Given.Settings<E, R>,
  input: Given.Input,
  request: Turn.Fields
): Effect.Effect<Turn.Ended, TurnError | E, ChatService.ChatService | R> =>
  Effect.scoped(
    Effect.flatMap(begin(session, settings, input, request), ({ end, loop }) => Effect.flatMap(loop.run, end))
  )

/** A turn and what happens in it. */
export const stream = <E, R>(
  session: Session.Session,
  settings: Given.Settings<E, R>,
  input: Given.Input,
  request: Turn.Fields
): Stream.Stream<Turn.Reported, TurnError | ProviderError.StreamInterruptedError | E, ChatService.ChatService | R> =>
  Stream.unwrap(Effect.map(begin(session, settings, input, request), ({ collect, end, loop, stored }) => {
    let outcome: ToolEvent.Outcome | undefined
    let held: Turn.Reported | undefined
    const report = (event: ToolEvent.Event): ReadonlyArray<Turn.Reported> => {
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
    const ended = Effect.suspend((): Effect.Effect<ReadonlyArray<Turn.Reported>, TurnError> =>
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
  request: Turn.Fields
) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const service = yield* ChatService.ChatService
      const plan = yield* claim(session, settings, input, restore)
      const turn = Turn.make(session, settings, plan, request, service)
      yield* Effect.addFinalizer(() => turn.close)
      yield* Effect.forkScoped(restore(turn.renew))
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
