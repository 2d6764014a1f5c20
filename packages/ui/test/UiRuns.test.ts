import { assert, describe, it } from "@effect/vitest"
import { Message, ToolLoop, Usage } from "@strata/core"
import { UiRuns } from "@strata/ui"
import { Effect, Layer, Result } from "effect"
import { KeyValueStore } from "effect/persistence"
import * as Documents from "../../core/test/support/DocumentsMemory.ts"
import * as Events from "./support/Events.ts"

const state: ToolLoop.State = {
  version: 1,
  id: "run-1",
  revision: 3,
  request: { messages: [Message.user("Hi")] },
  messages: [],
  steps: 1,
  usage: Usage.make({ inputTokens: 1 }),
  refused: [],
  calls: [{ status: "approval", call: Events.call("call-1", { n: 1, bytes: "AA==" }) }],
  following: [],
  fingerprint: { provider: "test", model: "m", tools: {} }
}

const run: UiRuns.WaitingRun = { version: 1, messageId: "m1", approvals: { "call-1": "a" }, state, expiresAt: 1000 }

const give = (found: UiRuns.WaitingRun | undefined) => Result.succeed(found)

const stores: ReadonlyArray<readonly [string, Layer.Layer<UiRuns.UiRuns>]> = [
  ["memory", UiRuns.layerMemory()],
  ["documents", UiRuns.layerDocuments(Effect.sync(() => Documents.make()))],
  ["a key-value store", Layer.provide(UiRuns.layerKeyValueStore(), KeyValueStore.layerMemory)]
]

describe("UiRuns", () => {
  describe.each(stores)("in %s", (_, layer) => {
    const test = <A, E>(name: string, effect: Effect.Effect<A, E, UiRuns.UiRuns>) =>
      it.effect(name, () => Effect.provide(effect, layer))

    test(
      "gives back what was put, once",
      Effect.gen(function*() {
        const { put, take } = yield* UiRuns.UiRuns
        yield* put("a", run)
        assert.deepStrictEqual(yield* take("a", give), run)
        assert.isUndefined(yield* take("a", give))
        assert.isUndefined(yield* take("b", give))
      })
    )

    test(
      "keeps a run that was refused",
      Effect.gen(function*() {
        const { put, take } = yield* UiRuns.UiRuns
        yield* put("a", run)
        assert.strictEqual(yield* Effect.flip(take("a", () => Result.fail("no" as const))), "no")
        assert.deepStrictEqual(yield* take("a", give), run)
      })
    )

    test(
      "gives a run to one of many",
      Effect.gen(function*() {
        const { put, take } = yield* UiRuns.UiRuns
        yield* put("a", run)
        const taken = yield* Effect.all(Array.from({ length: 20 }, () => take("a", give)), { concurrency: "unbounded" })
        assert.lengthOf(taken.filter((found) => found !== undefined), 1)
      })
    )

    test(
      "replaces a run",
      Effect.gen(function*() {
        const { put, take } = yield* UiRuns.UiRuns
        yield* put("a", run)
        yield* put("a", { ...run, messageId: "m2" })
        assert.strictEqual((yield* take("a", give))?.messageId, "m2")
      })
    )
  })

  it.effect("memory is bounded: the oldest goes", () =>
    Effect.gen(function*() {
      const { put, take } = UiRuns.makeMemory({ capacity: 2 })
      for (const key of ["a", "b", "c"]) yield* put(key, run)
      assert.isUndefined(yield* take("a", give))
      assert.isDefined(yield* take("c", give))
    }))

  it.effect("case 49: a run that this version cannot read counts as none, and does not block the conversation", () =>
    Effect.gen(function*() {
      const texts = new Map([["strata:ui:a", { text: "{\"version\":2}", until: Infinity }]])
      const { take } = UiRuns.fromDocuments(Documents.make(texts))
      assert.isUndefined(yield* take("a", give))
      assert.strictEqual(texts.size, 0)
    }))

  it.effect("a store that fails is an error, and nothing is taken", () =>
    Effect.gen(function*() {
      const broken = UiRuns.fromDocuments({ change: () => Effect.fail("down" as const) })
      assert.deepInclude(yield* Effect.flip(broken.take("a", give)), { _tag: "UiRunsError", operation: "take" })
      assert.deepInclude(yield* Effect.flip(broken.put("a", run)), { _tag: "UiRunsError", operation: "put" })
    }))
})
