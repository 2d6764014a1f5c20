/**
 * Which lane of a pool has the prompt of a request in its cache: what providers cache up to a mark (`cache`) is there for
 * minutes, and reading it costs a tenth and no quota.
 */
import * as CanonicalText from "../../../cache/internal/canonicalText.ts"
import * as Checksum from "../../../cache/internal/checksum.ts"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import * as ChatRequest from "../../ChatRequest.ts"
import type * as ChatResponse from "../../ChatResponse.ts"
import * as Message from "../../Message.ts"

/** Which share of a prompt, 0 to 1, a lane has cached, and until when, in milliseconds of `Watchdog.now`. */
interface Cached {
  readonly lane: string
  readonly share: number
  readonly until: number
}

/** A prefix of a prompt that ends with a mark, and for how long it is cached after its last use, in milliseconds. */
export interface Prefix {
  readonly key: string
  readonly life: number
}

export type Prompts = ReturnType<typeof make>

export const make = () => {
  const known = BoundedMap.make<string, Cached>(mostPrompts)

  return {
    /** The lane that has the longest prefix cached. */
    find: (prefixes: ReadonlyArray<Prefix>, now: number): Pick<Cached, "lane" | "share"> | undefined => {
      for (const { key } of prefixes.toReversed()) {
        const cached = known.get(key)
        if (cached !== undefined && cached.until > now) return cached
      }
      return undefined
    },
    /** A lane has answered, and says how much it has read from its cache or written into it. */
    learn: (
      prefixes: ReadonlyArray<Prefix>,
      lane: string,
      { usage: { cacheReadTokens, cacheWriteTokens, inputTokens } }: Pick<ChatResponse.Outcome, "usage">,
      now: number
    ): void => {
      const tokens = cacheReadTokens + cacheWriteTokens
      const share = tokens / (tokens + inputTokens)
      if (!(share > 0)) return
      for (const { key, life } of prefixes) known.set(key, { lane, share, until: now + life })
    }
  }
}

/** Prompts come from outside: this many prefixes are remembered. */
const mostPrompts = 10_000

/** The prefixes of a request that end with a mark; at most the last four, as many as providers keep. */
export const prefixesOf = (request: ChatRequest.ChatRequest): ReadonlyArray<Prefix> => {
  const prefixes: Array<Prefix> = []
  let before = `${request.model ?? ""}`
  let pending: Array<unknown> = []
  // Only what ends with a mark is read: most prompts have none.
  const add = (part: unknown) => {
    pending.push(part)
    const life = lifeOf(part)
    if (life === undefined) return
    const text = CanonicalText.make(pending, (bytes) => `${bytes.length}-${Checksum.make(bytes)}`)
    // A prompt without a canonical text is not known again.
    before = text === undefined ? `${before}?${prefixes.length}` : keyOf(before, text)
    pending = []
    if (text !== undefined) prefixes.push({ key: before, life })
  }
  for (const tool of request.tools ?? []) add(tool)
  for (const message of ChatRequest.messagesOf(request)) {
    pending.push(message.role)
    for (const part of Message.parts(message)) add(part)
  }
  return prefixes.slice(-4)
}

/** Of one length, however many prefixes come before it. */
const keyOf = (before: string, text: string): string => {
  const bytes = encoder.encode(`${before}/${text}`)
  return `${bytes.length}-${Checksum.make(bytes)}-${Checksum.make(bytes.toReversed())}`
}

const encoder = new TextEncoder()

const lifeOf = (part: unknown): number | undefined => {
  if (typeof part !== "object" || part === null || !("cache" in part)) return undefined
  const { cache } = part
  if (cache === undefined || cache === false || cache === null) return undefined
  return typeof cache === "object" && "ttl" in cache && cache.ttl === "1h" ? hour : fiveMinutes
}

const fiveMinutes = 300_000
const hour = 3_600_000
