import { assert, describe, it } from "@effect/vitest"
import { TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import { type Calls, fields } from "../../core/test/support/AnyCalls.ts"
import * as AnyValue from "../../core/test/support/AnyValue.ts"
import { Retrieval } from "../src/index.ts"

const passage = { text: "A stratum is a layer.", title: "Stratum", details: "rock" }

const passages = (any: never) => [any, [any], ...fields(["text", "title", "details"], any).map((field) => [field])]

/** Searches in what a call found. */
const searched = (make: ReturnType<typeof Retrieval.make>) =>
  Effect.flatMap(make, ({ search, searchWords }) => Effect.andThen(search("stratum"), searchWords("stratum")))

const calls: Readonly<Record<string, Calls>> = {
  make: (any) => passages(any).map((passages) => () => searched(Retrieval.make(passages as never))),
  embed: (any) => passages(any).map((passages) => () => Retrieval.embed(passages as never)),
  fromEmbedded: (any) =>
    [
      any,
      [any],
      [{ value: any, embedding: { vector: [1] } }],
      [{ value: passage, embedding: any }],
      [{ value: passage, embedding: { vector: any } }]
    ].map((embedded) => () => searched(Retrieval.fromEmbedded(embedded as never))),
  search: (any) =>
    (["search", "searchWords"] as const).flatMap((name) =>
      [[any], ["stratum", any], ["stratum", { limit: any }]].map((args) => () =>
        Effect.flatMap(index, (index) => {
          const search: (...args: ReadonlyArray<never>) => Effect.Effect<unknown, unknown> = index[name]
          return search(...args as ReadonlyArray<unknown> as ReadonlyArray<never>)
        })
      )
    )
}

/** Words are all that counts here. */
const index = Retrieval.fromEmbedded([{ value: passage, embedding: { vector: new Float32Array(64) } }])

describe("Every public function of Retrieval", () => {
  it("is tested here", () => {
    assert.deepStrictEqual(Object.keys(Retrieval).sort(), Object.keys(calls).filter((name) => name !== "search").sort())
  })

  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any), [])
      }).pipe(Effect.provide(TestEmbedding.layer()), Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }
})
