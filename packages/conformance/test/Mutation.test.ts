import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fixtures from "../src/fixture/All.ts"
import * as Bytes from "../src/mutate/Bytes.ts"
import * as Mutation from "../src/mutate/Mutation.ts"
import * as Seeded from "../src/mutate/Seeded.ts"
import * as Product from "../src/subject/Product.ts"

const mutated = (seed: number) => {
  const random = Seeded.make(seed)
  return Fixtures.file.recordings.map(({ body, op }) =>
    Buffer.from(op.endsWith("stream") ? Bytes.stream(body, random) : Bytes.body(body, random)).toString("base64")
  )
}

describe("Mutation", () => {
  it("makes the same answers of the same seed, and others of another", () => {
    assert.deepStrictEqual(mutated(5), mutated(5))
    assert.notDeepEqual(mutated(5), mutated(6))
  })

  it.live("finds no defect, no wrong type and no raw message in a short run", () =>
    Effect.map(
      Product.quietly(Mutation.run([Fixtures.file], { streams: 400, bodies: 200, seed: 11 })),
      (report) => assert.isTrue(Mutation.isPassed(report), Mutation.toText(report, 3))
    ), 120_000)
})
