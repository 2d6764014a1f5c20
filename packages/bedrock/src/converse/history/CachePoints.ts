/**
 * Cache points: only where the model takes them, and no more of them than it does.
 *
 * They are hints. What becomes of one changes nothing for the model, so it is done in strict mode too, and reported.
 */
import type * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import type { BedrockChatOptions } from "../../BedrockOptions.ts"
import type { Caching, Capabilities } from "../../catalog/Capabilities.ts"
import * as Block from "../Block.ts"
import * as Media from "../Media.ts"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** All of a request that can hold cache points. What `options` have of it is sent in the place of the rest. */
export interface Holders {
  readonly conversation: Turn.Conversation
  readonly tools: ReadonlyArray<ToolDefinition.RequestTool>
  readonly options: BedrockChatOptions | undefined
}

/** Settles the cache points of a request; the same object when there are none. */
export const settle = (holders: Holders, { caching }: Capabilities, report: Report): Holders => {
  const { conversation, options, tools } = holders
  const system = options?.system
  const toolConfig = (options?.toolConfig?.tools ?? []).length > 0 ? options?.toolConfig : undefined
  // where none is taken it is left out, and has not moved before
  const moved: Report = caching?.supported === true ? report : () => {}
  const found = {
    tools: toolConfig === undefined ? tools.flatMap(ofTool) : [],
    ownTools: ofBlocks(toolConfig?.tools, "providerOptions.bedrock.toolConfig.tools"),
    system: system === undefined ? ofParts(conversation.system, moved) : [],
    ownSystem: ofBlocks(system, "providerOptions.bedrock.system"),
    turns: conversation.turns.map(({ parts }) => ofParts(parts, moved))
  }
  if (!inOrder(found).some(isPoint)) return holders
  const place = placing(caching, report)
  const placed = {
    tools: place("tools", found.tools),
    ownTools: place("tools", found.ownTools),
    system: place("system", found.system),
    ownSystem: place("system", found.ownSystem),
    turns: found.turns.map((items) => place("messages", items, mayNotEnd))
  }
  const kept = keep(inOrder(placed).filter(isPoint), caching, report)
  return {
    conversation: {
      system: system === undefined ? toParts(placed.system, kept) : conversation.system,
      turns: conversation.turns.map((turn, index) => {
        const items = placed.turns[index] ?? []
        return { ...turn, parts: toParts(turn.role === "user" ? withoutBlank(items, kept, report) : items, kept) }
      })
    },
    tools: toolConfig === undefined ? toTools(placed.tools, kept) : tools,
    options: options && {
      ...options,
      ...(system && { system: toBlocks(placed.ownSystem, kept) }),
      ...(toolConfig && { toolConfig: { ...toolConfig, tools: toBlocks(placed.ownTools, kept) } })
    }
  }
}

interface Sequences extends Readonly<Record<"tools" | "ownTools" | "system" | "ownSystem", Items<unknown>>> {
  readonly turns: ReadonlyArray<Items<unknown>>
}

/** The sequences of a request, which stand in a prompt in this order. */
const inOrder = (
  { ownSystem, ownTools, system, tools, turns }: Sequences
): Items<unknown> => [...tools, ...ownTools, ...system, ...ownSystem, ...turns.flat()]

/** A cache point, by itself wherever it was written; `field` is where. */
interface Point {
  readonly type: "point"
  readonly cache: Message.CacheControl
  readonly field: string
}

/** What stands between cache points. */
interface Content<A> {
  readonly type: "content"
  readonly content: A
}

type Items<A> = ReadonlyArray<Content<A> | Point>

/** The points that are sent, and how long each asks to live. */
type Kept = ReadonlyMap<Point, Message.CacheControl>

const isPoint = (item: Content<unknown> | Point): item is Point => item.type === "point"

const content = <A>(content: A): Content<A> => ({ type: "content", content })

const point = (cache: Message.CacheControl | undefined, field: string): ReadonlyArray<Point> =>
  cache === undefined || cache === false ? [] : [{ type: "point", cache, field }]

type Section = NonNullable<Caching["where"]>[number]

/** Puts the points of a sequence where they may stand, and leaves out those for which there is no such place. */
const placing = (caching: Caching | undefined, report: Report) =>
<A>(
  section: Section,
  items: Items<A>,
  mayNotEnd?: (content: A) => boolean
): Items<A> => {
  const isTaken = caching?.supported === true && (caching.where ?? [section]).includes(section)
  const placed: Array<Content<A> | Point> = []
  for (const item of items) {
    if (!isPoint(item)) {
      placed.push(item)
      continue
    }
    const behind = placed.findLastIndex((before) => isPoint(before) || mayNotEnd?.(before.content) !== true) + 1
    const before = placed[behind - 1]
    // where one stands already, nothing more would be cached
    if (!isTaken || behind === 0 && placed.length > 0 || before !== undefined && isPoint(before)) {
      report("omitted-cache-point", item.field)
      continue
    }
    if (behind < placed.length) report("moved-cache-point", item.field)
    placed.splice(behind, 0, item)
  }
  return placed
}

