import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as EffectAi from "../effect-ai.ts"
import * as Provider from "../src/Provider.ts"
import * as Example from "./Example.ts"

layer(Provider.local, { excludeTestServices: true })("effect-ai", (it) => {
  it.effect("runs the tools of a Toolkit, tells what each answer cost, and stops at the budget", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(EffectAi.main)
      assert.include(output, "get_weather → {\"city\":\"Rome\",\"celsius\":31}")
      assert.include(output, "get_weather → \"No station in Atlantis\"")
      assert.include(output, "It is warmer in Rome than in Oslo; 1 of the 3 cities is unknown to me.")
      assert.match(output, /\(us\.amazon\.nova-lite-v1:0, \d+ tokens, \$0\.00\d+\)/)
      assert.match(output, /^QuotaExhaustedError, since .*budget/m)
    }))
})
