/** What the contract of chat asks of an implementation, and what an implementation declares. */
import type * as Layer from "effect/Layer"
import type * as ChatResponse from "../../../chat/ChatResponse.ts"
import type * as ChatService from "../../../chat/ChatService.ts"
import type * as ProviderError from "../../../ProviderError.ts"
import type * as Contract from "../../Contract.ts"

/** The features of a chat model, by name, with words for a table. */
export const features = {
  script: "answers can be scripted",
  systemPrompts: "system prompts",
  maxTokens: "`maxTokens`",
  temperature: "`temperature`",
  topP: "`topP`",
  stopSequences: "`stopSequences`",
  finishReasons: "finish reasons",
  usage: "exact usage",
  cacheUsage: "tokens read from a cache",
  tools: "tools",
  toolChoice: "`toolChoice`",
  parallelTools: "several calls in one answer",
  toolFailures: "results marked as failed",
  structuredOutput: "structured output",
  images: "images",
  documents: "documents",
  toolImages: "images in tool results",
  reasoning: "reasoning",
  signatures: "signatures of reasoning, sent back",
  errors: "each error by its tag",
  interruption: "interruption ends the model's work",
  brokenStreams: "a stream that fails midway"
} as const

/** A feature of a chat model. */
export type Feature = keyof typeof features

/**
 * An implementation.
 *
 * - `layer`: the implementation, over the model that answers for it. Its policy is replaced by `Policy.none`.
 * - `support`: what it refuses, and what is missing; all else is tested.
 * - `errors`: the tag that an error of the model arrives with, where the way to the model does not tell it apart.
 * - `finishReasons`: the same for the reasons why an answer ended.
 * - `deviations`: by the title of a test, why the implementation does not pass it. The test runs, and fails when it passes.
 */
export interface Subject {
  readonly name: string
  readonly layer: (
    model: Layer.Layer<ChatService.ChatService>
  ) => Layer.Layer<ChatService.ChatService, unknown>
  readonly support?: { readonly [F in Feature]?: Contract.Support | undefined } | undefined
  readonly errors?: { readonly [Tag in Tags]?: Tags | undefined } | undefined
  readonly finishReasons?: { readonly [R in Reason]?: Reason | undefined } | undefined
  readonly deviations?: Readonly<Record<string, string>> | undefined
}

/** The tags of the errors of a call. */
export type Tags = ProviderError.CallError["_tag"]

type Reason = ChatResponse.FinishReason