/** The longest prefixes, as many as the model takes; none may ask to live longer than one before it. */
const keep = (points: ReadonlyArray<Point>, caching: Caching | undefined, report: Report): Kept => {
  const kept = new Map<Point, Message.CacheControl>()
  const first = Math.max(0, points.length - (caching?.maxPoints ?? Infinity))
  for (const { field } of points.slice(0, first)) report("omitted-cache-point", field)
  let isShort = false
  for (const point of points.slice(first)) {
    const ttl = typeof point.cache === "object" ? point.cache.ttl : undefined
    const isTaken: boolean = ttl === undefined || (caching?.ttl ?? [ttl]).includes(ttl) && !(isShort && ttl === "1h")
    if (!isTaken) report("changed-cache-ttl", point.field)
    kept.set(point, isTaken ? point.cache : true)
    isShort ||= !isTaken || ttl !== "1h"
  }
  return kept
}

const ofTool = (tool: ToolDefinition.RequestTool, index: number): Items<ToolDefinition.RequestTool> => {
  const { cache, ...rest } = tool
  return [content(cache === undefined ? tool : rest), ...point(cache, `tools[${index}]`)]
}

const toTools = (items: Items<ToolDefinition.RequestTool>, kept: Kept): ReadonlyArray<ToolDefinition.RequestTool> =>
  items.flatMap((item, index) => {
    if (isPoint(item)) return []
    const cache = following(items, index, kept)
    return [cache === undefined ? item.content : { ...item.content, cache }]
  })

const ofParts = (parts: ReadonlyArray<Turn.Placed>, report: Report): Items<Turn.Placed> =>
  parts.flatMap((placed): Items<Turn.Placed> => {
    const { field, part } = placed
    const own = Turn.cachePointOf(part)
    if (own !== undefined) return point(own, field)
    const { cache, part: bare } = withoutMark(part, field, report)
    return [content(bare === part ? placed : { part: bare, field }), ...point(cache, field)]
  })

const toParts = (items: Items<Turn.Placed>, kept: Kept): ReadonlyArray<Turn.Placed> =>
  items.flatMap((item, index): ReadonlyArray<Turn.Placed> => {
    if (isPoint(item)) {
      const before = items[index - 1]
      const cache = kept.get(item)
      const isCarried = before !== undefined && !isPoint(before) && carries(before.content.part)
      return cache === undefined || isCarried ? [] : [Turn.cachePoint(cache, item.field)]
    }
    const { field, part } = item.content
    const cache = carries(part) ? following(items, index, kept) : undefined
    return [cache === undefined ? item.content : { part: { ...part, cache } as Message.Part, field }] // it may carry one
  })

/** Blank text of the user was kept for the point behind it. */
const withoutBlank = (items: Items<Turn.Placed>, kept: Kept, report: Report): Items<Turn.Placed> =>
  items.filter((item, index) => {
    if (isPoint(item) || !Turn.isBlank(item.content.part) || following(items, index, kept) !== undefined) return true
    report("dropped-blank", item.content.field)
    return false
  })

/** Whether a part has a field for the mark; others are followed by a block. */
const carries = ({ type }: Message.Part): boolean =>
  type === "text" || type === "image" || type === "document" || type === "video" || type === "audio" ||
  type === "search-result" || type === "tool-result"

/** A part without its mark. The parts of a tool's result cannot end a prefix: it ends with the result then. */
const withoutMark = (
  part: Message.Part,
  field: string,
  report: Report
): { readonly part: Message.Part; readonly cache: Message.CacheControl | undefined } => {
  const own = Turn.cacheOf(part)
  const bare = "cache" in part ? omitCache(part) : part
  if (bare.type !== "tool-result" || bare.parts?.some((inner) => "cache" in inner) !== true) {
    return { part: bare, cache: own }
  }
  let inside: Message.CacheControl | undefined
  const parts = bare.parts.map((inner, index) => {
    if (!("cache" in inner)) return inner
    const cache = Turn.cacheOf(inner)
    if (cache !== undefined) {
      report("moved-cache-point", `${field}.parts[${index}]`)
      inside = cache
    }
    return omitCache(inner)
  })
  return { part: { ...bare, parts }, cache: own ?? inside }
}

const omitCache = <A extends { readonly cache?: unknown }>(part: A): A => {
  const { cache: _, ...rest } = part
  return rest as A // the mark is optional
}

const ofBlocks = <A extends object>(blocks: ReadonlyArray<A> | undefined, field: string): Items<A> =>
  (blocks ?? []).map((block, index) => point(Turn.cacheIn(block), `${field}[${index}]`)[0] ?? content(block))

const toBlocks = <A>(items: Items<A>, kept: Kept): Array<A> =>
  items.flatMap((item): ReadonlyArray<A> =>
    isPoint(item)
      ? Block.cachePoint(kept.get(item)) as ReadonlyArray<unknown> as ReadonlyArray<A> // such a block it was
      : [item.content]
  )

/** How long what ends behind an item is cached. */
const following = (items: Items<unknown>, index: number, kept: Kept): Message.CacheControl | undefined => {
  const next = items[index + 1]
  return next !== undefined && isPoint(next) ? kept.get(next) : undefined
}

/** Behind reasoning, and as users report behind documents other than PDF, a cache point is refused. */
const mayNotEnd = ({ part }: Turn.Placed): boolean =>
  part.type === "reasoning" ||
  part.type === "document" && Media.formatOf(Media.document, part.mediaType) !== "pdf"
