/**
 * Decides whether one fault strikes: its time, its matcher, its counters and its chance.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Fault } from "../Fault.ts"
import type { Operation } from "../Operation.ts"

/**
 * A request as faults see it.
 *
 * - `models`: the names its model goes by. `texts`: all the texts of its body.
 * - `fingerprint`: the same for the same operation, model and body.
 */
export interface Candidate {
  readonly operation: Operation
  readonly models: ReadonlyArray<string>
  readonly texts: () => ReadonlyArray<string>
  readonly fingerprint: () => string
}

/**
 * - `isOver`: it can strike no more.
 * - `arrives`: a request came, whatever becomes of it: attempts are counted here.
 * - `strikes`: decides for a request that `arrives`, or for a connection; counts down when it does.
 * - `random`: its own numbers, from 0 to 1.
 */
export interface Trigger {
  readonly isOver: (now: number) => boolean
  readonly arrives: (candidate: Candidate) => void
  readonly strikes: (now: number, candidate: Candidate | undefined) => boolean
  readonly struck: () => number
  readonly random: () => number
}

/** The trigger of a fault that was injected at `start` (milliseconds). `seed`: where the fault names none. */
export const make = (fault: Fault, start: number, seed: number): Effect.Effect<Trigger> =>
  Effect.map(Random.withSeed(generator, fault.seed ?? seed), (random) => {
    let skip = fault.skip ?? 0
    let times = fault.times ?? (isLasting(fault) ? Infinity : 1)
    let struck = 0
    const attempts = new Map<string, number>()
    const chance = fault.probability ?? 1
    const begin = start + Duration.toMillis(fault.after ?? 0)
    const end = begin + Duration.toMillis(fault.lasting ?? Duration.infinity)
    return {
      random,
      struck: () => struck,
      isOver: (now) => times <= 0 || now >= end,
      arrives: (candidate) => {
        if (!("attempt" in fault) || fault.attempt === undefined) return
        const key = candidate.fingerprint()
        attempts.set(key, (attempts.get(key) ?? 0) + 1)
      },
      strikes: (now, candidate) => {
        if (now < begin || now >= end || !inBurst(fault, now - begin)) return false
        if (candidate !== undefined && !fits(fault, candidate, attempts)) return false
        if (skip > 0) {
          skip--
          return false
        }
        if (times <= 0 || (chance < 1 && random() >= chance)) return false
        times--
        struck++
        return true
      }
    }
  })

const generator = Effect.map(Random.Random, (random) => () => random.nextDoubleUnsafe())

/** Whether something else than a number says how often a fault strikes. */
const isLasting = (fault: Fault): boolean =>
  fault.probability !== undefined || fault.lasting !== undefined || fault.bursts !== undefined ||
  ("attempt" in fault && fault.attempt !== undefined)

const inBurst = ({ bursts }: Fault, elapsed: number): boolean =>
  bursts === undefined || elapsed % Duration.toMillis(bursts.every) < Duration.toMillis(bursts.lasting)

const fits = (fault: Fault, candidate: Candidate, attempts: ReadonlyMap<string, number>): boolean => {
  if (fault.type === "refuseConnection" || fault.type === "stallConnection") return false
  const { attempt, model, operation, text } = fault
  return (operation ?? candidate.operation) === candidate.operation &&
    (model === undefined || candidate.models.includes(model)) &&
    (text === undefined || candidate.texts().some((found) => found.includes(text))) &&
    (attempt === undefined || attempts.get(candidate.fingerprint()) === attempt)
}
