/**
 * Guesses how many tokens a prompt has, without any network: rather too many than too few.
 */
import type * as ChatRequest from "../ChatRequest.ts"
import * as Embedding from "../Embedding.ts"
import * as Message from "../Message.ts"

/** Tokens of the prompt of a chat request, its tools included. */
export const chat = (request: ChatRequest.Resolved): number =>
  request.messages.reduce((sum, message) => sum + text(Message.textOf(message)), 0)

/** Tokens of the inputs of one embedding request. */
export const embedding = (inputs: ReadonlyArray<Embedding.Input>): number =>
  inputs.reduce((sum, input) => sum + text(Embedding.textOf(input) ?? ""), 0)

/** Tokens of a text. */
export const text = (text: string): number => Math.ceil(text.length / 3)
