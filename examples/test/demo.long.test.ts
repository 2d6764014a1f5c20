import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { ExtractiveChat, LocalEmbedding, Retrieval } from "@strata/local"
import { Effect, Layer } from "effect"
import * as Demo from "../demo.ts"
import * as Bedrock from "../src/demo/Bedrock.ts"
import * as Screen from "../src/demo/Screen.ts"
import * as Documentation from "../src/Documentation.ts"
import * as Questions from "./demo/Questions.ts"
import * as Example from "./Example.ts"

/** Hashed words stand in for the encoder, which would take the machine's time from what is timed. */
const answering = ExtractiveChat.layer({ threshold: 0, maxSentences: 2 }).pipe(
  Layer.provideMerge(TestEmbedding.layer())
)

describe("demo", () => {
  // A machine that stops for a second shifts what is sent in one window of the quota into the next: hence another try.
  it.live("tells its story: nothing refused, nothing lost, the right sources", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(
        Demo.quiet(Demo.program).pipe(Effect.provide([Bedrock.emulated(answering), Screen.layer]))
      )
      assert.notInclude(output, "\x1b")
      const [, indexing = "", burst = "", outage = "", costs = "", answers = "", summary = ""] = output.split(
        /^\d {2}/m
      )

      const [, requests, refused, share] = /(\d+) requests, (\d+) refused, (\d+) % of the quota/.exec(indexing) ?? []
      assert.isAbove(Number(requests), 50)
      assert.strictEqual(Number(refused), 0)
      // 95 and more where the machine has time for it.
      assert.isAbove(Number(share), 60)

      assert.match(burst, /refused .* 80 times\n/)
      assert.include(burst, "50 answered, 0 failed")

      const [, byFallback] = /60 answered, 0 failed: (\d+) by the fallback/.exec(outage) ?? []
      assert.isAbove(Number(byFallback), 0)
      assert.isBelow(Number(byFallback), 60)

      assert.match(costs, /spent so far {2}\$0\.00\d*[1-9]/)
      assert.include(costs, "BudgetExceededError, a typed error; 0 requests were sent for it")

      const sources = Array.from(answers.matchAll(/from (effect\/\w+)/g), ([, source]) => source)
      assert.deepStrictEqual(sources, ["effect/Schedule", "effect/Pool", "effect/Match"])

      assert.match(
        summary.replace(/\s+/g, " "),
        /80 refused and sent again, \d+ failed in the outage, 0 lost, .*\$0\.\d+/
      )
    }), { timeout: 120_000, retry: 2 })

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
