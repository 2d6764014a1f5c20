/** What the policies do about an error of a provider, by trying it. */
import { Breaker, ChatService, Fallback, Policy, Pool, ProviderError, Retry } from "@strata/core"
import { TestChat } from "@strata/core/testing"
import { Effect, Exit, References } from "effect"

/**
 * - `retries`: how often `Retry.standard` sends a call again that always fails with the error.
 * - `opensBreaker`: whether a breaker counts it as a failure.
 * - `leavesService`, `leavesLane`: whether a fallback, or another lane of a pool, is asked.
 * - `isFree`: whether the call used no tokens.
 */
export interface Behaviour {
  readonly retries: number
  readonly opensBreaker: boolean
  readonly leavesService: boolean
  readonly leavesLane: boolean
  readonly isFree: boolean
}

export const of = Effect.fnUntraced(function*(error: ProviderError.ProviderError) {
  return {
    retries: yield* retriesOf(error),
    opensBreaker: ProviderError.isCallError(error) && (yield* opensBreaker(error)),
    leavesService: Fallback.isUnavailable(error),
    leavesLane: Pool.isUnavailable(error),
    isFree: ProviderError.isRefusal(error)
  }
})

/** The schedule of `Retry.standard` without its pauses. */
const atOnce = Retry.exponential({ base: 0, rateLimitBase: 0, maxDelay: 0, maxRetryAfter: 0 })

const retriesOf = (error: ProviderError.ProviderError) =>
  Effect.suspend(() => {
    let attempts = 0
    const failing = Effect.suspend(() => {
      attempts++
      return Effect.fail(error)
    })
    return Effect.ignore(Effect.retry(failing, atOnce)).pipe(Effect.map(() => attempts - 1))
  })

const opensBreaker = (error: ProviderError.CallError) =>
  Effect.andThen(Effect.exit(ChatService.generate("?")), Effect.exit(ChatService.generate("?"))).pipe(
    Effect.map(Exit.isFailure),
    Effect.provide(TestChat.layer([error, "an answer"], {
      policy: Policy.make({ retry: Retry.never, breaker: Breaker.consecutive(1) })
    })),
    Effect.orDie,
    Effect.provideService(References.MinimumLogLevel, "None")
  )
