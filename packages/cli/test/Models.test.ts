import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { run } from "./support/InProcess.ts"

describe("strata models", () => {
  it.effect("lists what the catalogue knows, in columns or as JSON, with prices of a file", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const prices = yield* fileSystem.makeTempFileScoped()
      yield* fileSystem.writeFileString(
        prices,
        "[{\"model\": \"*nova-lite-v1:0\", \"price\": {\"input\": 2, \"output\": 9}}]"
      )
      const table = yield* run(["models", "nova-lite", "--prices", prices])
      assert.strictEqual(table.code, 0)
      assert.match(table.out, /^id +kind +profiles +can +output +price\n/)
      assert.match(table.out, /^amazon\.nova-lite-v1:0 +chat +[^ ]*us,[^ ]* +stream,images,[^ ]* +(\d+|-) +2\/9$/m)
      const json = yield* run(["models", "titan-embed", "--json", "-q"])
      const models = json.out.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.include(models.map(({ id }) => id), "amazon.titan-embed-text-v2:0")
      for (const { kind } of models) assert.strictEqual(kind, "embedding")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("knows a model that is newer than the catalogue by its family, and fails for what is no model (jobs 54)", () =>
    Effect.gen(function*() {
      const { out } = yield* run(["models", "us.anthropic.claude-opus-9-20290101-v1:0", "--json", "-q"])
      assert.include(JSON.parse(out).can, "tools")
      assert.deepStrictEqual(yield* run(["models", "no model"]), {
        code: 1,
        out: "",
        error: "strata: No model is known by \"no model\"\n"
      })
    }))
})
