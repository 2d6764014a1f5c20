/**
 * A rule: one thing the service refuses in a request whose shape is right, and where it is known from.
 */
import type * as Model from "../../Model.ts"
import type * as Wire from "../Wire.ts"
import type { Findings } from "./Finding.ts"

/**
 * Where it is known from that the service refuses something: a recording of it, its model, its documentation, or what users
 * report of it.
 */
export type Source = "recorded" | "model" | "documented" | "reported"

/** What is checked: a request to a model, or a prompt alone, and whether the answer is to be streamed. */
export interface Subject {
  readonly request: Wire.Request
  readonly model: Model.ChatModel
  readonly streaming: boolean
}

/**
 * - `refuses`: what the rule refuses, as the object of that verb.
 * - `find`: the errors, first things first.
 */
export interface Rule {
  readonly refuses: string
  readonly source: Source
  readonly find: (subject: Subject) => Findings
}

/** Every block of the messages that some rule may be about, with its place. */
export function* blocksOf({ messages = [] }: Wire.Prompt) {
  for (const [turn, { content, role }] of messages.entries()) {
    for (const [index, block] of content.entries()) {
      yield { role, block, content, index, at: `messages.${turn}.content.${index}` }
    }
  }
}
