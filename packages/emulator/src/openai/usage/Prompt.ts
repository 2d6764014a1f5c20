/**
 * Counts the tokens of a request as the rest of the emulator does, four characters each, and finds how much of it the
 * provider has cached: OpenAI caches long prefixes by itself.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Duration from "effect/Duration"
import * as Crypto from "node:crypto"
import type * as PromptCache from "../../converse/usage/PromptCache.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"

/** The cached prefixes of an emulator. */
export interface Cache {
  /** Counts a prompt, and keeps its prefixes. `scope`: equal for requests that share a cache. */
  readonly count: (request: ChatRequest.ChatRequest, scope: string, now: number) => PromptCache.Counted
}

/** An empty cache. Prefixes of at least 1024 tokens are kept for ten minutes after their last use. */
export const makeCache = (): Cache => {
  const entries = new Map<string, number>()
  return {
    count: (request, scope, now) => {
      const hash = Crypto.createHash("sha256").update(scope)
      let [total, read] = [0, 0]
      for (const { key, tokens } of pieces(request)) {
        hash.update(key)
        total += tokens
        if (total < minimum) continue
        const prefix = hash.copy().digest("base64")
        if ((entries.get(prefix) ?? 0) > now) read = total
        entries.delete(prefix)
        entries.set(prefix, now + lifetime)
      }
      for (const [oldest, expiry] of entries) {
        if (entries.size <= capacity && expiry > now) break
        entries.delete(oldest)
      }
      return { total, read: read - read % step, written: { "5m": 0, "1h": 0 }, asked: false }
    }
  }
}

/** The smallest prefix, and the step of their lengths: OpenAI's guide "Prompt caching". */
const [minimum, step] = [1024, 128]

const lifetime = Duration.toMillis("10 minutes")

const capacity = 10_000

/** The prompt in the order in which a model reads it. */
function* pieces(request: ChatRequest.ChatRequest): Generator<{ readonly key: string; readonly tokens: number }> {
  for (const tool of request.tools ?? []) {
    const key = JSON.stringify(tool)
    yield { key, tokens: Tokens.ofText(key) }
  }
  const { messages } = request
  for (const message of typeof messages === "string" ? [Message.user(messages)] : messages) {
    for (const part of Message.parts(message)) {
      yield { key: `${message.role} ${Tokens.fingerprint(part)}`, tokens: ofPart(part) }
    }
  }
}

const ofPart = (part: Message.Part): number => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return Tokens.ofText(part.text)
    case "tool-call":
      return Tokens.ofText(part.name) + Tokens.ofText(Tokens.fingerprint(part.params))
    case "tool-result":
      return part.parts === undefined
        ? Tokens.ofText(typeof part.result === "string" ? part.result : Tokens.fingerprint(part.result ?? ""))
        : part.parts.reduce((sum, inner) => sum + ofPart(inner), 0)
    case "image":
      return Math.min(mostOfImage, ofSource(part.source))
    case "document":
    case "video":
    case "audio":
      return ofSource(part.source)
    default:
      return 0
  }
}

const ofSource = (source: Message.DocumentSource): number =>
  "bytes" in source ? Math.ceil(source.bytes.length / bytesPerToken) : mostOfImage

const [mostOfImage, bytesPerToken] = [1600, 64]
