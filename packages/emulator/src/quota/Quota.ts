/**
 * Quotas of a model: tokens by Bedrock's rule, and requests. A request reserves its maximum use, and settles its actual
 * use.
 *
 * The reservation is the whole prompt, cached parts included, and `maxTokens`, or the model's maximum output. A request
 * that exceeds the quota is refused with `ThrottlingException`. At the end the prompt without cache reads is charged,
 * and the output times a burndown factor, which can exceed the reservation (Amazon Bedrock User Guide, "How tokens are
 * counted in Amazon Bedrock"). A quota of requests counts those that reach the model; refused ones are not counted.
 */
import type * as Usage from "@strata/core/Usage"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as AwsError from "../AwsError.ts"
import { DurationInput } from "../DurationInput.ts"
import * as JsonFile from "../JsonFile.ts"
import * as History from "./History.ts"
import * as Window from "./Window.ts"

const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * The quota of one model.
 *
 * - `requestsPerMinute`, `tokensPerMinute`, `tokensPerDay` (no limit): tokens of input and output together.
 * - `inputTokensPerMinute`, `outputTokensPerMinute` (no limit): each for itself, as on `bedrock-mantle`. At least one of
 *   all these.
 * - `outputBurndown`: the cost of an output token among both; 5 for Claude 3.7, 4 and later, 1 for others.
 * - `window` (1 minute): the length of a minute, to shorten tests. A day has 1440 of them.
 * - `algorithm` (bucket): `bucket` refills continuously, `fixed` at the end of each window. Windows and days begin with
 *   the emulator; a day is always `fixed`.
 */
export type Limit = typeof Limit.Type
/** @see {@link Limit} */
export const Limit = Schema.Struct({
  requestsPerMinute: Schema.optional(Amount),
  tokensPerMinute: Schema.optional(Amount),
  tokensPerDay: Schema.optional(Amount),
  inputTokensPerMinute: Schema.optional(Amount),
  outputTokensPerMinute: Schema.optional(Amount),
  outputBurndown: Schema.optional(Amount),
  window: Schema.optional(
    DurationInput.check(
      Schema.makeFilter((value) => Duration.toMillis(value) > 0 || "Expected a duration longer than nothing")
    )
  ),
  algorithm: Schema.optional(Schema.Literals(["bucket", "fixed"]))
}).check(
  Schema.makeFilter((limit) =>
    [
      limit.requestsPerMinute,
      limit.tokensPerMinute,
      limit.tokensPerDay,
      limit.inputTokensPerMinute,
      limit.outputTokensPerMinute
    ].some((amount) => amount !== undefined) ||
    "Expected a quota: requestsPerMinute, tokensPerMinute or tokensPerDay, inputTokensPerMinute or outputTokensPerMinute"
  )
)

/**
 * Quotas by model: an inference profile id or ARN applies to requests that name it so; a model id to all others; `*` to
 * every model without a quota of its own. Each region has them for itself; one with the name of a region before it, as in
 * `us-west-2/*`, applies there only, in place of that without. Those of `bedrock-mantle` are apart: `mantle/*`, and
 * `mantle/` before the id of a model.
 */
export type Limits = typeof Limits.Type
/** @see {@link Limits} */
export const Limits = Schema.Record(Schema.String, Limit)

/**
 * The state of a quota.
 *
 * - `left`: tokens that can be reserved now; negative after an overshoot. `leftToday`: of the day. `requestsLeft`:
 *   requests. `inputLeft`, `outputLeft`: of tokens of one kind. Each where there is such a limit.
 * - `reserved`: tokens held by requests in flight. `used`: total of charged tokens.
 * - `throttled`: refused requests. `completed`: requests with a complete answer. `unfinished`: requests that were
 *   aborted or failed.
 * - `peakOvershoot`: the maximum charged beyond the window's remaining tokens.
 */
