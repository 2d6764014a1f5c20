/**
 * A log of texts in Redis: a list for each, and a sorted set of their keys, all of one score, so that it is in the order of
 * the keys. No command has keys of two slots of a cluster.
 */
import type * as ConversationStore from "@strata/core/conversation/ConversationStore"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"

/** Builds the log, whose keys begin with `prefix`. */
export const make = (redis: Redis.Redis["Service"], prefix: string): ConversationStore.Log<Redis.RedisError> => {
  const names = `${prefix}names`
  const list = (key: string) => `${prefix}log:${key}`
  const append = redis.eval(script)
  return {
    append: (key, position, text) =>
      // Named before it is there, so that none is missing in the list.
      Effect.andThen(
        position === 0 ? redis.send("ZADD", names, "0", key) : Effect.void,
        Effect.map(append(list(key), position, text), (added) => Number(added) === 1)
      ),
    read: (key, from) => Effect.map(redis.send<unknown>("LRANGE", list(key), `${from}`, "-1"), textsOf),
    list: Effect.fnUntraced(function*({ after, limit, prefix }) {
      const found: Array<string> = []
      for (let last = after; found.length < limit;) {
        const first = last >= prefix && last !== "" ? `(${last}` : `[${prefix}`
        const page = textsOf(
          yield* redis.send<unknown>("ZRANGE", names, first, `[${prefix}\u{10ffff}`, "BYLEX", "LIMIT", "0", `${limit}`)
        )
        for (const key of page) {
          if (found.length < limit && Number(yield* redis.send<unknown>("EXISTS", list(key))) === 1) found.push(key)
        }
        if (page.length < limit) break
        last = page.at(-1)!
      }
      return found
    })
  }
}

const textsOf = (reply: unknown): ReadonlyArray<string> => Array.isArray(reply) ? reply.map(String) : []

const script = Redis.script((key: string, position: number, text: string) => [key, position, text], {
  numberOfKeys: 1,
  lua: `
if redis.call("LLEN", KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
redis.call("RPUSH", KEYS[1], ARGV[2])
return 1
`
}).withReturnType<unknown>()
