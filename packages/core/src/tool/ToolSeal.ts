/**
 * Seals the state of a tool loop for a client that carries it: encrypted and authenticated, for one conversation, until a
 * time, to be used once. A state that stays on the server needs no seal.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Check from "../Check.ts"
import * as Total from "../internal/total.ts"
import * as ProviderError from "../ProviderError.ts"
import * as TaggedError from "../TaggedError.ts"
import * as SealedText from "./internal/sealedText.ts"
import * as ToolState from "./ToolState.ts"

/**
 * How a state is sealed.
 *
 * - `key`: a secret of at least 32 characters, such as `openssl rand -base64 32` prints.
 * - `conversation`: the id of the conversation, as the server knows it: from its session, never from the client.
 * - `expiresIn`: an hour when missing.
 */
export interface SealOptions {
  readonly key: Redacted.Redacted
  readonly conversation: string
  readonly expiresIn?: Duration.Input | undefined
}

/**
 * How a seal is checked.
 *
 * - `key`: that of {@link seal}; of several, any: put the newest first to change keys.
 * - `claim`: makes the seal single-use; see {@link Claim}.
 */
export interface UnsealOptions<E = never, R = never> {
  readonly key: Redacted.Redacted | ReadonlyArray<Redacted.Redacted>
  readonly conversation: string
  readonly claim: Claim<E, R>
}

/**
 * Remembers a seal by its `id` until it expires: true for the first time, and false for each one after, from
 * whichever process. `expiresAt` is in milliseconds since 1970. `SET id 1 NX PXAT expiresAt` in Redis does it; {@link
 * makeClaim} for a single process.
 */
export type Claim<E = never, R = never> = (
  seal: { readonly id: string; readonly expiresAt: number }
) => Effect.Effect<boolean, E, R>

/**
 * A sealed state of a tool loop was refused.
 *
 * When: `ToolLoop.unseal` gets a text that was altered, is too old, or belongs to another conversation.
 *
 * - `forged`: it was not sealed with the key, or was altered. `expired`: its time is over.
 * - `other-conversation`: it was sealed for another one. `used`: it was unsealed before.
 *
 * Remedy: begin the loop again; for `forged`, check that all processes have the same key.
 */
export class SealError extends TaggedError.make<SealError>()("SealError", {
  reason: Schema.Literals(["forged", "expired", "other-conversation", "used"]),
  message: Schema.String
}) {}

/**
 * The state as text for a client. Fails with {@link ToolState.StateError} for a state that cannot be written as JSON,
 * and with `InvalidRequestError` for invalid options, such as a short key.
 *
 * @example
 * const sealed = yield* ToolLoop.seal(outcome.state, { key, conversation: session.id })
 */
export const seal: (
  state: ToolState.State,
  options: SealOptions
) => Effect.Effect<string, ToolState.StateError | ProviderError.InvalidRequestError> = Effect.fnUntraced(
  function*(state, options) {
    const { conversation, expiresIn = Duration.hours(1), key } = yield* Check.run(sealOptions, options, names)
    const json = yield* ToolState.encode(state)
    const expiresAt = (yield* Clock.currentTimeMillis) + Duration.toMillis(expiresIn)
    return yield* SealedText.make(Redacted.value(key), { conversation, expiresAt, state: json })
  }
)

/**
 * The state of a text that {@link seal} made. Fails with {@link SealError} for any other text, and as {@link ToolState.decode}
 * does. The seal is used up, also where the loop does not go on: seal the state again to ask again.
 */
export const unseal: <E = never, R = never>(
  sealed: string,
  options: UnsealOptions<E, R>
) => Effect.Effect<ToolState.State, SealError | ToolState.StateError | ProviderError.InvalidRequestError | E, R> =
  Effect.fnUntraced(function*<E, R>(sealed: string, options: UnsealOptions<E, R>) {
    const { conversation, key } = yield* Check.run(unsealOptions, options, names)
    const keys = Redacted.isRedacted(key) ? [key] : key
    const opened = yield* SealedText.open(keys.map((key) => Redacted.value(key)), sealed)
    if (opened === undefined) return yield* refuse("forged", "it was altered, or sealed with another key")
    if (opened.conversation !== conversation) {
      return yield* refuse("other-conversation", "it is of another conversation")
    }
    if (opened.expiresAt <= (yield* Clock.currentTimeMillis)) return yield* refuse("expired", "its time is over")
    const isFirst = yield* claimed(() => options.claim({ id: opened.id, expiresAt: opened.expiresAt }))
    if (isFirst !== true) return yield* refuse("used", "it was used before")
    return yield* ToolState.decode(opened.state)
  })

/**
 * A {@link Claim} in the memory of this process, of at most `capacity` seals that have not expired, 100,000 when missing.
 * When it is full, no other seal is accepted.
 */
export const makeClaim = (options?: { readonly capacity?: number | undefined }): Claim => {
  const used = new Map<string, number>() // expiry by id
  const given = Check.fieldsOf(options)
  const capacity = typeof given.capacity === "number" ? given.capacity : 100_000
  return Total.make(
    ({ expiresAt, id }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (used.has(id)) return false
        if (used.size >= capacity) { for (const [id, end] of used) if (end <= now) used.delete(id) }
        if (used.size >= capacity) return false
        used.set(id, expiresAt)
        return true
      }),
    () => Effect.succeed(false)
  )
}

const refuse = (reason: SealError["reason"], problem: string) =>
  new SealError({ reason, message: `The sealed state was refused: ${problem}` })

const names = { provider: "strata", whole: "options" }

/** A `claim` that throws, or is no effect, claims nothing. */
const claimed = <E, R>(claim: () => Effect.Effect<boolean, E, R>): Effect.Effect<boolean, E, R> =>
  Effect.suspend((): Effect.Effect<boolean, E, R> => {
    const effect = claim()
    return Check.holds(Effect.isEffect, effect) ? effect : Effect.succeed(false)
  }).pipe(Effect.catchDefect(() => Effect.succeed(false)))

const secret: Check.Check<Redacted.Redacted> = (given, at) => {
  if (!Redacted.isRedacted(given)) return Check.refuseKind(at, given, "Give `Redacted.make(secret)`")
  const value = Redacted.value(given)
  return typeof value === "string" && value.length >= 32
    ? Redacted.make(value)
    : Check.refuse(at, "it is not a text of 32 characters or more", "Make one with `openssl rand -base64 32`")
}

const secrets: Check.Check<UnsealOptions["key"]> = (given, at) =>
  Array.isArray(given) ? Check.list(secret)(given, at) : secret(given, at)

const sealOptions = Check.struct<SealOptions>({
  key: secret,
  conversation: Check.filled,
  expiresIn: Check.optional(Check.duration())
})

const unsealOptions = Check.struct<UnsealOptions<unknown, unknown>>({
  key: secrets,
  conversation: Check.filled,
  claim: Check.callback("Give a function that remembers which seals were used, such as `ToolLoop.makeClaim()`")
})
