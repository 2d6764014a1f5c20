/** Sends calls through the lanes of a pool: chooses one for each, goes on with another when it fails, and tries again. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as Check from "../../../Check.ts"
import * as BoundedMap from "../../../internal/boundedMap.ts"
import type * as Trait from "../../../internal/trait.ts"
import * as Watchdog from "../../../internal/watchdog.ts"
import * as ProviderError from "../../../ProviderError.ts"
import * as Telemetry from "../../../Telemetry.ts"
import * as Pool from "../../Pool.ts"
import * as Clocks from "../clocks.ts"
import * as Gates from "../gates.ts"
import * as Lane from "../lane.ts"
import * as Retrying from "../retrying.ts"
import * as Choice from "./choice.ts"
import type * as Health from "./health.ts"
import type * as Lanes from "./lanes.ts"
import * as Race from "./race.ts"

/** The model that a call names in a lane, or nothing. */
type ModelOf<Shape> = (lane: Lanes.Member<Shape>) => string

/** An answer, and the lane that gave it. `broke`: tells the lane that it did not end well, where it goes on as a stream. */
export interface Answered<Shape, A> {
  readonly answer: A
  readonly lane: Lanes.Member<Shape>
  readonly broke: (error: ProviderError.ProviderError) => Effect.Effect<void>
}

/** Sends a call: `attempt` makes it through one lane. */
export type Dispatch<Shape> = <A, E extends ProviderError.ChatStreamError>(
  wish: Omit<Choice.Wish<Shape>, "interactive">,
  attempt: (lane: Lanes.Member<Shape>) => Effect.Effect<A, E>
) => Effect.Effect<Answered<Shape, A>, E | ProviderError.CallError>

/**
 * A call is made at most once through each lane in a round; what a lane fails with is not retried there. When no lane is
 * left the round is repeated by the retry schedule of the first lane, as the policy in force has it.
 */
