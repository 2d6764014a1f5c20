/**
 * Requests for prompts of Prompt management: the request names a stored prompt and gives its variables.
 *
 * The prompt has its own model, system prompt, tools and inference options: a request that sets them too is refused
 * before it is sent, as the service would.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as Record from "effect/Record"
import type { BedrockChatOptions } from "./BedrockOptions.ts"
import { providerName } from "./internal/provider.ts"

/**
 * What is added to a prompt of Prompt management.
 *
 * - `variables`: the values of the prompt's variables.
 * - `messages`: messages after those of the prompt; none when missing.
 * - `providerOptions`: as in any request.
 */
export interface Options {
  readonly variables?: Readonly<Record<string, string>> | undefined
  readonly messages?: ChatRequest.ChatRequest["messages"] | undefined
  readonly providerOptions?: { readonly bedrock?: BedrockChatOptions | undefined } | undefined
}

/**
 * A request for the version of a prompt that `promptArn` names.
 *
 * @example
 * ChatService.text(BedrockPrompt.make("arn:aws:bedrock:eu-west-1:123456789012:prompt/PROMPT1234:1", {
 *   variables: { genre: "jazz" }
 * }))
 */
export const make = (promptArn: string, options: Options = {}): ChatRequest.ChatRequest => {
  const { messages, providerOptions, variables, ...others } = Check.fieldsOf(options)
  const { bedrock, ...otherProviders } = Check.fieldsOf(providerOptions as Options["providerOptions"])
  // The values are checked when the request is sent.
  return {
    ...others,
    model: promptArn,
    messages: messages ?? [nothing],
    providerOptions: {
      ...otherProviders,
      bedrock: {
        ...(variables === undefined ? undefined : { promptVariables: textsOf(variables) }),
        ...Check.fieldsOf(bedrock as BedrockChatOptions | undefined)
      }
    }
  } as ChatRequest.ChatRequest
}

const textsOf = (variables: unknown) =>
  Record.map(Check.fieldsOf(variables as { readonly [name: string]: unknown }), (text) => ({ text }))

/**
 * A placeholder message: `ChatService` requires a message, and here the prompt has it.
 *
 * @internal
 */
export const nothing: Message.UserMessage = Message.user([{ type: "provider", provider: providerName, value: {} }])

/**
 * Whether the messages are only the placeholder.
 *
 * @internal
 */
export const isNothing = (messages: ReadonlyArray<Message.Message>): boolean => {
  const [part, ...others] = messages.flatMap((message) => Message.parts(message))
  return part?.type === "provider" && part.provider === providerName && others.length === 0 &&
    typeof part.value === "object" && part.value !== null && Object.keys(part.value).length === 0
}
