import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Operation from "../src/Operation.ts"

const identifier = Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9.:/_-]{1,80}$/))

const routes = Schema.Union([
  Schema.Struct({
    operation: Schema.Literals([
      "Converse",
      "ConverseStream",
      "CountTokens",
      "InvokeModel",
      "InvokeModelWithResponseStream"
    ]),
    modelId: identifier
  }),
  Schema.Struct({ operation: Schema.Literal("ApplyGuardrail"), identifier, version: identifier })
])

describe("Operation", () => {
  it.effect.prop(
    "decodes the path of any route to the same route",
    { route: routes },
    ({ route }) =>
      Effect.sync(() => {
        assert.deepStrictEqual(Operation.fromTarget("POST", Operation.toPath(route)), route)
      })
  )

  it.effect.prop("decodes any target without a defect", { target: Schema.String }, ({ target }) =>
    Effect.sync(() => {
      Operation.fromTarget("POST", target)
      Operation.fromTarget("POST", `/model/${target}/converse`)
    }))

  it("has no operation for other paths", () => {
    for (
      const target of [
        "/",
        "/model/a",
        "/model/a/b/converse",
        "/model/%ZZ/converse",
        "/model/a/invoke-with-bidirectional-stream",
        "/guardrail/a/apply",
        "/guardrail/%ZZ/version/1/apply"
      ]
    ) {
      assert.isUndefined(Operation.fromTarget("POST", target), target)
    }
    assert.isUndefined(Operation.fromTarget("GET", "/model/a/converse"))
    assert.isUndefined(Operation.fromTarget("POST", "/foundation-models"))
    assert.isUndefined(Operation.fromTarget("GET", "/foundation-models/%ZZ"))
  })

  it("names the method of a known path, and the operations for an unknown one", () => {
    assert.strictEqual(
      Operation.unknown("GET", "/model/a/converse?x=1"),
      "Unknown operation: GET /model/a/converse. Converse is POST /model/a/converse."
    )
    assert.strictEqual(
      Operation.unknown("POST", "/inference-profiles"),
      "Unknown operation: POST /inference-profiles. ListInferenceProfiles is GET /inference-profiles."
    )
    assert.include(Operation.unknown("POST", "/model/a/start"), "converse-stream")
    assert.isBelow(Operation.unknown("POST", `/${"x".repeat(9_999)}`).length, 600)
  })
})