export type Statistics = typeof Statistics.Type
/** @see {@link Statistics} */
export const Statistics = Schema.Struct({
  requestsPerMinute: Schema.optional(Schema.Finite),
  tokensPerMinute: Schema.optional(Schema.Finite),
  tokensPerDay: Schema.optional(Schema.Finite),
  windowMillis: Schema.Finite,
  requestsLeft: Schema.optional(Schema.Finite),
  left: Schema.optional(Schema.Finite),
  leftToday: Schema.optional(Schema.Finite),
  inputTokensPerMinute: Schema.optional(Schema.Finite),
  inputLeft: Schema.optional(Schema.Finite),
  outputTokensPerMinute: Schema.optional(Schema.Finite),
  outputLeft: Schema.optional(Schema.Finite),
  reserved: Schema.Finite,
  used: Schema.Finite,
  throttled: Schema.Finite,
  completed: Schema.Finite,
  unfinished: Schema.Finite,
  peakOvershoot: Schema.Finite
})

/** The maximum use of a request: `input` counts its whole prompt. */
export interface Claim {
  readonly input: number
  readonly output: number
}

/**
 * The tokens reserved for one request. Closing its scope settles what was not settled: nothing when the model never
 * started to answer and the request was not interrupted, otherwise the prompt and the output so far.
 *
 * - `cached`: the tokens of the prompt read from a cache. `wrote`: the tokens of output so far.
 * - `settle`: the actual use of a complete answer. It is final.
 */
export interface Reservation {
  readonly cached: (tokens: number) => void
  readonly wrote: (tokens: number) => void
  readonly settle: (usage: Pick<Usage.Usage, "inputTokens" | "cacheWriteTokens" | "outputTokens">) => void
}

/** Counts a request and reserves the tokens of a claim until its scope closes, or refuses with `ThrottlingException`. */
export type Reserve = (claim: Claim) => Effect.Effect<Reservation, AwsError.AwsError, Scope.Scope>

/** The quotas of one region. */
export interface Quotas {
  /** Reserves for the model with these names: as the client called it, and its id, which is last. */
  readonly reserve: (names: ReadonlyArray<string>) => Reserve
  /** By the names of the limits; under `*`, by model. */
  readonly statistics: () => Readonly<Record<string, Statistics>>
  /** By the same names. */
  readonly history: () => Readonly<Record<string, History.Past>>
  /** Starts over with full quotas of these limits. Requests in flight settle what they reserved of the former ones. */
  readonly replace: (limits: Limits) => void
}

/** The limits of an emulator, of all its regions, while it runs. */
export interface Control {
  readonly limits: () => Limits
  readonly set: (limits: Limits) => void
  /** By region, and by the names of the limits. */
  readonly history: () => Readonly<Record<string, Readonly<Record<string, History.Past>>>>
}

/**
 * Checks limits for the regions served. Fails for a negative number, a quota without a limit, an unknown field and an
 * unknown region; `message` names the path.
 */
export const check = (
  limits: Limits,
  served: ReadonlyArray<string>
): Result.Result<Limits, JsonFile.JsonFileError> => Result.flatMap(checkFields(limits, "quota"), inRegions(served))

/** {@link check} for JSON. */
export const fromJson = (
  json: unknown,
  served: ReadonlyArray<string>
): Result.Result<Limits, JsonFile.JsonFileError> => Result.flatMap(decode(json, "quota"), inRegions(served))

const checkFields = JsonFile.fromValue(Limits)

const decode = JsonFile.fromJson(Limits)

const inRegions =
  (served: ReadonlyArray<string>) => (limits: Limits): Result.Result<Limits, JsonFile.JsonFileError> => {
    const unknown = Object.keys(limits).find((name) => {
      const region = regional.exec(name)?.[1]
      return region !== undefined && !served.includes(region)
    })
    return unknown === undefined ? Result.succeed(limits) : Result.fail(
      new JsonFile.JsonFileError({
        file: "quota",
        message: `quota: ${JsonFile.pathOf([unknown])}: Expected a region that is served: ${served.join(", ")}`
      })
    )
  }

/** The limits that apply in a region. */
export const limitsIn = (region: string, limits: Limits): Limits => {
  const entries = Object.entries(limits).map(([name, limit]) => ({ ofRegion: regional.exec(name), name, limit }))
  return Object.fromEntries([
    ...entries.flatMap(({ limit, name, ofRegion }) => ofRegion === null ? [[name, limit]] : []),
    ...entries.flatMap(({ limit, ofRegion }) => ofRegion?.[1] === region ? [[ofRegion[2], limit]] : [])
  ])
}

