/**
 * Position, number and time to live of cache points in a prompt.
 */
import * as AwsError from "../../AwsError.ts"
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import { malformed, refused, refusedByModel, unsupported } from "./Finding.ts"
import { blocksOf, type Rule } from "./Rule.ts"

const maxPoints = 4

/** For tools, system prompt and messages. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "a cache point, for a model without caching",
    source: "reported",
    *find({ model, request }) {
      if (model.caching === false && pointsOf(request).length > 0) {
        yield AwsError.make(
          "AccessDeniedException",
          "You invoked an unsupported model or your request did not allow prompt caching."
        )
      }
      return undefined
    }
  },
  {
    refuses: "a cache point among the tools, for Nova",
    source: "reported",
    *find({ model, request: { toolConfig } }) {
      const index = (toolConfig?.tools ?? []).findIndex(({ cachePoint }) => cachePoint !== undefined)
      if (index >= 0 && model.caching !== false && model.caching.tools === false) {
        yield refusedByModel(malformed(`#/toolConfig/tools/${index}: extraneous key [cachePoint] is not permitted`))
      }
      return undefined
    }
  },
  {
    refuses: "a time to live of an hour, for a model with five minutes only",
    source: "reported",
    *find({ model, request }) {
      if (model.caching === false || model.caching.hour !== false) return undefined
      if (pointsOf(request).some(({ ttl }) => ttl === "1h")) yield unsupported("cachePoint.ttl")
      return undefined
    }
  },
  {
    refuses: "a cache point with nothing before it in its message",
    source: "reported",
    *find({ request }) {
      for (const { block, index } of blocksOf(request)) {
        if (index === 0 && block.cachePoint !== undefined) {
          yield refused("There is nothing available to cache. Please remove the invalid cache point and try again.")
        }
      }
      return undefined
    }
  },
  {
    refuses: "a cache point directly after reasoning, for Claude",
    source: "reported",
    *find({ model, request }) {
      for (const { block, content, index } of blocksOf(request)) {
        if (model.rules === "claude" && block.cachePoint && content[index - 1]?.reasoningContent) {
          yield refused(
            "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point and try again."
          )
        }
      }
      return undefined
    }
  },
  {
    refuses: "a cache point directly after a document other than PDF, for Claude",
    source: "reported",
    *find({ model, request }) {
      for (const { at, block, content, index } of blocksOf(request)) {
        const before = content[index - 1]?.document
        if (model.rules !== "claude" || block.cachePoint === undefined || before?.source.bytes === undefined) continue
        if (before.format !== "pdf") yield refusedByModel(`${at}.type: Field required`)
      }
      return undefined
    }
  },
  {
    refuses: `more than ${maxPoints} cache points`,
    source: "reported",
    *find({ request }) {
      const { length } = pointsOf(request)
      if (length > maxPoints) {
        yield refusedByModel(`A maximum of ${maxPoints} blocks with cache_control may be provided. Found ${length}.`)
      }
      return undefined
    }
  },
  {
    refuses: "a time to live of an hour after one of five minutes",
    source: "reported",
    *find({ model, request }) {
      const points = pointsOf(request)
      const firstShort = points.findIndex(({ ttl }) => ttl !== "1h")
      if (model.rules === "claude" && firstShort >= 0 && points.slice(firstShort).some(({ ttl }) => ttl === "1h")) {
        yield refusedByModel(
          "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`."
        )
      }
      return undefined
    }
  }
]

/** All cache points, in the order of the prompt. */
const pointsOf = ({ messages = [], system = [], toolConfig }: Wire.Prompt): ReadonlyArray<Block.CachePoint> =>
  [...(toolConfig?.tools ?? []), ...system, ...messages.flatMap(({ content }) => content)].flatMap(({ cachePoint }) =>
    cachePoint ?? []
  )
