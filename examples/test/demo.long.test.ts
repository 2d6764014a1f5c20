import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { LocalEmbedding, Retrieval } from "@strata/local"
import { Effect } from "effect"
import * as Documentation from "../src/Documentation.ts"
import * as Questions from "./demo/Questions.ts"
import * as Example from "./Example.ts"

describe("demo", () => {
  it.live("runs by itself, with the models of this machine", () =>
    Effect.gen(function*() {
      const output = yield* Example.node("demo.ts", "--plain")
      assert.match(output, /81 requests, 0 refused, \d+ % of the quota used/)
      assert.include(output, "50 answered, 0 failed")
      assert.include(output, "60 answered, 0 failed")
      assert.include(output, "[effect/Schedule]")
      assert.include(output, "[effect/Pool]")
      assert.include(output, "[effect/Match]")
      assert.include(output, "0 lost")
    }), 300_000)

  it.live("finds the module that answers a question by words and meaning", () =>
    Effect.gen(function*() {
      const index = yield* Retrieval.make(yield* Documentation.chunks)
      const rightFirst = (questions: ReadonlyArray<Questions.Question>) =>
        Effect.map(
          Effect.filter(
            questions,
            ({ module, question }) => Effect.map(index.search(question), ([best]) => best?.passage.source === module)
          ),
          ({ length }) => length
        )
      assert.isAtLeast(yield* rightFirst(Questions.tuned), 15)
      assert.isAtLeast(yield* rightFirst(Questions.heldOut), 8)
    }).pipe(Effect.provide([LocalEmbedding.layer(), NodeServices.layer])), 300_000)
})
