/** What the test doubles have in common. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Check from "../../Check.ts"
import type * as Policy from "../../policy/Policy.ts"

/** The name of their provider. */
export const provider = "test"

/** Their options. The policy is checked when its gates are built. */
export const fields = {
  model: Check.text,
  policy: Check.unchecked<Policy.Policy>(),
  delay: Check.duration({ infinite: true })
}

export const optionsOf = <A extends object>(fields: Check.Fields<A>, given: unknown) =>
  Check.run(Check.partial(fields), given, { provider, whole: "options" })

/** A limit of a model. */
export const bound = Check.number({ min: 0, remedy: "Use a number from 0" })

/** Recorded requests, and replies; `take` records a request, and gives its number, from 1, and the reply that is due. */
export const make = <Request, Reply>(replies: ReadonlyArray<Reply> = []) => {
  const requests: Array<Request> = []
  const waiting = [...replies]
  return {
    requests: Effect.sync((): ReadonlyArray<Request> => [...requests]),
    enqueue: (...replies: ReadonlyArray<Reply>) => Effect.sync(() => void waiting.push(...replies)),
    take: (request: Request) => ({ attempt: requests.push(request), queued: waiting.shift() })
  }
}

/** {@link make} of failures, and `attempt`: records a request, and answers it after a delay, or fails. */
export const failing = <Request, E>(delay: Duration.Duration | undefined) => {
  const { enqueue, requests, take } = make<Request, E>()
  const attempt = <A, E2>(answer: (request: Request) => Effect.Effect<A, E2>) =>
    Effect.fnUntraced(function*(request: Request): Effect.fn.Return<A, E | E2> {
      const { queued } = take(request)
      if (delay !== undefined) yield* Effect.sleep(delay)
      return yield* queued === undefined ? answer(request) : Effect.fail(queued)
    })
  return { attempt, requests, failNext: enqueue }
}

/** The words of a text, in lower case; one at least. */
export const words = (text: string): ReadonlyArray<string> => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]