/** No id and no ARN begins with a region and a slash. */
const regional = /^([a-z]{2,}(?:-[a-z]+)+-\d+)\/(.+)$/

/** Full quotas of these limits. Time is that of the `Clock` in context. */
export const make = (limits: Limits): Effect.Effect<Quotas> =>
  Effect.map(Clock.Clock, (clock) => {
    const accounts = new Map<string, Account>()
    let start = 0
    let inForce: Limits = {}
    const open = (key: string, limit: Limit, model: string) => {
      const account = makeAccount(limit, { name: key, model }, start, () => clock.currentTimeMillisUnsafe())
      accounts.set(key, account)
      return account
    }
    const replace = (limits: Limits) => {
      start = clock.currentTimeMillisUnsafe()
      inForce = limits
      accounts.clear()
      for (const [name, limit] of Object.entries(limits)) if (!isShared(name)) open(name, limit, name)
    }
    replace(limits)
    const find = (names: ReadonlyArray<string>): Account | undefined => {
      const model = names.at(-1) ?? ""
      const known = names.find((name) => accounts.has(name))
      if (known !== undefined) return accounts.get(known)
      const shared = inForce[model.startsWith(ofMantle) ? `${ofMantle}${everyModel}` : everyModel]
      return shared === undefined ? undefined : open(model, shared, model)
    }
    return {
      replace,
      reserve: (names) => (claim) => Effect.suspend(() => find(names)?.reserve(claim) ?? Effect.succeed(unlimited)),
      statistics: () => Object.fromEntries([...accounts].map(([name, account]) => [name, account.statistics()])),
      history: () => Object.fromEntries([...accounts].map(([name, account]) => [name, account.history()]))
    }
  })

/** The default cost of an output token of a model. */
export const burndownOf = (model: string): number => {
  const [, major = 0, minor = 0] = (/anthropic\.claude-(?:[a-z]+-)?(\d+)(?:-(\d{1,2})(?!\d))?/.exec(model) ?? []).map(
    Number
  )
  return major > 3 || (major === 3 && minor >= 7) ? 5 : 1
}

/** The reservation without a quota. */
export const unlimited: Reservation = { cached: () => {}, wrote: () => {}, settle: () => {} }

const everyModel = "*"

/** Before the names of models at `bedrock-mantle`. */
const ofMantle = "mantle/"

const isShared = (name: string) => name === everyModel || name === `${ofMantle}${everyModel}`

const windowsPerDay = 1440

const windows = { bucket: Window.bucket, fixed: Window.fixed }

/** An unlimited window never refills, because a share of infinity is not a number. */
const windowOf = (limit: number | undefined, algorithm: keyof typeof windows, length: number, start: number) =>
  limit === undefined ? Window.fixed(Infinity, length, start) : windows[algorithm](limit, length, start)

interface Account {
  readonly reserve: Reserve
  readonly statistics: () => Statistics
  readonly history: () => History.Past
}

