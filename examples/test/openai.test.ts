import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as OpenAi from "../openai.ts"
import * as Example from "./Example.ts"

describe("openai", () => {
  it.live("streams, runs a tool, decodes a value with an optional member, and embeds", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(OpenAi.main)
      assert.match(output, /^A potato and leek soup, in half an hour\.$/m)
      assert.match(output, /^Potato and leek soup, 30 minutes \(\d+ tokens\)$/m)
      const [, stew, cake] = /^soup and stew: ([\d.]+), soup and cake: ([\d.-]+)$/m.exec(output) ?? []
      assert.isAbove(Number(stew), Number(cake))
    }))
})
