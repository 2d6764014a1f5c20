/**
 * One conversation in a store: reads what is new, appends, and tells apart the appends that may be lost from those that may
 * not.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Message from "../../chat/Message.ts"
import type * as ConversationRecord from "../ConversationRecord.ts"
import * as ConversationStore from "../ConversationStore.ts"
import * as Tree from "./tree.ts"

/** What to append; `version` and `at` are added. */
export type Change = Omit<ConversationRecord.Record, "version" | "at">

export interface Session {
  readonly id: string
  readonly tree: Tree.Tree
  /** Reads the records that others appended. */
  readonly refresh: Effect.Effect<void, ConversationStore.ConversationStoreError>
  /** Appends, if nothing was appended since the tree was read. */
  readonly claim: (
    change: Change
  ) => Effect.Effect<void, ConversationStore.ConversationStoreError | ConversationStore.ConversationConflictError>
  /**
   * Appends, after whatever others appended: `change` is asked for each attempt, with the tree as it is then;
   * nothing is appended where it gives nothing. An attempt
   * that failed may have been made: nodes that are there already are not added again.
   */
  readonly append: (
    change: (tree: Tree.Tree) => Change | undefined,
    attempts?: number
  ) => Effect.Effect<void, ConversationStore.ConversationStoreError>
}

type Store = ConversationStore.ConversationStore["Service"]

/** Attempts of an append that may not be lost, and the pauses between them. */
const pauses = ["50 millis", "200 millis", "1 second"] as const

/** So often others may come first before that counts as a failure. */
const mostConflicts = 100

export const make = (store: Store, id: string): Session => {
  const tree = Tree.make()

  const refresh = Effect.suspend(() => {
    const from = tree.revision
    return Effect.map(store.read(id, from), (records) => {
      // Another fiber may have read them, too.
      for (const record of records.slice(tree.revision - from)) Tree.add(tree, record)
    })
  })

  const write = Effect.fnUntraced(function*(change: Change) {
    const record: ConversationRecord.Record = { version: 1, at: yield* Clock.currentTimeMillis, ...change }
    const expected = tree.revision
    yield* store.append(id, record, expected)
    if (tree.revision === expected) Tree.add(tree, record)
  })

  /** Whether it was written; not, where others came first. */
  const attempt = (change: Change) =>
    write(change).pipe(
      Effect.as(true),
      Effect.catchTag("ConversationConflictError", () => Effect.as(refresh, false))
    )

  const append = Effect.fnUntraced(
    function*(change: (tree: Tree.Tree) => Change | undefined, attempts: number = pauses.length + 1) {
      let failures = 0
      let conflicts = 0
      while (true) {
        const wanted = change(tree)
        if (wanted === undefined) return
        const nodes = wanted.nodes?.filter((node) => !tree.nodes.has(node.id))
        const written = yield* Effect.result(attempt(nodes === undefined ? wanted : { ...wanted, nodes }))
        if (Result.isSuccess(written)) {
          if (written.success) return
          if (++conflicts < mostConflicts) continue
        }
        failures++
        if (failures >= attempts) {
          return yield* unsaved(Result.isFailure(written) ? written.failure : overtaken(id), nodes ?? [])
        }
        yield* Effect.sleep(pauses[failures - 1] ?? "1 second")
        // A store that is down says so to the next attempt.
        yield* Effect.ignore(refresh)
      }
    },
    // What arrived is written, also when no caller waits for it any more; a store has ten seconds for each attempt.
    Effect.uninterruptible
  )

  return { id, tree, refresh, claim: write, append }
}

const overtaken = (conversation: string) =>
  new ConversationStore.ConversationStoreError({
    operation: "append",
    conversation,
    message: "Others appended to the conversation each time"
  })

const unsaved = (
  { cause, conversation, message, operation }: ConversationStore.ConversationStoreError,
  nodes: ReadonlyArray<ConversationRecord.Node>
) =>
  new ConversationStore.ConversationStoreError({
    operation,
    conversation,
    message,
    cause,
    unsaved: nodes.map(({ message }): Message.Message => message)
  })

/** An id that no other process makes: 100 random bits. */
export const makeId: Effect.Effect<string> = Effect.map(
  Effect.all([Random.nextIntBetween(0, 2 ** 50), Random.nextIntBetween(0, 2 ** 50)]),
  (halves) => halves.map((half) => half.toString(36).padStart(10, "0")).join("")
)

/** Nodes for messages, one after the other, behind `parent`. */
export const nodesOf = Effect.fnUntraced(function*(
  messages: ReadonlyArray<Message.Message>,
  parent: string | undefined,
  answer?: Partial<ConversationRecord.Node>
): Effect.fn.Return<ReadonlyArray<ConversationRecord.Node>> {
  const at = yield* Clock.currentTimeMillis
  const nodes: Array<ConversationRecord.Node> = []
  for (const message of messages) {
    const before = nodes.at(-1)?.id ?? parent
    nodes.push({
      id: yield* makeId,
      at,
      message,
      ...(before !== undefined && { parent: before }),
      ...(message.role === "assistant" && answer)
    })
  }
  return nodes
})
