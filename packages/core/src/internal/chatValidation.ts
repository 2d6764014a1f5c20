/**
 * What can be wrong with a chat request whoever answers it, found before any network.
 */
import * as Effect from "effect/Effect"
import * as ChatRequest from "../ChatRequest.ts"
import type * as Message from "../Message.ts"
import * as ProviderError from "../ProviderError.ts"

/** Settles the model and the messages of a request, or says what is wrong with it. */
export const resolve = (
  provider: { readonly provider: string; readonly defaultModel?: string | undefined },
  request: ChatRequest.ChatRequest
): Effect.Effect<ChatRequest.Resolved, ProviderError.InvalidRequestError> => {
  const model = request.model ?? provider.defaultModel
  const messages = ChatRequest.messagesOf(request)
  const problem = model === undefined || model.trim() === ""
    ? {
      field: "model",
      problem: "no model is named",
      remedy: "Set `model` in the request, or once in the options of the layer"
    }
    : messagesProblem(messages) ?? optionsProblem(request) ?? toolsProblem(request)
  return problem === undefined
    ? Effect.succeed({ ...request, model: model!, messages })
    : Effect.fail(ProviderError.invalidRequest({ provider: provider.provider, model, ...problem }))
}

interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

const messagesProblem = (messages: ReadonlyArray<Message.Message>): Problem | undefined => {
  if (!messages.some((message) => message.role !== "system")) {
    return {
      field: "messages",
      problem: "there is nothing to answer",
      remedy: "Add a message with the role `user`"
    }
  }
  for (const [index, message] of messages.entries()) {
    const { content } = message
    // A model may have had nothing to say: what a provider does with that turn is its own affair.
    if (message.role === "assistant") continue
    if (typeof content === "string" ? content.trim() === "" : content.length === 0) {
      return {
        field: `messages[${index}].content`,
        problem: `the ${message.role} message is empty`,
        remedy: "Give it text or a part, or leave the message out"
      }
    }
  }
}

const optionsProblem = (request: ChatRequest.ChatRequest): Problem | undefined => {
  const { maxTokens, stopSequences, temperature, topP } = request
  if (maxTokens !== undefined && !(Number.isSafeInteger(maxTokens) && maxTokens > 0)) {
    return {
      field: "maxTokens",
      problem: `${maxTokens} is not a number of tokens`,
      remedy: "Use a whole number from 1"
    }
  }
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    return {
      field: "temperature",
      problem: `${temperature} is out of range`,
      remedy: "Use a number from 0 to 1, or to 2 where the model takes it"
    }
  }
  if (topP !== undefined && !(topP >= 0 && topP <= 1)) {
    return { field: "topP", problem: `${topP} is out of range`, remedy: "Use a number from 0 to 1" }
  }
  const blank = stopSequences?.findIndex((sequence) => sequence === "") ?? -1
  if (blank >= 0) {
    return { field: `stopSequences[${blank}]`, problem: "the text is empty", remedy: "Leave it out" }
  }
}

const toolsProblem = ({ toolChoice, tools }: ChatRequest.ChatRequest): Problem | undefined => {
  const names = new Set<string>()
  for (const [index, tool] of (tools ?? []).entries()) {
    if (names.has(tool.name)) {
      return {
        field: `tools[${index}].name`,
        problem: `there is already a tool with the name "${tool.name}"`,
        remedy: "Give each tool a name of its own"
      }
    }
    names.add(tool.name)
  }
  if (toolChoice === "any" && names.size === 0) {
    return { field: "toolChoice", problem: "there is no tool to choose", remedy: "Add `tools`, or use `auto`" }
  }
  if (typeof toolChoice === "object" && !names.has(toolChoice.name)) {
    return {
      field: "toolChoice",
      problem: `there is no tool with the name "${toolChoice.name}"`,
      remedy: "Choose one of the request's `tools`"
    }
  }
}