export const make = <Shape extends Trait.Trait>(
  members: Lanes.Members<Shape>,
  { when = Pool.isUnavailable }: Pool.Options
): Dispatch<Shape> => {
  /** Calls that wait, to be told when a lane leaves or is back. */
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }

  const goesOn = (error: ProviderError.ProviderError) =>
    isOfTheCall(error) ? Effect.succeed(false) : Effect.try({
      try: () => when(error),
      catch: (cause) => Check.threw({ provider, model: error.model }, "pool.when", cause)
    })

  /** An attempt, whose end its lane learns from. Another lane is the better answer to errors than a retry. */
  const watched = <A, E extends ProviderError.ChatStreamError>(
    lane: Lanes.Member<Shape>,
    modelOf: ModelOf<Shape>,
    self: Effect.Effect<A, E>
  ) =>
    // A call that is the probe must say how it ended, whatever happens to it, or no other would ever probe the lane.
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Watchdog.now, (start) => {
        lane.served += 1 / lane.weight
        const model = modelOf(lane)
        const call = lane.health.begin(model, start)
        const inLane = self.pipe(
          Effect.updateService(Retrying.FinalErrors, (isFinal): Retrying.IsFinal => (error) =>
            Effect.flatMap(isFinal(error), (is) => is ? Effect.succeed(true) : goesOn(error))),
          Effect.updateService(Lane.Lane, (outer) =>
            Lane.within(outer, lane.name)),
          Effect.map((answer) => ({
            answer,
            lane,
            broke: (error: ProviderError.ProviderError) => failed(lane, model, call, error)
          }))
        )
        const sent = lane.health.isProbe(model, call) ? Effect.andThen(shown(lane, 1), inLane) : inLane
        return Effect.onExit(restore(sent), (exit) => {
          if (Exit.isSuccess(exit)) return answered(lane, modelOf, call)
          const error = Cause.findErrorOption(exit.cause)
          if (error._tag === "Some") return failed(lane, model, call, error.value)
          if (Cause.hasInterrupts(exit.cause)) lane.served -= 1 / lane.weight
          if (lane.health.ended(model, call) === "none") return Effect.void
          changed()
          return shown(lane, 2)
        })
      })
    )

  const answered = (lane: Lanes.Member<Shape>, modelOf: ModelOf<Shape>, call: Health.Call) =>
    Effect.andThen(
      counted(lane, "answered"),
      Effect.suspend(() => lane.health.answered(modelOf(lane), call) ? back(lane, modelOf) : Effect.void)
    )

  const back = Effect.fnUntraced(function*(lane: Lanes.Member<Shape>, modelOf: ModelOf<Shape>) {
    changed()
    // It is not asked all at once for what lanes like it were asked while it was out.
    const now = yield* Watchdog.now
    const others = members.filter((one) =>
      one !== lane && one.cost === lane.cost && one.interactive === lane.interactive &&
      one.health.absence(modelOf(one), now) === undefined
    )
    if (others.length > 0) lane.served = Math.max(lane.served, Math.min(...others.map(({ served }) => served)))
    yield* shown(lane, 0)
    yield* Effect.annotateLogs(Effect.logInfo("A lane is back in the pool: it answers"), { lane: lane.name })
  })

  const failed = (lane: Lanes.Member<Shape>, model: string, call: Health.Call, error: ProviderError.ProviderError) =>
    Effect.gen(function*() {
      const isUnavailable = yield* Effect.orElseSucceed(goesOn(error), () => false)
      const outcome = !isUnavailable ? "failed" : error._tag === "RateLimitError" ? "refused" : "unavailable"
      yield* counted(lane, outcome)
      const change = isUnavailable
        ? lane.health.failed(model, call, yield* Watchdog.now, error)
        : lane.health.ended(model, call)
      if (change === "none") return
      changed()
      yield* shown(lane, 2)
      if (change === "unprobed") return
      // A refusal passes: only an outage is worth a warning.
      const log = change === "left" && error._tag !== "RateLimitError" ? Effect.logWarning : Effect.logDebug
      yield* Effect.annotateLogs(log("A lane leaves the pool for a while: it does not take calls"), {
        lane: lane.name,
        ...Telemetry.errorAnnotations(error),
        message: error.message
      })
    })

  return <A, E extends ProviderError.ChatStreamError>(
    wish: Omit<Choice.Wish<Shape>, "interactive">,
    attempt: (lane: Lanes.Member<Shape>) => Effect.Effect<A, E>
  ) =>
    Effect.gen(function*(): Effect.fn.Return<Answered<Shape, A>, E | ProviderError.CallError> {
      const interactive = (yield* Pool.Interactive) === true
      const start = yield* Watchdog.now
      const modelOf = (lane: Lanes.Member<Shape>) => wish.modelOf(lane) ?? ""

      /** What the last round failed with, if nothing was sent. */
      let unsent: ProviderError.ProviderError | undefined
      const isIn = (now: number) =>
        members.some((lane) => (interactive || !lane.interactive) && lane.health.standing(modelOf(lane), now) === "in")
      /** A call that was not sent waits for no backoff once a lane is back. */
      const sooner = (_target: unknown, error: ProviderError.ProviderError) =>
        error !== unsent ? Effect.never : Effect.flatMap(Clock.Clock, (clock) =>
          Effect.callback<void>((resume) => {
            const look = () => {
              if (isIn(Watchdog.monotonicMillis(clock))) resume(Effect.void)
            }
            listeners.add(look)
            look()
            return Effect.sync(() => void listeners.delete(look))
          }))

      const round = Effect.gen(function*(): Effect.fn.Return<Answered<Shape, A>, E | ProviderError.CallError> {
        // Lanes that failed, and take other calls all the same. Those that are out may be asked again when they are back.
        const tried = new Set<Lanes.Member<Shape>>()
        const course: Race.Course<Lanes.Member<Shape>> = {
          start,
          next: (asked) => {
            const open = members.filter((member) => !tried.has(member) && !asked.has(member))
            return Effect.map(Choice.ranked(open, { ...wish, interactive }), ([best]) => best)
          },
          due: (asked) =>
            Effect.map(Watchdog.now, (now) => {
              let soonest = Infinity
              for (const member of members) {
                if (asked.has(member) || tried.has(member)) continue
                const absence = member.health.absence(modelOf(member), now)
                if (absence === undefined || member.interactive && !interactive) continue
                soonest = Math.min(soonest, absence.left)
              }
              return Number.isFinite(soonest) ? soonest : undefined
            }),
          onChange: (listener) => {
            listeners.add(listener)
            return () => void listeners.delete(listener)
          }
        }
        const through = (lane: Lanes.Member<Shape>) =>
          watched(lane, modelOf, attempt(lane)).pipe(
            Effect.tapError(() =>
              Effect.map(Watchdog.now, (now) => {
                const standing = lane.health.standing(modelOf(lane), now)
                // One that is still due for a probe would be asked again at once.
                if (standing === "in" || standing === "due") tried.add(lane)
              })
            )
          )
        let reported: E | undefined
        for (;;) {
          const result = yield* Race.race(course, through, goesOn)
          if (Result.isSuccess(result)) return result.success
          const last = result.failure.at(-1)
          if (last === undefined) return yield* Effect.fail(reported ?? (unsent = yield* absent(members, modelOf)))
          reported = last.error
        }
      })

      const [ahead] = yield* Gates.ahead(members[0].service, wish.modelOf(members[0]))
      if (ahead === undefined) return yield* round
      // The lanes keep the deadline while one is asked, and this between rounds.
      const deadline = yield* longestDeadline(members, wish.modelOf)
      return yield* ahead.enforcement.retried(round, ahead.target, sooner).pipe(
        Clocks.within("deadline", deadline, ahead.target)
      )
    })
}

