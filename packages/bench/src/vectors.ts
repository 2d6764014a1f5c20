/**
 * Exact search over vectors in memory: floats, single bytes and packed bits, on one core.
 */
import type { Embedding } from "@strata/core"
import * as Vector from "@strata/core/embedding/Vector"
import { Clock, Console, Effect, Random } from "effect"
import * as Table from "./Table.ts"

const rounds = 9

/** The median of the milliseconds a search takes, after it has run a few times. */
const median = Effect.fnUntraced(function*<A, E>(search: Effect.Effect<A, E>) {
  yield* Effect.repeat(search, { times: 2 })
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const start = yield* Clock.currentTimeNanos
    yield* search
    const end = yield* Clock.currentTimeNanos
    times.push(Number(end - start) / 1e6)
  }
  return times.sort((self, that) => self - that)[rounds >> 1]!.toFixed(1)
})

/** Rows of random bytes, or of numbers made of them. */
const random = Effect.fnUntraced(function*<V extends Embedding.Vector>(data: V, dimensions: number) {
  let state = yield* Random.nextIntBetween(1, 2 ** 31)
  for (let index = 0; index < data.length; index++) {
    // xorshift32: a hundred million numbers one effect each would take longer than everything else here.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    data[index] = data instanceof Float32Array ? state / 2 ** 31 : state
  }
  const rows = data.length / dimensions
  const vectors = Array.from({ length: rows }, (_, row) => data.subarray(row * dimensions, (row + 1) * dimensions))
  return {
    built: yield* Effect.fromResult(Vector.matrix(dimensions, vectors)),
    query: data.slice(0, dimensions)
  }
})

const numbers = Effect.fnUntraced(function*(name: string, data: Float32Array | Int8Array, dimensions: number) {
  const { built, query } = yield* random(data, dimensions)
  const search = (matrix: Vector.Matrix, metric: "dot" | "cosine") =>
    median(Effect.suspend(() => Effect.fromResult(Vector.topK(matrix, query, 10, { metric }))))
  return [
    name,
    yield* search(built, "dot"),
    yield* search(built, "cosine")
  ]
})

const bits = Effect.fnUntraced(function*(rows: number, bytes: number) {
  const { built, query } = yield* random(new Uint8Array(rows * bytes), bytes)
  const search = Effect.suspend(() => Effect.fromResult(Vector.hammingTopK(built, Uint8Array.from(query), 10)))
  return [`${rows.toLocaleString("en")} × ${bytes} bytes`, yield* median(search)]
})

/** The ten closest of many vectors. */
export const run: Effect.Effect<void, unknown> = Effect.gen(function*() {
  yield* Console.log(Table.render([
    ["the 10 closest, median ms", "dot", "cosine"],
    yield* numbers("100,000 × 1,024 floats", new Float32Array(100_000 * 1024), 1024),
    yield* numbers("100,000 × 1,024 bytes", new Int8Array(100_000 * 1024), 1024)
  ]))
  yield* Console.log("")
  yield* Console.log(Table.render([["the 10 closest, median ms", "Hamming"], yield* bits(1_000_000, 128)]))
})
