/**
 * The prompt cache, as far as it is observable: which part of a prompt is read from it, and which is written.
 *
 * A prefix that ends at a cache point is identified by its bytes and its model, for five minutes or an hour after its
 * last use. It affects only the counters.
 */
import * as Duration from "effect/Duration"
import * as Crypto from "node:crypto"
import type * as Model from "../../model/Model.ts"
import type * as Wire from "../Wire.ts"
import * as Tokens from "./Tokens.ts"

/** The time to live of an entry. */
export type TimeToLive = "5m" | "1h"

/**
 * The tokens of a prompt. `total` counts all of them, cache reads and writes included; `asked` says whether the prompt
 * has a cache point.
 */
export interface Counted {
  readonly total: number
  readonly read: number
  readonly written: Readonly<Record<TimeToLive, number>>
  readonly asked: boolean
}

/** The cache of one emulator. */
export interface PromptCache {
  /** Counts a prompt, and stores its prefixes. `now` in milliseconds. */
  readonly count: (prompt: Wire.Prompt, model: Model.ChatModel, now: number) => Counted
}

/** An empty cache. */
export const make = (): PromptCache => {
  const entries = new Map<string, Entry>()
  const isKnown = (key: string, now: number) => (entries.get(key)?.expiry ?? 0) > now
  /** A use extends an entry by the time it was written with, regardless of the cache point that hit it. */
  const use = (key: string, now: number, asked = 0) => {
    const lifetime = Math.max(asked, entries.get(key)?.lifetime ?? 0)
    entries.set(key, { lifetime, expiry: now + lifetime })
  }
  return {
    count: (prompt, model, now) => {
      const total = Tokens.ofPrompt(prompt)
      const written = { "5m": 0, "1h": 0 }
      const { caching } = model
      if (caching === false || !hasPoint(prompt)) return { total, read: 0, written, asked: false }
      for (const [key, { expiry }] of entries) if (expiry <= now) entries.delete(key)
      const prefixes = prefixesOf(prompt, model).filter(({ tokens }) => tokens >= caching.minTokens)
      const points = prefixes.filter((prefix) => prefix.ttl !== undefined)
      const found = prefixes.findLast((prefix) =>
        isKnown(prefix.key, now) &&
        points.some((point) => point.block >= prefix.block && point.block - prefix.block <= lookback(model))
      )
      const read = found?.tokens ?? 0
      let covered = read
      if (found !== undefined) use(found.key, now)
      for (const { key, tokens, ttl = "5m" } of points) {
        written[ttl] += Math.max(0, tokens - covered)
        covered = Math.max(covered, tokens)
        use(key, now, lifetimes[ttl])
      }
      return { total, read, written, asked: true }
    }
  }
}

/** A cached prefix, in milliseconds: its time to live, and its expiry. */
interface Entry {
  readonly lifetime: number
  readonly expiry: number
}

const lifetimes: Readonly<Record<TimeToLive, number>> = {
  "5m": Duration.toMillis("5 minutes"),
  "1h": Duration.toMillis("1 hour")
}

/**
 * How many blocks before a cache point are searched for an entry. The service does it for Claude (Amazon Bedrock User
 * Guide, "Prompt caching": simplified cache management), so that a conversation may move its only point along.
 */
const lookback = (model: Model.ChatModel): number => model.rules === "claude" ? 20 : 0

const hasPoint = ({ messages = [], system = [], toolConfig }: Wire.Prompt): boolean =>
  [toolConfig?.tools ?? [], system, ...messages.map(({ content }) => content)].some((blocks) =>
    blocks.some(({ cachePoint }) => cachePoint !== undefined)
  )

/** The prompt up to and including its `block`th block; with `ttl`, it ends at a cache point. */
interface Prefix {
  readonly key: string
  readonly block: number
  readonly tokens: number
  readonly ttl: TimeToLive | undefined
}

/** The prefixes of a prompt, up to its last cache point. The points themselves are not part of them. */
const prefixesOf = (prompt: Wire.Prompt, model: Model.ChatModel): ReadonlyArray<Prefix> => {
  const pieces = [...Tokens.pieces(prompt)]
  const end = pieces.findLastIndex(({ cachePoint }) => cachePoint !== undefined)
  const hash = Crypto.createHash("sha256").update(model.id)
  const found: Array<Prefix> = []
  let tokens = 0
  let block = 0
  for (const piece of pieces.slice(0, end + 1)) {
    const { cachePoint } = piece
    if (cachePoint === undefined) {
      block++
      tokens += piece.tokens
      hash.update(`\n${piece.place} ${Tokens.fingerprint(piece.block)}`)
    }
    found.push({
      key: hash.copy().digest("base64"),
      block,
      tokens,
      ttl: cachePoint === undefined ? undefined : cachePoint.ttl ?? "5m"
    })
  }
  return found
}
