/**
 * What a store keeps of a conversation: a log of {@link Record}s, in which messages form a tree.
 *
 * Nothing in it is changed or deleted: an edit or a second answer is one more child of the same message.
 */
import * as Schema from "effect/Schema"
import * as ChatResponse from "../chat/ChatResponse.ts"
import * as Message from "../chat/Message.ts"
import * as Cost from "../Cost.ts"
import * as ToolState from "../tool/ToolState.ts"
import * as Usage from "../Usage.ts"
import * as History from "./History.ts"

/**
 * A message in the tree.
 *
 * - `id`: unique in the conversation; `parent`: the message before it, none for a first one; `at`: milliseconds since 1970.
 * - `origin`, `usage`, `cost`, `finishReason`: of an answer of the model: who gave it, and what its request took.
 * - `partial`: the answer was interrupted: it is what had arrived by then.
 */
export class Node extends Schema.Opaque<Node>()(Schema.Struct({
  id: Schema.String,
  parent: Schema.optional(Schema.String),
  at: Schema.Finite,
  message: Message.Message,
  origin: Schema.optional(History.Origin),
  usage: Schema.optional(Usage.Usage),
  cost: Schema.optional(Cost.Cost),
  finishReason: Schema.optional(ChatResponse.FinishReason),
  partial: Schema.optional(Schema.Boolean)
})) {}

/**
 * Where requests begin: `node` is the first message that is sent, `summary` stands for what is left out between the cut
 * before and this one.
 */
export class Cut extends Schema.Opaque<Cut>()(Schema.Struct({
  node: Schema.String,
  summary: Schema.optional(Schema.String)
})) {}

/**
 * The calls of an answer that is not in the tree yet, since some of them wait or run: the answer will follow `node`. The last
 * one for a node counts.
 *
 * - `start`: the last message that the turn began with; those after it, up to `node`, are of the turn.
 * - `origin`: who gave the answer.
 * - `state`: of the loop, without messages that are in the tree; none when the answer has come into the tree, or never will.
 */
export class Run extends Schema.Opaque<Run>()(Schema.Struct({
  node: Schema.String,
  start: Schema.optional(Schema.String),
  origin: Schema.optional(History.Origin),
  state: Schema.optional(ToolState.State)
})) {}

/**
 * What is appended at once.
 *
 * - `version`: of this format; `at`: when, in milliseconds since 1970, by the clock of the process that wrote it.
 * - `nodes`: new messages, parents first; `head`: the message that the conversation goes on from.
 * - `turn`: whether the turn at the head is `open`, as long as its answer is expected to be written.
 */
export class Record extends Schema.Opaque<Record>()(Schema.Struct({
  version: Schema.Literal(1),
  at: Schema.Finite,
  nodes: Schema.optional(Schema.Array(Node)),
  head: Schema.optional(Schema.String),
  turn: Schema.optional(Schema.Literals(["open", "closed"])),
  cut: Schema.optional(Cut),
  run: Schema.optional(Run)
})) {}
