/** What a turn does with the tree before the model is asked. */
import * as Result from "effect/Result"
import * as Message from "../../chat/Message.ts"
import * as Check from "../../Check.ts"
import * as Cost from "../../Cost.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as ToolDecision from "../../tool/ToolDecision.ts"
import type * as ToolState from "../../tool/ToolState.ts"
import * as Usage from "../../Usage.ts"
import type * as ConversationRecord from "../ConversationRecord.ts"
import type * as History from "../History.ts"
import type * as Given from "./given.ts"
import type * as Session from "./session.ts"
import * as Tree from "./tree.ts"

/**
 * - `change`: is appended before the model is asked. `question`: the message of the user in it, if there is one.
 * - `opening`: the messages that the turn begins with; `added`: those of the turn that are in the tree already.
 * - `going`: the state of the tools that the turn goes on from, without its opening, the answers to calls that wait, and the message of the user
 *   that supersedes them; `origin` gave the answer with the calls.
 */
export interface Plan {
  readonly change: Session.Change
  readonly question?: ConversationRecord.Node
  readonly opening: ReadonlyArray<ConversationRecord.Node>
  readonly added: ReadonlyArray<ConversationRecord.Node>
  readonly going?: {
    readonly state: ToolState.State
    readonly answers: ReadonlyArray<ToolDecision.Decision>
    readonly messages?: ReadonlyArray<Message.Message>
    readonly origin: History.Origin | undefined
  }
}

/** Plans a turn; `id` and `at` are those of a new message. */
export const make = (
  tree: Tree.Tree,
  input: Given.Input,
  { at, id }: Pick<ConversationRecord.Node, "id" | "at">
): Result.Result<Plan, ProviderError.InvalidRequestError> => {
  const question = (content: Message.UserMessage["content"], parent: string | undefined): ConversationRecord.Node => ({
    id,
    at,
    message: Message.user(content),
    ...(parent !== undefined && { parent })
  })
  switch (input.type) {
    case "message": {
      const run = tree.head === undefined ? undefined : tree.runs.get(tree.head)
      if (run?.state !== undefined && run.state.calls.length > 0) {
        // The new message has steps of its own.
        const state = { ...run.state, steps: 0, usage: Usage.empty, cost: Cost.empty }
        return Result.succeed(goOn(tree, run, state, [], [Message.user(input.content)]))
      }
      return Result.succeed(ask(tree, question(input.content, tree.head)))
    }
    case "edit": {
      const edited = tree.nodes.get(input.node)
      if (edited === undefined) return Result.fail(unknown(input.node))
      return edited.message.role === "user"
        ? Result.succeed(ask(tree, question(input.content, edited.parent)))
        : Result.fail(Check.invalid("node", "this is not a message of the user", "Choose one of the role `user`"))
    }
    case "regenerate": {
      const { node = tree.head } = input
      if (node !== undefined && !tree.nodes.has(node)) return Result.fail(unknown(node))
      const asked = Tree.questionOf(tree, node)
      return asked === undefined ? Result.fail(nothing) : Result.succeed(again(tree, asked.id))
    }
    case "resume": {
      const { head } = tree
      const run = head === undefined ? undefined : tree.runs.get(head)
      if (run?.state !== undefined) return Result.succeed(goOn(tree, run, run.state, input.answers))
      const isOpen = head !== undefined && tree.nodes.get(head)?.message.role !== "assistant"
      if (isOpen && input.answers.length === 0) return Result.succeed(again(tree, head))
      return Result.fail(Check.invalid("resume", "no calls wait at the head of the conversation", "Send a message"))
    }
  }
}

const ask = (tree: Tree.Tree, question: ConversationRecord.Node): Plan => ({
  question,
  change: { nodes: [question], head: question.id, turn: "open" },
  opening: [...Tree.pathTo(tree, question.parent), question],
  added: []
})

/** Asks from a message that is there; calls that wait for it are given up. */
const again = (tree: Tree.Tree, node: string): Plan => ({
  change: { head: node, turn: "open", ...(tree.runs.has(node) && { run: { node } }) },
  opening: Tree.pathTo(tree, node),
  added: []
})

const goOn = (
  tree: Tree.Tree,
  { node, origin, start }: ConversationRecord.Run,
  state: ToolState.State,
  answers: ReadonlyArray<ToolDecision.Decision>,
  messages?: ReadonlyArray<Message.Message>
): Plan => {
  const path = Tree.pathTo(tree, node)
  const began = path.findIndex(({ id }) => id === start) + 1
  const opening = began === 0 ? path : path.slice(0, began)
  const added = path.slice(opening.length)
  return {
    change: { head: node, turn: "open" },
    opening,
    added,
    going: {
      state: { ...state, messages: added.map(({ message }) => message) },
      answers,
      origin,
      ...(messages !== undefined && { messages })
    }
  }
}

const unknown = (node: string) =>
  Check.invalid("node", `the conversation has no message ${JSON.stringify(node)}`, "Take an id from its `nodes`")

const nothing = Check.invalid("node", "there is no message of the user to answer", "Send one first")
