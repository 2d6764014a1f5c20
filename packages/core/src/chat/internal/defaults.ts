/** Defaults of requests. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import * as Stream from "effect/Stream"
import * as CanonicalText from "../../cache/internal/canonicalText.ts"
import * as Check from "../../Check.ts"
import { isPlain } from "../../internal/check/json.ts"
import { defined, untagged } from "../../internal/defined.ts"
import type * as ProviderError from "../../ProviderError.ts"
import type * as Chat from "../Chat.ts"
import * as ChatRequest from "../ChatRequest.ts"
import * as Message from "../Message.ts"
import * as ChatValidation from "./validation.ts"

/** The service with defaults; fails with `InvalidRequestError` for invalid ones. */
export const make = Effect.fnUntraced(function*(
  chat: Chat.Chat,
  given: ChatRequest.Defaults
): Effect.fn.Return<Chat.Chat, ProviderError.InvalidRequestError> {
  const { system, ...fields } = yield* Check.run(shape, given, { provider: "strata", field: "defaults" })
  const { messages: _, ...defaults } = yield* ChatValidation.settle("strata", { ...fields, messages: [] })
  const prompt = system === undefined ? [] : [Message.system(system)]
  const withDefaults = (request: ChatRequest.ChatRequest): ChatRequest.ChatRequest => {
    const messages = ChatRequest.messagesOf(request)
    return {
      ...defaults,
      ...defined(request),
      messages: prompt.length === 0 || messages.some(({ role }) => role === "system")
        ? request.messages
        : [...prompt, ...messages],
      ...(defaults.providerOptions && { providerOptions: joined(defaults.providerOptions, request.providerOptions) })
    }
  }
  const settled = (request: ChatRequest.ChatRequest) =>
    Effect.map(ChatValidation.settle(chat.provider ?? "strata", request), withDefaults)
  return {
    ...chat,
    defaultModel: defaults.model ?? chat.defaultModel,
    // Defaults without a canonical text are not cached, like such requests.
    identity: { defaults: CanonicalText.make([system, untagged(defaults)]) ?? null, of: chat.identity ?? null },
    generate: (request) => Effect.flatMap(settled(request), chat.generate),
    stream: (request) => Stream.unwrap(Effect.map(settled(request), chat.stream))
  }
})

/** Other fields are checked as those of a request. */
const shape: Check.Check<ChatRequest.Defaults> = (given, at) => {
  if (!Predicate.isObject(given)) return Check.refuseKind(at, given, "Give an object of defaults")
  if ("messages" in given) {
    at.path.push("messages")
    return Check.refuse(at, "messages cannot be a default", "Give a system prompt as `system`")
  }
  const system = Check.part(Check.optional(Check.text), given, "system", at)
  // the other fields are checked with each request
  return system === Check.refused ? system : { ...given } as ChatRequest.Defaults
}

/** Merges one level below the keys of providers, and `requestMetadata` pair by pair. */
const joined = (
  defaults: ChatRequest.ProviderOptions,
  given: ChatRequest.ProviderOptions = {}
): ChatRequest.ProviderOptions =>
  Record.union(
    // Each provider has a type of its own: they are merged as what they hold.
    defaults as Readonly<Record<string, unknown>>,
    given as Readonly<Record<string, unknown>>,
    (self, that) =>
      Predicate.isObject(self) && Predicate.isObject(that) ? { ...self, ...that, ...pairs(self, that) } : that
  )

const pairs = (
  { requestMetadata: self }: { readonly requestMetadata?: unknown },
  { requestMetadata: that }: { readonly requestMetadata?: unknown }
) => isPlain(self) && isPlain(that) ? { requestMetadata: { ...self, ...that } } : {}
