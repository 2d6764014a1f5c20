/**
 * Limits of adaptive concurrency in Redis, common to all processes that use it. One that was not asked for in an hour is
 * forgotten.
 */
import {
  type Adaptive,
  type AdaptiveLimits,
  AdaptiveLimitsError,
  type Current
} from "@strata/core/state/AdaptiveLimits"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"

/** Builds the store, whose keys begin with `prefix`; under each is a hash of `limit` and `epoch`. */
export const make = (redis: Redis.Redis["Service"], prefix: string): AdaptiveLimits => {
  const run = redis.eval(script)
  const change =
    (operation: Operation) =>
    (key: string, adaptive: Adaptive, amount = 0, refused = 0): Effect.Effect<Current, AdaptiveLimitsError> =>
      run(`${prefix}concurrency:${key}`, operation, adaptive, amount, refused).pipe(
        Effect.flatMap(decode),
        Effect.mapBoth({
          onFailure: (cause) =>
            new AdaptiveLimitsError({ message: `The limit of concurrency in Redis: ${operation} failed`, cause }),
          onSuccess: ([limit, epoch]) => ({ limit, epoch })
        })
      )
  return { read: change("read"), increase: change("increase"), decrease: change("decrease") }
}

type Operation = keyof AdaptiveLimits

const decode = Schema.decodeUnknownEffect(Schema.Tuple([Schema.FiniteFromString, Schema.FiniteFromString]))

// The arithmetic is that of the limits in the memory of a process: grown and shrunk in core.
const script = Redis.script(
  (key: string, operation: Operation, { decrease, initial, max, min }: Adaptive, amount: number, refused: number) => [
    key,
    operation,
    amount,
    initial,
    min,
    max,
    decrease,
    refused
  ],
  {
    numberOfKeys: 1,
    lua: `
local key, operation, amount = KEYS[1], ARGV[1], tonumber(ARGV[2])
local initial, min, max = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local decrease, refused = tonumber(ARGV[6]), tonumber(ARGV[7])
local kept = redis.call("HMGET", key, "limit", "epoch")
local limit = tonumber(kept[1]) or initial
local epoch = tonumber(kept[2]) or 0
if operation == "increase" and limit < max then
  limit = math.min(max, epoch == 0 and limit + amount or math.sqrt(limit * limit + 2 * amount))
elseif operation == "decrease" and amount >= epoch then
  if limit > min then limit = math.max(min, limit * math.max(decrease, 1 - refused)) end
  epoch = amount + 1
end
local written = string.format("%.17g", limit)
if operation ~= "read" then
  redis.call("HSET", key, "limit", written, "epoch", string.format("%.0f", epoch))
end
redis.call("PEXPIRE", key, 3600000)
return { written, string.format("%.0f", epoch) }
`
  }
).withReturnType<unknown>()
