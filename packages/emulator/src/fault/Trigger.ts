/**
 * Decides whether one fault strikes, by its filter, schedule, probability and count.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as OpenAiRoute from "../openai/Route.ts"
import type { Operation } from "../Operation.ts"
import type { Fault } from "./Fault.ts"

/**
 * A request as seen by faults.
 *
 * - `region`: its region. `models`: the names of its model. `chats`: whether a chat service will be called. `texts`: all texts of its body.
 * - `fingerprint`: the same for the same operation, model and body.
 */
export interface Candidate {
  readonly operation: Operation
  readonly region: string
  readonly models: ReadonlyArray<string>
  readonly chats: boolean
  readonly texts: () => Iterable<string>
  readonly fingerprint: string
}

/**
 * - `isOver`: it will not strike again.
 * - `counts`: counts an arriving request or connection; returns whether to strike it.
 * - `strike`: strikes it. `spare`: takes that back.
 * - `random`: its own random numbers, from 0 to 1.
 */
export interface Trigger {
  readonly isOver: (now: number) => boolean
  readonly counts: (now: number, candidate: Candidate | undefined) => boolean
  readonly strike: () => void
  readonly spare: () => void
  readonly struck: () => number
  readonly random: () => number
}

/** The trigger of a fault injected at `start` (milliseconds). `seed`: the default one. */
export const make = (fault: Fault, start: number, seed: number): Effect.Effect<Trigger> =>
  Effect.map(Random.withSeed(generator, fault.seed ?? seed), (random) => {
    const { skip = 0, times = isLasting(fault) ? Infinity : 1 } = fault
    let [counted, struck] = [0, 0]
    const attempts = new Map<string, number>()
    const chance = fault.probability ?? 1
    const begin = start + Duration.toMillis(fault.after ?? 0)
    const end = begin + Duration.toMillis(fault.lasting ?? Duration.infinity)

    const fits = (candidate: Candidate): boolean => {
      if (isOfConnections(fault)) return false
      const { attempt, model, operation, region, text } = fault
      if (attempt !== undefined) {
        const { fingerprint } = candidate
        attempts.set(fingerprint, (attempts.get(fingerprint) ?? 0) + 1)
      }
      return (operation ?? candidate.operation) === candidate.operation &&
        (region === undefined || region === candidate.region) &&
        (model === undefined || candidate.models.includes(model)) &&
        (attempt === undefined || attempts.get(candidate.fingerprint) === attempt) &&
        reaches(fault, candidate) &&
        (text === undefined || contains(candidate.texts(), text))
    }

    return {
      random,
      struck: () => struck,
      isOver: (now) => struck >= times || now >= end,
      counts: (now, candidate) => {
        const isFor = candidate === undefined ? isOfConnections(fault) : fits(candidate)
        if (!isFor || now < begin || now >= end || !inBurst(fault, now - begin)) return false
        counted++
        // a number is drawn for every call, so that the same seed gives the same decisions, regardless of other faults
        return counted > skip && (chance === 1 || random() < chance) && struck < times
      },
      strike: () => {
        struck++
      },
      spare: () => {
        struck--
      }
    }
  })

const generator = Effect.map(Random.Random, (random) => () => random.nextDoubleUnsafe())

/** Whether something other than a count limits the fault. */
const isLasting = (fault: Fault): boolean =>
  fault.probability !== undefined || fault.lasting !== undefined || fault.bursts !== undefined ||
  ("attempt" in fault && fault.attempt !== undefined)

const inBurst = ({ bursts }: Fault, elapsed: number): boolean =>
  bursts === undefined || elapsed % Duration.toMillis(bursts.every) < Duration.toMillis(bursts.lasting)

/** Whether it strikes connections instead of requests. */
export const isOfConnections = (fault: Fault): fault is Extract<Fault, { readonly type: `${string}Connection` }> =>
  fault.type === "refuseConnection" || fault.type === "stallConnection"

/** Whether it can have an effect on the request. */
const reaches = (fault: Fault, { chats, operation }: Candidate): boolean => {
  switch (fault.type) {
    case "slow":
    case "truncateStream":
    case "streamException":
    case "errorFrame":
    case "corruptFrame":
      return streaming.has(operation)
    case "missingEnd":
      return dialect.has(operation)
    case "stall":
      return fault.afterEvents === undefined || streaming.has(operation)
    case "huge":
      return chats
    case "jobFailure":
      return operation === "CreateModelInvocationJob" || operation === "StartAsyncInvoke"
    case "jobExpiry":
    case "jobPartial":
    case "jobStop":
    case "recordErrors":
    case "missingRecords":
    case "doubledRecords":
    case "foreignRecords":
      return operation === "CreateModelInvocationJob"
    default:
      return true
  }
}

const dialect: ReadonlySet<Operation> = new Set(OpenAiRoute.streaming)

const streaming: ReadonlySet<Operation> = new Set([
  "ConverseStream",
  "InvokeModelWithResponseStream",
  ...dialect
])

const contains = (texts: Iterable<string>, part: string): boolean => {
  for (const text of texts) if (text.includes(part)) return true
  return false
}
