import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checks, directions } from "../src/Command.ts"
import * as Fixtures from "../src/fixture/All.ts"
import * as Known from "../src/Known.ts"
import * as Play from "../src/Play.ts"
import type { Recording } from "../src/Recording.ts"
import * as Report from "../src/Report.ts"
import * as Product from "../src/subject/Product.ts"
import * as Wire from "../src/subject/Wire.ts"

const services = Product.overWire.pipe(Layer.provideMerge(Wire.layer))

const play = (recording: Recording) =>
  Product.quietly(Play.play([{ ...Fixtures.file, recordings: [recording] }], checks, directions))

describe("Play", () => {
  layer(services, { excludeTestServices: true })("fixtures", (it) => {
    for (const recording of Fixtures.file.recordings) {
      it.effect(`plays ${recording.id}`, () =>
        Effect.map(play(recording), (results) => {
          const failed = results.flatMap(({ direction, failed }) =>
            failed.map((difference) => `${direction}: ${Report.describe(difference)}`)
          )
          assert.deepStrictEqual(failed, [])
          assert.include(results.map(({ direction }) => direction), "decode")
        }))
    }
  })

  it("knows at most ten kinds of differences, each with its reason", () => {
    assert.isAtMost(Known.kinds.length, 10)
    for (const { name, reason } of Known.kinds) assert.isAbove(reason.length, 20, name)
    assert.strictEqual(new Set(Known.kinds.map(({ name }) => name)).size, Known.kinds.length)
  })

  it("has no two fixtures of one name", () => {
    const ids = Fixtures.file.recordings.map(({ id }) => id)
    assert.deepStrictEqual(ids.filter((id, index) => ids.indexOf(id) !== index), [])
  })
})
