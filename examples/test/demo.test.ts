import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import { Retrieval } from "@strata/local"
import { Effect } from "effect"
import * as Documentation from "../src/Documentation.ts"
import * as Questions from "./demo/Questions.ts"

describe("demo", () => {
  it.effect("finds the module that answers a question by its words", () =>
    Effect.gen(function*() {
      const documents = yield* Documentation.chunks
      // Words are all that counts here.
      const index = yield* Retrieval.fromEmbedded(
        documents.map((value) => ({ value, embedding: { vector: new Float32Array([1]) } }))
      )
      const rightFirst = (questions: ReadonlyArray<Questions.Question>) =>
        Effect.map(
          Effect.filter(
            questions,
            ({ module, question }) =>
              Effect.map(index.searchWords(question), ([best]) => best?.passage.source === module)
          ),
          ({ length }) => length
        )
      assert.isAtLeast(yield* rightFirst(Questions.tuned), 15)
      assert.isAtLeast(yield* rightFirst(Questions.heldOut), 8)
    }).pipe(Effect.provide([TestEmbedding.layer(), NodeServices.layer])))
})
