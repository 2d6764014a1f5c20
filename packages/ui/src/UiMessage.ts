/**
 * The messages of a page, `UIMessage` of the AI SDK, as they are in requests and in stores.
 *
 * They come from a browser: {@link read} checks their form and nothing more. `UiHistory` makes a history of them, and what
 * they say about approvals counts only against what a server stored; see `UiRuns`.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as UiChunk from "./UiChunk.ts"

/** A message as the page has it; `metadata` is that of `UiStream`. */
export interface UiMessage {
  readonly id: string
  readonly role: "system" | "user" | "assistant"
  readonly metadata?: unknown
  readonly parts: ReadonlyArray<UiPart>
}

/** A part of a message. Those that this version does not know are kept, and left out of the history. */
export type UiPart = ProsePart | FilePart | ToolPart | OtherPart

/** Text or reasoning; `state` is `streaming` while it is written. Reasoning has an `id`. */
export interface ProsePart {
  readonly type: "text" | "reasoning"
  readonly id?: string
  readonly text: string
  readonly state?: "streaming" | "done"
  readonly providerMetadata?: UiChunk.ProviderMetadata
}

/** A file: `url` is a data URL, or one that the options of `UiHistory` accept. */
export interface FilePart {
  readonly type: "file"
  readonly mediaType: string
  readonly url: string
  readonly filename?: string
  readonly providerMetadata?: UiChunk.ProviderMetadata
}

/**
 * A tool call and what became of it. `state` is one of the seven of the AI SDK: `input-streaming`, `input-available`,
 * `approval-requested`, `approval-responded`, `output-available`, `output-error`, `output-denied`; or an unknown one.
 */
export interface ToolPart {
  readonly type: "dynamic-tool" | `tool-${string}`
  /** Of a `dynamic-tool`; the name of another one is in its type. */
  readonly toolName?: string
  readonly toolCallId: string
  readonly state: string
  readonly input?: unknown
  readonly rawInput?: unknown
  readonly output?: unknown
  readonly errorText?: string
  readonly preliminary?: boolean
  readonly providerExecuted?: boolean
  readonly approval?: { readonly id: string; readonly approved?: boolean; readonly reason?: string }
  readonly callProviderMetadata?: UiChunk.ProviderMetadata
  readonly resultProviderMetadata?: UiChunk.ProviderMetadata
}

/** Any other part: `step-start`, sources, `custom`, `data-…`, and those of later versions. */
export interface OtherPart {
  readonly type: OtherType
  readonly [key: string]: unknown
}

/** The types of {@link OtherPart}. */
export type OtherType = "step-start" | "source-url" | "source-document" | "custom" | `data-${string}`

/**
 * Reads the `messages` of a request. The form of each message and part is checked, tool inputs and outputs are not: finished
 * calls stay readable whatever the tools are now.
 *
 * Fails with an `InvalidRequestError`, whose `field` is the path: `messages[2].parts[0].text`.
 */
export const read = (given: unknown): Effect.Effect<ReadonlyArray<UiMessage>, ProviderError.InvalidRequestError> =>
  Check.run(messagesCheck, given, { provider: "strata", field: "messages" })

/** A message that {@link load} left out: its position, and why. */
export interface Unreadable {
  readonly index: number
  readonly field: string
  readonly problem: string
}

/** {@link read} for stored conversations: a message that cannot be read is left out and reported, the others stay. */
export const load = (
  given: unknown
): { readonly messages: ReadonlyArray<UiMessage>; readonly unreadable: ReadonlyArray<Unreadable> } => {
  const messages: Array<UiMessage> = []
  const unreadable: Array<Unreadable> = []
  for (const [index, item] of (Check.itemsOf(given) ?? []).entries()) {
    Result.match(Check.settle(messageCheck, item, { field: `messages[${index}]` }), {
      onFailure: ({ field, problem }) => void unreadable.push({ index, field, problem }),
      onSuccess: (message) => void messages.push(message)
    })
  }
  return { messages, unreadable }
}

/** Whether a part is a tool call. */
export const isToolPart = (part: UiPart): part is ToolPart =>
  typeOf(part) === "dynamic-tool" || typeOf(part).startsWith("tool-")

/** The name of the tool of a part. */
export const toolName: (part: ToolPart) => string = Check.total(
  (part) => part.type === "dynamic-tool" ? part.toolName ?? "" : part.type.slice("tool-".length),
  () => ""
)

