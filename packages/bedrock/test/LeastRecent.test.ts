import { assert, describe, it } from "@effect/vitest"
import * as LeastRecent from "../src/internal/leastRecent.ts"

describe("LeastRecent", () => {
  it("forgets what was not asked for the longest, and nothing else", () => {
    const kept = LeastRecent.make<number>(3)
    for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) kept.set(key, value)
    assert.strictEqual(kept.get("a"), 1)
    kept.set("d", 4)
    assert.deepStrictEqual(["a", "b", "c", "d"].map(kept.get), [1, undefined, 3, 4])
    kept.set("c", 5)
    kept.set("e", 6)
    assert.deepStrictEqual(["a", "c", "d", "e"].map(kept.get), [undefined, 5, 4, 6])
  })
})
