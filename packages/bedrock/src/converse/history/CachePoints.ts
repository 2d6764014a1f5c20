/**
 * Cache points: only where the model accepts them, and within its maximum.
 *
 * They are hints that do not change the prompt, so they are adjusted in strict mode too, and reported.
 */
import type * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import type { BedrockChatOptions } from "../../BedrockOptions.ts"
import type { Caching, Capabilities } from "../../catalog/Capabilities.ts"
import * as Block from "../Block.ts"
import * as Media from "../Media.ts"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** Everything in a request that can hold cache points. Members of `options` are sent in place of the others. */
export interface Holders {
  readonly conversation: Turn.Conversation
  readonly tools: ReadonlyArray<ToolDefinition.RequestTool>
  readonly options: BedrockChatOptions | undefined
}

/** Normalizes the cache points of a request; the same object when there are none. */
export const settle = (holders: Holders, { caching }: Capabilities, report: Report): Holders => {
  const { conversation, options, tools } = holders
  const { system, toolConfig: ownConfig } = options ?? {}
  const toolConfig = (ownConfig?.tools ?? []).length > 0 ? ownConfig : undefined
  // a cache point that is dropped is not also reported as moved
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

/** The sequences of a request, in the order of the prompt. */
const inOrder = (
  { ownSystem, ownTools, system, tools, turns }: Sequences
): Items<unknown> => [...tools, ...ownTools, ...system, ...ownSystem, ...turns.flat()]

/** A cache point, apart from what it was written on; `field` is its location. */
interface Point {
  readonly type: "point"
  readonly cache: Message.CacheControl
  readonly field: string
}

/** Content between cache points. */
interface Content<A> {
  readonly type: "content"
  readonly content: A
}

type Items<A> = ReadonlyArray<Content<A> | Point>

/** The points that are sent, with their times to live. */
type Kept = ReadonlyMap<unknown, Message.CacheControl>

const isPoint = (item: Content<unknown> | Point): item is Point => item.type === "point"

const content = <A>(content: A): Content<A> => ({ type: "content", content })

const point = (cache: Message.CacheControl | undefined, field: string): ReadonlyArray<Point> =>
  cache === undefined || cache === false ? [] : [{ type: "point", cache, field }]

type Section = NonNullable<Caching["where"]>[number]

/** Moves the points of a sequence to allowed positions, and drops those without one. */
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
    // a second point here would cache nothing more
    if (!isTaken || behind === 0 && placed.length > 0 || before !== undefined && isPoint(before)) {
      report("omitted-cache-point", item.field)
      continue
    }
    if (behind < placed.length) report("moved-cache-point", item.field)
    placed.splice(behind, 0, item)
  }
  return placed
}

/** Keeps the longest prefixes, as many as the model accepts; no time to live may exceed an earlier one. */
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
  const { cache, ...bare } = tool
  return [content(bare), ...point(cache, `tools[${index}]`)]
}

const toTools = (items: Items<ToolDefinition.RequestTool>, kept: Kept): ReadonlyArray<ToolDefinition.RequestTool> =>
  items.flatMap((item, index) => isPoint(item) ? [] : [{ ...item.content, cache: kept.get(items[index + 1]) }])

const ofParts = (parts: ReadonlyArray<Turn.Placed>, report: Report): Items<Turn.Placed> =>
  parts.flatMap(({ field, part }): Items<Turn.Placed> => {
    const own = Turn.cachePointOf(part)
    if (own !== undefined) return point(own, field)
    const { cache, part: bare } = withoutMark(part, field, report)
    return [content({ part: bare, field }), ...point(cache, field)]
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
    const cache = carries(part) ? kept.get(items[index + 1]) : undefined
    return [cache === undefined ? item.content : { part: { ...part, cache } as Message.Part, field }] // it may carry one
  })

/** Blank user text was kept only for the cache point behind it. */
const withoutBlank = (items: Items<Turn.Placed>, kept: Kept, report: Report): Items<Turn.Placed> =>
  items.filter((item, index) => {
    if (isPoint(item) || !Turn.isBlank(item.content.part) || kept.has(items[index + 1])) return true
    report("dropped-blank", item.content.field)
    return false
  })

/** Whether a part has a field for a cache point; other parts are followed by a block. */
const carries = ({ type }: Message.Part): boolean =>
  type === "text" || type === "image" || type === "document" || type === "video" || type === "audio" ||
  type === "search-result" || type === "tool-result"

/** A part without its cache point. A part inside a tool result cannot end a prefix: the whole result does. */
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

/** A cache point is refused behind reasoning and, as users report, behind documents other than PDF. */
const mayNotEnd = ({ part }: Turn.Placed): boolean =>
  part.type === "reasoning" ||
  part.type === "document" && Media.formatOf(Media.document, part.mediaType) !== "pdf"
