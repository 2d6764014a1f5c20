import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as UndisposedProcess from "./support/UndisposedProcess.ts"

describe("A process whose runtime is never disposed", () => {
  it.live(
    "ends when its program has, whatever policies, budgets and caches are in force",
    () =>
      Effect.gen(function*() {
        const child = yield* UndisposedProcess.spawn
        const said = yield* Stream.mkString(Stream.decodeText(child.stdout))
        assert.strictEqual(said.trim(), "Hello")
        assert.strictEqual(yield* child.exitCode, 0)
      }).pipe(Effect.timeout("25 seconds"), Effect.scoped, Effect.provide(NodeServices.layer)),
    30_000
  )
})