const makeAccount = (
  limit: Limit,
  { model, name }: { readonly name: string; readonly model: string },
  start: number,
  now: () => number
): Account => {
  const { algorithm = "bucket", inputTokensPerMinute, outputTokensPerMinute } = limit
  const { outputBurndown = burndownOf(model), requestsPerMinute, tokensPerDay, tokensPerMinute } = limit
  const windowMillis = Duration.toMillis(limit.window ?? "1 minute")
  const requests = windowOf(requestsPerMinute, algorithm, windowMillis, start)
  const minute = windowOf(tokensPerMinute, algorithm, windowMillis, start)
  const ofInput = windowOf(inputTokensPerMinute, algorithm, windowMillis, start)
  const ofOutput = windowOf(outputTokensPerMinute, algorithm, windowMillis, start)
  const day = Window.fixed(tokensPerDay ?? Infinity, windowMillis * windowsPerDay, start)
  const counters = { reserved: 0, used: 0, throttled: 0, completed: 0, unfinished: 0, peakOvershoot: 0 }

  const charted = [
    { unit: "tokens", limit: tokensPerMinute, window: minute },
    { unit: "requests", limit: requestsPerMinute, window: requests },
    { unit: "input tokens", limit: inputTokensPerMinute, window: ofInput },
    { unit: "output tokens", limit: outputTokensPerMinute, window: ofOutput }
  ].flatMap(({ limit, ...rest }) => limit === undefined ? [] : [{ ...rest, limit }])
  const slotMillis = windowMillis / History.perWindow
  const past = History.make({
    start,
    slotMillis,
    used: (at) => charted.map(({ limit, window }) => Math.max(0, Math.round(limit - window.peek(at))))
  })

  const take = (claim: Claim) => {
    const tokens = claim.input + claim.output
    const at = now()
    past.before(at)
    const needs = [
      [requests, 1, "requests"],
      [day, tokens, "tokens per day"],
      [minute, tokens, "tokens"],
      [ofInput, claim.input, "input tokens"],
      [ofOutput, claim.output, "output tokens"]
    ] as const
    const unmet = needs.find(([window, need]) => window.left(at) < need)
    if (unmet !== undefined) {
      const [window, needed, unit] = unmet
      counters.throttled++
      past.throttled(at, Math.max(0, charted.findIndex((other) => other.unit === unit)))
      const exceeded = { name, unit, limit: limitOf(unit), left: Math.floor(window.left(at)), needed }
      const perDay = unit === "tokens per day" ? windowsPerDay : 1
      return Effect.fail(
        AwsError.throttled(unit, window.wait(needed, at), { ...exceeded, windowMillis: windowMillis * perDay })
      )
    }
    counters.reserved += tokens
    requests.take(1, at)
    const apart = [ofInput.take(claim.input, at), ofOutput.take(claim.output, at)] as const
    const held = hold(claim, minute.take(tokens, at), day.take(tokens, at), apart)
    past.after(at)
    return Effect.succeed(held)
  }

  const limitOf = (unit: string): number =>
    charted.find((other) => other.unit === unit)?.limit ?? tokensPerDay ?? Infinity

  const hold = (
    claim: Claim,
    ofMinute: Window.Taken,
    ofDay: Window.Taken,
    [takenInput, takenOutput]: readonly [Window.Taken, Window.Taken]
  ) => {
    let [cached, written, settled] = [0, 0, false]
    const charge = ({ input, output }: Claim, counter: "completed" | "unfinished") => {
      if (settled) return
      settled = true
      const at = now()
      past.before(at)
      const tokens = input + output * outputBurndown
      ofInput.settle(takenInput, input, at)
      ofOutput.settle(takenOutput, output, at)
      minute.settle(ofMinute, tokens, at)
      day.settle(ofDay, tokens, at)
      counters.reserved -= ofMinute.tokens
      counters.used += tokens
      counters[counter]++
      past.after(at)
      if (tokensPerMinute !== undefined) {
        counters.peakOvershoot = Math.max(counters.peakOvershoot, Math.ceil(-minute.left(at)))
      }
    }
    const reservation: Reservation = {
      cached: (tokens) => {
        cached = tokens
      },
      wrote: (tokens) => {
        written = tokens
      },
      settle: ({ cacheWriteTokens, inputTokens, outputTokens }) =>
        charge({ input: inputTokens + cacheWriteTokens, output: outputTokens }, "completed")
    }
    const close = (exit: Exit.Exit<unknown, unknown>) => {
      const began = written > 0 || (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
      charge(began ? { input: claim.input - cached, output: written } : { input: 0, output: 0 }, "unfinished")
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
        ...(requestsPerMinute === undefined
          ? undefined
          : { requestsPerMinute, requestsLeft: Math.floor(requests.left(at)) }),
        ...(tokensPerMinute === undefined ? undefined : { tokensPerMinute, left: Math.floor(minute.left(at)) }),
        ...(tokensPerDay === undefined ? undefined : { tokensPerDay, leftToday: day.left(at) }),
        ...(inputTokensPerMinute === undefined
          ? undefined
          : { inputTokensPerMinute, inputLeft: Math.floor(ofInput.left(at)) }),
        ...(outputTokensPerMinute === undefined
          ? undefined
          : { outputTokensPerMinute, outputLeft: Math.floor(ofOutput.left(at)) }),
        windowMillis,
        ...counters
      }
    },
    history: () => {
      const at = now()
      const limits = charted.map(({ limit, unit }) => ({ unit, limit }))
      return { now: at, slotMillis, windowMillis, limits, slots: past.slots(at) }
    }
  }
}