const provider = "strata"

/** A lane whose deadline is shorter ends a call by itself. */
const longestDeadline = Effect.fnUntraced(function*<Shape extends Trait.Trait>(
  members: Lanes.Members<Shape>,
  modelOf: (lane: Lanes.Member<Shape>) => string | undefined
) {
  let longest = Duration.zero
  for (const member of members) {
    const all = yield* Gates.ahead(member.service, modelOf(member))
    if (all.length === 0) return Duration.infinity
    for (const { enforcement } of all) longest = Duration.max(longest, enforcement.policy.timeouts.deadline)
  }
  return longest
})

/** The time of a call is over, or it is paid for: another lane would not help. */
const isOfTheCall = (error: ProviderError.ProviderError): boolean =>
  error._tag === "TimeoutError" && error.phase === "deadline" || error._tag === "BudgetExceededError" ||
  error._tag === "StreamInterruptedError"

const counted = ({ counters, name }: Lanes.Member<unknown>, outcome: string) =>
  Metric.update(BoundedMap.getOrMake(counters, outcome, () => Pool.callsOf(name, outcome)), 1)

const shown = (lane: Lanes.Member<unknown>, state: number) =>
  Metric.update(Metric.withAttributes(Pool.state, { "strata.lane": lane.name }), state)

/** What a call fails with while all lanes are out; a retry waits for the first that is back. */
const absent = <Shape>(members: Lanes.Members<Shape>, modelOf: ModelOf<Shape>) =>
  Effect.map(Watchdog.now, (now) => {
    const reasons: Array<string> = []
    let soonest: number | undefined
    for (const lane of members) {
      const absence = lane.health.absence(modelOf(lane), now)
      if (absence === undefined) continue
      const left = Number.isFinite(absence.left) ? Math.ceil(absence.left) : unknown
      soonest = Math.min(soonest ?? left, left)
      reasons.push(`${lane.name} (${absence.error._tag}, for ${Duration.format(Duration.millis(left))})`)
    }
    return new ProviderError.ModelUnavailableError({
      provider,
      message: `No lane of the pool takes calls: ${reasons.join(", ")}. Nothing was sent. Try again later.`,
      retryAfter: Duration.millis(soonest ?? unknown)
    })
  })

/** In how many milliseconds to ask again while a lane is probed: when that ends is not known. */
const unknown = 1_000
