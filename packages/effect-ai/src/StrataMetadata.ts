/**
 * What `effect/ai` has no field for, under the key `strata` of its parts: as `metadata` of a response, as `options` of a prompt.
 *
 * `Chat` copies the one into the other, so it survives a conversation, also one that was exported as JSON. Programs write
 * `options.strata` themselves for cache points, guards and citations of documents.
 */
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import type * as Response from "effect/ai/Response"
import * as Context from "effect/Context"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** The key of `metadata` and `options`. */
export const key = "strata"

/** Ends a prefix for the provider to cache, with its default lifetime or `ttl`. */
export type CacheOptions = { readonly cache?: boolean | { readonly ttl: "5m" | "1h" } }

/** Text: a cache point, a mark for guardrails, the citations of an answer as JSON ({@link citationsOf} reads them). */
export type TextOptions = CacheOptions & {
  readonly guard?: boolean | { readonly qualifiers: ReadonlyArray<"grounding_source" | "query" | "guard_content"> }
  readonly citations?: ReadonlyArray<Schema.Json>
}

/** A file: of a document also its `name` and `context` for the model, and whether it may be cited. */
export type FileOptions = CacheOptions & {
  readonly guard?: boolean
  readonly name?: string
  readonly context?: string
  readonly citations?: boolean
}

/** A thought: its signature, or its encrypted content in base64. They are sent back unchanged. */
export type ReasoningOptions = { readonly signature?: string; readonly redacted?: string }

/** Marks a tool as the end of a cached prefix: `tool.annotate(StrataMetadata.ToolCache, true)`. */
export const ToolCache = Context.Reference<Message.CacheControl>("@strata/effect-ai/ToolCache", {
  defaultValue: () => false
})

/** The citations of a text part, of a response or of a prompt. Empty for any other value. */
export const citationsOf = (part: unknown): ReadonlyArray<Message.Citation> =>
  total(() => {
    const strata = bagOf(part)?.[key]
    const citations = Predicate.hasProperty(strata, "citations") ? Check.itemsOf(strata.citations) : undefined
    return citations && Result.getOrUndefined(decodeCitations(citations))
  }) ?? []

/**
 * The outcome of a response: request id, cost, model, the finish reason in our terms, metadata of the provider. From the
 * parts of a response or of a whole stream; `undefined` where they have no `finish` of ours.
 */
export const outcomeOf = (parts: ReadonlyArray<Response.AnyPart>): ChatResponse.Outcome | undefined =>
  total(() => {
    const finish = Check.itemsOf(parts)?.find((part) => Predicate.hasProperty(part, "type") && part.type === "finish")
    return Result.getOrUndefined(decodeOutcome(bagOf(finish)?.[key]))
  })

const bagOf = (part: unknown): Readonly<Record<string, unknown>> | undefined =>
  [
    Predicate.hasProperty(part, "metadata") && part.metadata,
    Predicate.hasProperty(part, "options") && part.options
  ].find(Predicate.isObject)

const total = <A>(read: () => A): A | undefined => Result.getOrUndefined(Result.try(read))

const decodeCitations = Schema.decodeUnknownResult(Schema.toCodecJson(Schema.Array(Message.Citation)))

const decodeOutcome = Schema.decodeUnknownResult(Schema.toCodecJson(ChatResponse.Outcome))

declare module "effect/ai/Prompt" {
  interface SystemMessageOptions {
    readonly strata?: TextOptions | null
  }
  interface UserMessageOptions {
    readonly strata?: CacheOptions | null
  }
  interface AssistantMessageOptions {
    readonly strata?: CacheOptions | null
  }
  interface ToolMessageOptions {
    readonly strata?: CacheOptions | null
  }
  interface TextPartOptions {
    readonly strata?: TextOptions | null
  }
  interface FilePartOptions {
    readonly strata?: FileOptions | null
  }
  interface ReasoningPartOptions {
    readonly strata?: ReasoningOptions | null
  }
  interface ToolResultPartOptions {
    readonly strata?: CacheOptions | null
  }
}
