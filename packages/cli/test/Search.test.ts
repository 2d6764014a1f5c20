import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Collections from "./support/Collections.ts"
import * as Folder from "./support/Folder.ts"

const texts = {
  "docs/refunds.md": "# Refunds\n\nRefunds are paid within fourteen days",
  "docs/shipping.md": "# Shipping\n\nParcels take three days",
  "other/office.txt": "The office is in Graz"
}

describe("strata search", () => {
  it.effect("shows the closest chunks, where they stand, and how close they are", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make(texts)
      yield* Collections.run(root, ["embed", ".", "-q"])
      const ended = yield* Collections.run(root, ["search", "Refunds are paid", "-k", "1", "-q"])
      assert.deepStrictEqual([ended.code, ended.error, ended.sent], [0, "", ["Refunds are paid"]])
      assert.match(
        ended.out,
        /^0\.\d{3} {2}docs\/refunds\.md, lines 1-3\n {4}# Refunds\n {4}\n {4}Refunds are paid[^\n]+\n\n$/
      )
      const [hit] = yield* Collections.chunks(root, "Refunds are paid")
      assert.deepInclude(hit, { source: "docs/refunds.md", position: 0, citation: "docs/refunds.md, lines 1-3" })
    }))

  it.effect("searches a folder or a file however it is written, and says when there are fewer (jobs 67, 68)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make(texts)
      yield* Collections.run(root, ["embed", ".", "-q"])
      for (const folder of ["docs", "docs/", "./docs", ".\\docs\\"]) {
        const hits = yield* Collections.chunks(root, "days", "--under", folder)
        assert.deepStrictEqual(hits.map(({ source }) => source).toSorted(), ["docs/refunds.md", "docs/shipping.md"])
      }
      const few = yield* Collections.run(root, ["search", "days", "--under", "docs"])
      assert.include(few.error, "Only 2 chunks match: there are no others")
      const none = yield* Collections.run(root, ["search", "days", "--under", "doc"])
      assert.deepStrictEqual([none.code, none.out], [0, ""])
      assert.include(none.error, "No chunk matches")
    }))

  it.effect("fails where there is nothing to search, and sends nothing (jobs 54)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make()
      for (const index of ["index.db", "index.jsonl"]) {
        const ended = yield* Collections.run(root, ["search", "x", "-q", "--index", `${root}/${index}`])
        assert.deepStrictEqual([ended.code, ended.sent], [1, []])
        assert.include(ended.error, "There is no collection")
      }
    }))
})
