import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Admission from "../src/policy/internal/admission.ts"

/** A caller that a pool has sent: whether it may have the call, and what it was told. */
const caller = (may: boolean, start = 0) => {
  const told: Array<string> = []
  const admission: Admission.Admission = {
    start,
    waits: Effect.sync(() => void told.push("waits")),
    claim: () => {
      told.push("claims")
      return may
    }
  }
  return {
    told,
    as: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provideService(self, Admission.Admission, admission)
  }
}

/** A call that a caller begins, as the policies below see it; and whether it was refused. */
const begun = Effect.fnUntraced(function*(first: ReturnType<typeof caller> | undefined) {
  const refused: Array<string> = []
  const shared = Admission.share(() => void refused.push("refused"))
  const seen = shared.provided(Effect.map(Admission.Admission, (admission) => admission))
  const admission = yield* first === undefined ? seen : first.as(seen)
  return { admission, refused, join: (other: ReturnType<typeof caller>) => other.as(shared.join), shared }
})

describe("A call that several callers share", () => {
  it.effect("is claimed for all of them, and goes on where one may have it", () =>
    Effect.gen(function*() {
      const [first, second] = [caller(false, 7), caller(true)]
      const { admission, join, refused } = yield* begun(first)
      assert.strictEqual(admission?.start, 7)
      yield* join(second)
      assert.isTrue(admission?.claim())
      assert.deepStrictEqual([first.told, second.told, refused], [["claims"], ["claims"], []])
    }))

  it.effect("is refused where none of them may have it", () =>
    Effect.gen(function*() {
      const { admission, join, refused } = yield* begun(caller(false))
      yield* join(caller(false))
      assert.isFalse(admission?.claim())
      assert.deepStrictEqual(refused, ["refused"])
    }))

  it.effect("goes on for a caller outside of pools, whatever the others may", () =>
    Effect.gen(function*() {
      const { admission, refused, shared } = yield* begun(caller(false))
      yield* shared.join
      assert.isTrue(admission?.claim())
      assert.deepStrictEqual(refused, [])
      assert.isUndefined((yield* begun(undefined)).admission)
    }))

  it.effect("tells all of them that it waits, also one that comes later, and none before", () =>
    Effect.gen(function*() {
      const [first, second, third] = [caller(true), caller(true), caller(true)]
      const { admission, join } = yield* begun(first)
      yield* join(second)
      assert.deepStrictEqual([first.told, second.told], [[], []])
      yield* admission!.waits
      yield* join(third)
      assert.deepStrictEqual([first.told, second.told, third.told], [["waits"], ["waits"], ["waits"]])
    }))

  it.effect("is claimed at once for one that comes after it was", () =>
    Effect.gen(function*() {
      const late = caller(true)
      const { admission, join } = yield* begun(caller(true))
      yield* admission!.waits
      admission!.claim()
      yield* join(late)
      assert.deepStrictEqual(late.told, ["claims"])
    }))
})