const typeOf: (part: UiPart) => string = Check.total(({ type }) => `${type}`, () => "")

type Json = { readonly [key: string]: unknown }

const messageCheck: Check.Check<UiMessage> = (given, at) => {
  // A plain copy: from here on nothing is read twice, and nothing throws.
  const copy = Check.jsonObject("Give a message of `useChat`")(given, at)
  if (copy === Check.refused) return copy
  const isRefused = Check.part(Check.text, copy, "id", at) === Check.refused ||
    Check.part(role, copy, "role", at) === Check.refused ||
    Check.part(parts, copy, "parts", at) === Check.refused
  return isRefused ? Check.refused : copy as object as UiMessage // its fields have just been checked
}

const messagesCheck: Check.Check<ReadonlyArray<UiMessage>> = Check.list(messageCheck, {
  most: 100_000,
  remedy: "Give the `messages` of `useChat`"
})

const role = Check.word(["system", "user", "assistant"])

const part: Check.Check<Json> = (given, at) => {
  const copy = given as Json // of a plain copy
  const kind = isObject(given) ? Check.part(Check.filled, copy, "type", at) : Check.refuseKind(at, given, "Give a part")
  if (kind === Check.refused) return kind
  return requiredOf(kind).some(([key, check]) => Check.part(check, copy, key, at) === Check.refused)
    ? Check.refused
    : copy
}

const parts = Check.list(part, { most: 100_000, remedy: "Give the parts of the message" })

const requiredOf = (kind: string): Required =>
  kind === "dynamic-tool"
    ? [["toolName", Check.filled], ...call]
    : kind === "tool-"
    ? [["toolName", (_, at) => Check.refuse(at, "the type has no name of a tool", "Use `tool-` and the name")]]
    : kind.startsWith("tool-")
    ? call
    : Object.hasOwn(fields, kind)
    ? fields[kind]!
    : []

const maybe = <A>(check: Check.Check<A>): Check.Check<A | undefined> => (given, at) =>
  given === null ? undefined : Check.optional(check)(given, at)

const approval: Check.Check<unknown> = (given, at) =>
  !isObject(given)
    ? Check.refuseKind(at, given, "Give the approval of the part")
    : [["id", Check.text] as const, ["approved", maybe(Check.flag)] as const, ["reason", maybe(Check.text)] as const]
        .some(([key, check]) => Check.part<unknown>(check, given, key, at) === Check.refused)
    ? Check.refused
    : given

/** As the client checks it: objects by provider. */
const metadata: Check.Check<unknown> = (given, at) => {
  if (!isObject(given)) return Check.refuseKind(at, given, "Give an object for each provider")
  const ofProvider: Check.Check<unknown> = (value, at) =>
    isObject(value) ? value : Check.refuseKind(at, value, "Give an object for each provider")
  return Object.keys(given).some((key) => Check.part(ofProvider, given, key, at) === Check.refused)
    ? Check.refused
    : given
}

type Required = ReadonlyArray<readonly [key: string, check: Check.Check<unknown>]>

const ofProvider: Required = [["providerMetadata", maybe(metadata)]]

const call: Required = [
  ["toolCallId", Check.text],
  ["state", Check.text],
  ["errorText", maybe(Check.text)],
  ["providerExecuted", maybe(Check.flag)],
  ["approval", maybe(approval)],
  ["callProviderMetadata", maybe(metadata)],
  ["resultProviderMetadata", maybe(metadata)]
]

/** The fields that the client asks for, too. */
const fields: { readonly [type: string]: Required } = {
  text: [["text", Check.text], ...ofProvider],
  reasoning: [["id", maybe(Check.text)], ["text", Check.text], ...ofProvider],
  file: [["mediaType", Check.text], ["url", Check.text], ["filename", maybe(Check.text)], ...ofProvider],
  "source-url": [["sourceId", Check.text], ["url", Check.text], ["title", maybe(Check.text)], ...ofProvider],
  "source-document": [["sourceId", Check.text], ["mediaType", Check.text], ["title", Check.text], ...ofProvider],
  custom: [["kind", Check.text], ...ofProvider]
}

const isObject = (given: unknown): given is Json => typeof given === "object" && given !== null && !Array.isArray(given)
