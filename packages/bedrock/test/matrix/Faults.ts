/** Plays rows of the table of faults, and checks what a program sees of them, what they leave behind, and the next call. */
import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as ProviderError from "@strata/core/ProviderError"
import { Emulator, type Fault } from "@strata/emulator"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"
import * as BedrockClient from "../../src/BedrockClient.ts"
import type * as Transport from "../../src/Transport.ts"
import type { transports } from "../support/Client.ts"
import * as FaultTable from "./FaultTable.ts"
import * as Models from "./Models.ts"
import * as Operations from "./Operations.ts"
import * as Watch from "./Watch.ts"

/** In milliseconds: what a call is given that nothing holds up. */
export const endless = 30_000

/** One attempt at a time: a permit that is lost is missed by the next call. */
const policy = (patience: number) =>
  Policy.make({
    retry: Retry.never,
    retryBudget: "unlimited",
    concurrency: 1,
    timeouts: { attempt: patience, firstEvent: patience, idle: patience, deadline: 4 * patience }
  })

export const outcomeOf = (
  exit: Exit.Exit<unknown, ProviderError.ProviderError>
): FaultTable.Outcome | { readonly defect: string } => {
  if (Exit.isSuccess(exit)) return "ok"
  const [reason] = exit.cause.reasons
  if (reason?._tag !== "Fail" || !ProviderError.isProviderError(reason.error)) {
    return { defect: Cause.pretty(exit.cause) }
  }
  const { error } = reason
  return error._tag === "StreamInterruptedError" && ProviderError.isProviderError(error.cause)
    ? `StreamInterruptedError < ${error.cause._tag}`
    : error._tag
}

export const names = Record.keys(Operations.operations)

/** A Bedrock and a client of it; afterwards the emulator has as many connections as it cannot have noticed the end of. */
export const bedrock = <A, E>(
  transport: Transport.Options,
  deaf: number,
  self: Effect.Effect<A, E, Emulator.Emulator | BedrockClient.BedrockClient>
) =>
  Effect.gen(function*() {
    const { client, statistics } = yield* Emulator.Emulator
    const result = yield* Effect.provide(self, BedrockClient.layer({ ...client, transport }))
    yield* Watch.eventually(
      "connections left",
      Effect.map(statistics, ({ openConnections }) => openConnections),
      (open) => open <= deaf
    )
    return result
  }).pipe(Effect.provide(
    Emulator.layer({ guardrails: [Operations.guardrail] }).pipe(Layer.provideMerge(Models.layer()))
  ))

/** Strikes one call of an operation, and makes another. */
export const strike = Effect.fnUntraced(function*(name: Operations.Name, fault: Fault.Fault, patience: number) {
  const { inject, statistics } = yield* Emulator.Emulator
  const call: Effect.Effect<unknown, ProviderError.ProviderError> = yield* Operations.operations[name](policy(patience))
  const before = yield* statistics
  const injected = yield* inject(fault)
  const exit = yield* Effect.exit(call)
  yield* Watch.eventually(`${name}: requests in flight`, statistics, ({ inFlight }) => inFlight === 0)
  const after = yield* statistics
  const struck = yield* injected.struck
  yield* injected.remove
  return { exit, before, after, struck, next: outcomeOf(yield* Effect.exit(call)) }
})

/** What is expected of an operation, or seen. */
interface Seen {
  readonly struck: number
  readonly outcome: ReturnType<typeof outcomeOf>
  readonly end: true | string
  readonly next: ReturnType<typeof outcomeOf>
}

/** Whether a call may have been given up that should not have been, since the machine has other things to do. */
const isImpatient = ({ actual, expected }: Readonly<Record<"actual" | "expected", Seen>>) =>
  (actual.outcome === "TimeoutError" || actual.next === "TimeoutError") && !Equal.equals(actual, expected)

/** One row of the table, by operation: what is expected, and what is seen. */
const play = Effect.fnUntraced(function*<T extends FaultTable.Type>(
  type: T,
  [given, whole, streamed, end, { but = {}, deaf = false, racing = false } = {}]: FaultTable.Row<T>,
  transport: Transport.Options
) {
  // The table gives each type the fields that are its own.
  const fault = { type, ...given } as Fault.Fault
  const isStalling = FaultTable.stalling.has(type)
  const expected = (name: Operations.Name): FaultTable.Outcome =>
    but[name] ?? (name === "stream" || name === "objectStream" ? streamed : whole)

  const cell = Effect.fnUntraced(function*(name: Operations.Name, patience: number) {
    const { after, before, exit, next, struck } = yield* strike(name, fault, patience)
    const seen = (["completed", "aborted", "dropped"] as const).filter((end) => after[end] > before[end])
    const wanted = expected(name)
    const ended = outcomeOf(exit)
    const outcome = racing && wanted === `StreamInterruptedError < ${ended}` ? wanted : ended
    const isExpectedEnd = wanted === "ok"
      ? seen.join() === "completed"
      : end === "unseen"
      ? seen.length === 0
      : end === "over"
      ? seen.join() === "completed" || seen.join() === "aborted"
      : seen.join() === end
    return {
      name,
      expected: { struck: FaultTable.reaches(fault, name) ? 1 : 0, outcome: wanted, end: true, next: "ok" },
      actual: { struck, outcome, end: isExpectedEnd || seen.join(), next }
    } satisfies Readonly<Record<"actual" | "expected", Seen>> & { readonly name: Operations.Name }
  })

  const alone = Effect.fnUntraced(function*(name: Operations.Name, patience: number) {
    return yield* bedrock(transport, deaf ? 1 : 0, Effect.scoped(cell(name, patience)))
  })
  const patient = Effect.fnUntraced(function*(name: Operations.Name) {
    const [first = endless, ...more] = FaultTable.patience
    let seen = yield* alone(name, first)
    for (const patience of more) {
      if (!isImpatient(seen)) break
      seen = yield* alone(name, patience)
    }
    return seen
  })

  const cells = isStalling
    ? yield* Effect.forEach(names, patient, { concurrency: "unbounded" })
    : FaultTable.opening.has(type)
    ? yield* Effect.forEach(names, (name) => alone(name, endless), { concurrency: "unbounded" })
    : yield* bedrock(transport, 0, Effect.forEach(names, (name) => Effect.scoped(cell(name, endless))))
  const table = (side: "expected" | "actual") => Object.fromEntries(cells.map((cell) => [cell.name, cell[side]]))
  assert.deepStrictEqual<unknown>(table("actual"), table("expected"), JSON.stringify(fault))
})

const playAll = <T extends FaultTable.Type>(type: T, transport: Transport.Options) =>
  Effect.forEach(FaultTable.rows[type], (row) => play(type, row, transport), {
    concurrency: FaultTable.stalling.has(type) ? "unbounded" : 1,
    discard: true
  })

type Named = typeof transports[number]

/** Whether a fault is another one over this transport. */
export const isCarried = (type: FaultTable.Type, { name }: Named) =>
  FaultTable.rows[type].length > 0 && (name === "HTTP/1.1" || FaultTable.carried.has(type))

/** The tests of some types of faults over one transport. */
export const suite = ({ name, transport }: Named, types: ReadonlyArray<FaultTable.Type>) =>
  describe(`A fault over ${name}`, () => {
    it.live.each(types)(
      "of the type %s is typed, leaves nothing, and lets the next call succeed",
      (type) => Watch.leavesProcessAlone(playAll(type, transport))
    )
  })
