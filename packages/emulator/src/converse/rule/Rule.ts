/**
 * A rule: one thing the service refuses in a well-shaped request, and its source.
 */
import type * as Model from "../../model/Model.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"

/**
 * The evidence that the service refuses something: a recording of it, its model, its documentation, or reports of
 * users.
 */
export type Source = "recorded" | "model" | "documented" | "reported"

/** What is checked: a request or a prompt alone, its model, and whether the answer is to be streamed. */
export interface Subject {
  readonly request: Wire.Request
  readonly model: Model.ChatModel
  readonly streaming: boolean
}

/**
 * - `refuses`: what the rule refuses, as the object of that verb.
 * - `find`: the errors, in order.
 */
export interface Rule {
  readonly refuses: string
  readonly source: Source
  readonly find: (subject: Subject) => Findings
}

/** Every block of the messages that a rule may check, with its path. */
export function* blocksOf({ messages = [] }: Wire.Prompt) {
  for (const [turn, { content, role }] of messages.entries()) {
    for (const [index, block] of content.entries()) {
      yield { role, block, content, index, at: `messages.${turn}.content.${index}` }
    }
  }
}
