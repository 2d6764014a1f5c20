/** Expectations as effects that fail with `ContractError`. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as ProviderError from "../../../ProviderError.ts"
import * as Contract from "../../Contract.ts"

export const broken = (message: string): Effect.Effect<never, Contract.ContractError> =>
  Effect.fail(new Contract.ContractError({ message }))

/** What must hold, in words. */
export const holds = (condition: boolean, message: string): Effect.Effect<void, Contract.ContractError> =>
  condition ? Effect.void : broken(message)

/** Equal as data: an absent field is the same as `undefined`. */
export const same = (actual: unknown, expected: unknown, what: string): Effect.Effect<void, Contract.ContractError> => {
  const [is, should] = [print(actual), print(expected)]
  return is === should ? Effect.void : broken(`${what} should be ${should}, and is ${is}`)
}

/** The typed error that a call must fail with. */
export const failure = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  what: string
): Effect.Effect<ProviderError.ProviderError, Contract.ContractError, R> =>
  Effect.flatMap(Effect.exit(call), (exit) => {
    if (Exit.isSuccess(exit)) return broken(`${what} should fail, and gives ${print(exit.value)}`)
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    return ProviderError.isProviderError(error)
      ? Effect.succeed(error)
      : broken(`${what} should fail with a typed error, not with ${Cause.pretty(exit.cause)}`)
  })

/** A refusal before anything is sent, which names the place. */
export const refusal = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  what: string
): Effect.Effect<void, Contract.ContractError, R> =>
  Effect.flatMap(
    failure(call, what),
    (error) =>
      error._tag === "UnsupportedFeatureError" || error._tag === "InvalidRequestError"
        ? holds(error.field !== undefined, `${what} should be refused with the place, and the error has no \`field\``)
        : broken(`${what} should be refused, and fails with ${error._tag}: ${error.message}`)
  )

/** What must happen soon. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string) =>
  Effect.timeoutOrElse(effect, { duration: "5 seconds", orElse: () => broken(`${what}, and 5 seconds are gone`) })

/** Data as text, with sorted keys. */
const print = (value: unknown): string => JSON.stringify(plain(value)) ?? "undefined"

const plain = (value: unknown): unknown => {
  if (typeof value === "bigint") return `${value}n`
  if (ArrayBuffer.isView(value)) {
    return `bytes ${[...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)].join(" ")}`
  }
  if (Array.isArray(value)) return value.map(plain)
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([self], [that]) => self < that ? -1 : 1)
      .map(([key, field]) => [key, plain(field)])
  )
}
