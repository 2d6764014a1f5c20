/**
 * Token quotas, by the rule of Bedrock: a request reserves what it may use at most, and settles what it used.
 *
 * The reservation is the whole prompt, what a cache holds of it too, and `maxTokens`, or the most the model can write. A
 * request finds room for it or is refused with `ThrottlingException`. In the end the prompt without what came from a
 * cache is charged, and the output times a burndown factor, which can be more than was reserved. Requests are not
 * counted, only tokens (Amazon Bedrock User Guide, "How tokens are counted in Amazon Bedrock").
 */
import type * as Usage from "@strata/core/Usage"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as AwsError from "./AwsError.ts"
import { DurationInput } from "./DurationInput.ts"
import * as Window from "./quota/Window.ts"

/**
 * The quota of one model.
 *
 * - `tokensPerMinute`, `tokensPerDay` (no limit): input and output together.
 * - `outputBurndown`: what a token of output costs; 5 for Claude 3.7, 4 and later, 1 for others.
 * - `window` (1 minute): how long a minute is, so that tests need not wait for one. A day has 1440 of them.
 * - `algorithm` (bucket): `bucket` refills without a pause, `fixed` is full again when a window is over. Windows and days
 *   begin with the emulator; a day is always `fixed`.
 */
export type Limit = typeof Limit.Type
/** @see {@link Limit} */
export const Limit = Schema.Struct({
  tokensPerMinute: Schema.Finite,
  tokensPerDay: Schema.optional(Schema.Finite),
  outputBurndown: Schema.optional(Schema.Finite),
  window: Schema.optional(DurationInput),
  algorithm: Schema.optional(Schema.Literals(["bucket", "fixed"]))
})

/**
 * Quotas by model: under the id of an inference profile or an ARN, as clients name it, for those who name it so; under
 * the id of the model for all others; under `*` for every model that has none of its own.
 */
export type Limits = typeof Limits.Type
/** @see {@link Limits} */
export const Limits = Schema.Record(Schema.String, Limit)

/**
 * How a quota stands.
 *
 * - `left`: tokens that can be reserved now; below zero after an overshoot. `leftToday`: of the day.
 * - `reserved`: tokens held by requests in flight. `used`: tokens charged in all.
 * - `throttled`: requests refused. `completed`: requests that came to their end. `unfinished`: those that were given up or
 *   failed on the way.
 * - `peakOvershoot`: the most tokens ever charged beyond what the window had.
 */
export type Statistics = typeof Statistics.Type
/** @see {@link Statistics} */
export const Statistics = Schema.Struct({
  tokensPerMinute: Schema.Finite,
  tokensPerDay: Schema.optional(Schema.Finite),
  windowMillis: Schema.Finite,
  left: Schema.Finite,
  leftToday: Schema.optional(Schema.Finite),
  reserved: Schema.Finite,
  used: Schema.Finite,
  throttled: Schema.Finite,
  completed: Schema.Finite,
  unfinished: Schema.Finite,
  peakOvershoot: Schema.Finite
})

/** What a request may use at most: `input` counts its whole prompt. */
export interface Claim {
  readonly input: number
  readonly output: number
}

/**
 * The tokens held for one request. The end of its scope settles what was not settled: nothing when the model never
 * began to answer and nobody interrupted it, otherwise the prompt and what was written.
 *
 * - `cached`: so many tokens of the prompt come from a cache. `wrote`: so many tokens of output so far.
 * - `settle`: the answer is complete, and this is what it used. What was settled stays so.
 */
export interface Reservation {
  readonly cached: (tokens: number) => void
  readonly wrote: (tokens: number) => void
  readonly settle: (usage: Pick<Usage.Usage, "inputTokens" | "cacheWriteTokens" | "outputTokens">) => void
}

/** Holds the tokens of a claim until its scope closes, or refuses with `ThrottlingException`. */
export type Reserve = (claim: Claim) => Effect.Effect<Reservation, AwsError.AwsError, Scope.Scope>

/** The quotas of one emulator. */
export interface Quotas {
  /** Reserves at the model that goes by these names: as the client called it, and its id, which comes last. */
  readonly reserve: (names: ReadonlyArray<string>) => Reserve
  /** By the names the limits have; under `*`, by model. */
  readonly statistics: () => Readonly<Record<string, Statistics>>
}

