/**
 * The messages of a conversation as a tree, built from its records. Whatever the records say, a path ends: what does not fit
 * into the tree is left out.
 */
import * as Message from "../../chat/Message.ts"
import type * as ConversationRecord from "../ConversationRecord.ts"

/** Mutable, and only by {@link add}. */
export interface Tree {
  readonly nodes: Map<string, ConversationRecord.Node>
  readonly cuts: Map<string, ConversationRecord.Cut>
  readonly runs: Map<string, ConversationRecord.Run>
  head: string | undefined
  turn: "open" | "closed"
  /** The records so far, and when the last one was written. */
  revision: number
  at: number
}

export const make = (): Tree => ({
  nodes: new Map(),
  cuts: new Map(),
  runs: new Map(),
  head: undefined,
  turn: "closed",
  revision: 0,
  at: 0
})

/** Adds the next record. */
export const add = (tree: Tree, { at, cut, head, nodes = [], run, turn }: ConversationRecord.Record): void => {
  tree.revision++
  tree.at = at
  for (const node of nodes) {
    // A parent comes first, so there are no cycles.
    const isPlaced = node.parent === undefined || tree.nodes.has(node.parent)
    if (isPlaced && !tree.nodes.has(node.id)) tree.nodes.set(node.id, node)
  }
  if (head !== undefined && tree.nodes.has(head)) tree.head = head
  if (turn !== undefined) tree.turn = turn
  if (cut !== undefined && tree.nodes.has(cut.node)) tree.cuts.set(cut.node, cut)
  if (run?.state !== undefined) tree.runs.set(run.node, run)
  else if (run !== undefined) tree.runs.delete(run.node)
}

/** From the first message to a node, which is the last one; empty for none. */
export const pathTo = (tree: Tree, id: string | undefined): ReadonlyArray<ConversationRecord.Node> => {
  const path: Array<ConversationRecord.Node> = []
  let node = id === undefined ? undefined : tree.nodes.get(id)
  while (node !== undefined) {
    path.push(node)
    node = node.parent === undefined ? undefined : tree.nodes.get(node.parent)
  }
  return path.reverse()
}

/** The message of the user that a node answers, or which it is. */
export const questionOf = (tree: Tree, id: string | undefined): ConversationRecord.Node | undefined =>
  pathTo(tree, id).findLast(({ message }) => message.role === "user")

/** The cuts on a path, in its order. */
export const cutsOn = (
  tree: Tree,
  path: ReadonlyArray<ConversationRecord.Node>
): ReadonlyArray<ConversationRecord.Cut> => path.flatMap(({ id }) => tree.cuts.get(id) ?? [])

/** The messages of a node for the model: of a partial answer its text. */
export const messageOf = ({ message, partial }: ConversationRecord.Node): Message.Message =>
  partial === true && message.role === "assistant"
    ? Message.assistant(Message.textOf(message))
    : message
