import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Example from "./Example.ts"

describe("semantic-search-pgvector", () => {
  it.live("finds by meaning, filters by tag and embeds nothing twice", () =>
    Effect.gen(function*() {
      const output = yield* Example.run("semantic-search-pgvector")
      assert.match(output, /PostgreSQL inside this process, in memory/)
      assert.match(output, /first run: 20 embedded, 0 unchanged/)
      assert.match(output, /second run: 0 embedded, 20 unchanged/)
      assert.match(output, /one text changed: 1 embedded, 19 unchanged/)

      const [refund, copy, filtered] = output.split("\n? ").slice(1).map((answer) =>
        Array.from(answer.matchAll(/^ {2}\d\.\d\d {2}(\w+) \[(.*)\]/gm), ([, id, tags]) => ({ id, tags }))
      )
      assert.strictEqual(refund?.[0]?.id, "refund")
      assert.strictEqual(copy?.[0]?.id, "export")
      assert.isTrue(copy?.some(({ tags }) => !tags?.includes("privacy")))
      assert.lengthOf(filtered ?? [], 3)
      assert.isTrue(filtered?.every(({ tags }) => tags?.includes("privacy")))
    }), 60_000)
})