/** The quotas of these limits, full. Time is that of the `Clock` in context. */
export const make = (limits: Limits): Effect.Effect<Quotas> =>
  Effect.map(Clock.Clock, (clock) => {
    const start = clock.currentTimeMillisUnsafe()
    const open = (key: string, limit: Limit, model: string) => {
      const account = makeAccount(limit, model, start, () => clock.currentTimeMillisUnsafe())
      accounts.set(key, account)
      return account
    }
    const accounts = new Map<string, Account>()
    for (const [name, limit] of Object.entries(limits)) if (name !== everyModel) open(name, limit, name)
    const find = (names: ReadonlyArray<string>): Account | undefined => {
      const model = names.at(-1) ?? ""
      const known = names.find((name) => accounts.has(name))
      if (known !== undefined) return accounts.get(known)
      const shared = limits[everyModel]
      return shared === undefined ? undefined : open(model, shared, model)
    }
    return {
      reserve: (names) => (claim) => Effect.suspend(() => find(names)?.reserve(claim) ?? Effect.succeed(unlimited)),
      statistics: () => Object.fromEntries([...accounts].map(([name, account]) => [name, account.statistics()]))
    }
  })

/** What a token of a model's output costs, unless a quota says otherwise. */
export const burndownOf = (model: string): number => {
  const [, major = 0, minor = 0] = (/anthropic\.claude-(?:[a-z]+-)?(\d+)(?:-(\d{1,2})(?!\d))?/.exec(model) ?? []).map(
    Number
  )
  return major > 3 || (major === 3 && minor >= 7) ? 5 : 1
}

/** Where there is no quota. */
export const unlimited: Reservation = { cached: () => {}, wrote: () => {}, settle: () => {} }

const everyModel = "*"

const windowsPerDay = 1440

const windows = { bucket: Window.bucket, fixed: Window.fixed }

interface Account {
  readonly reserve: Reserve
  readonly statistics: () => Statistics
}

const makeAccount = (limit: Limit, model: string, start: number, now: () => number): Account => {
  const { algorithm = "bucket", outputBurndown = burndownOf(model), tokensPerDay, tokensPerMinute } = limit
  const windowMillis = Duration.toMillis(limit.window ?? "1 minute")
  const minute = windows[algorithm](tokensPerMinute, windowMillis, start)
  const day = Window.fixed(tokensPerDay ?? Infinity, windowMillis * windowsPerDay, start)
  const counters = { reserved: 0, used: 0, throttled: 0, completed: 0, unfinished: 0, peakOvershoot: 0 }

  const take = (claim: Claim) => {
    const tokens = claim.input + claim.output
    const at = now()
    const refusal = day.left(at) < tokens ? tooManyToday : minute.left(at) < tokens ? tooMany : undefined
    if (refusal !== undefined) {
      counters.throttled++
      return Effect.fail(refusal)
    }
    counters.reserved += tokens
    return Effect.succeed(hold(claim, minute.take(tokens, at), day.take(tokens, at)))
  }

  const hold = ({ input }: Claim, ofMinute: Window.Taken, ofDay: Window.Taken) => {
    let [cached, written, settled] = [0, 0, false]
    const charge = (tokens: number, counter: "completed" | "unfinished") => {
      if (settled) return
      settled = true
      const at = now()
      minute.settle(ofMinute, tokens, at)
      day.settle(ofDay, tokens, at)
      counters.reserved -= ofMinute.tokens
      counters.used += tokens
      counters[counter]++
      counters.peakOvershoot = Math.max(counters.peakOvershoot, Math.ceil(-minute.left(at)))
    }
    const reservation: Reservation = {
      cached: (tokens) => {
        cached = tokens
      },
      wrote: (tokens) => {
        written = tokens
      },
      settle: ({ cacheWriteTokens, inputTokens, outputTokens }) =>
        charge(inputTokens + cacheWriteTokens + outputTokens * outputBurndown, "completed")
    }
    const close = (exit: Exit.Exit<unknown, unknown>) => {
      const began = written > 0 || (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
      charge(began ? input - cached + written * outputBurndown : 0, "unfinished")
    }
    return { reservation, close }
  }

  return {
    reserve: (claim) =>
      Effect.acquireRelease(
        Effect.suspend(() => take(claim)),
        ({ close }, exit) => Effect.sync(() => close(exit))
      ).pipe(Effect.map(({ reservation }) => reservation)),
    statistics: () => {
      const at = now()
      return {
        tokensPerMinute,
        ...(tokensPerDay === undefined ? undefined : { tokensPerDay, leftToday: day.left(at) }),
        windowMillis,
        left: Math.floor(minute.left(at)),
        ...counters
      }
    }
  }
}

const tooMany = AwsError.throttled("tokens")

const tooManyToday = AwsError.throttled("tokens per day")
