/**
 * The output of a job for one file: lines in another order than the input's, which the service does not promise either.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as AwsError from "../AwsError.ts"
import type * as ObjectStore from "../s3/ObjectStore.ts"

/** - `add`: takes a line. `finish`: writes what is left and makes the file readable. */
export interface Results {
  readonly add: (line: unknown) => Effect.Effect<void, AwsError.AwsError>
  readonly finish: Effect.Effect<void, AwsError.AwsError>
}

/** Lines that wait to be written: when there are more of either, a random one is written. */
const maxWaiting = 256

const maxWaitingBytes = 8_000_000

/** The same lines come in the same order each time, but never in that of the input. */
export const make = (writer: ObjectStore.Writer): Effect.Effect<Results> =>
  Effect.map(Random.withSeed(generator, "results"), (random) => {
    const waiting: Array<Uint8Array> = []
    let size = 0
    let written = 0
    const writeOne = Effect.suspend(() => {
      // the first line must not be the first again
      const first = written++ === 0 && waiting.length > 1 ? 1 : 0
      const at = first + Math.floor(random() * (waiting.length - first))
      const [line = new Uint8Array(0)] = waiting.splice(at, 1)
      size -= line.length
      return writer.append(line)
    })
    const drain = (isOver: () => boolean) =>
      Effect.whileLoop({ while: () => !isOver(), body: () => writeOne, step: () => {} })
    return {
      add: (line) =>
        Effect.suspend(() => {
          const bytes = encoder.encode(`${JSON.stringify(line)}\n`)
          waiting.push(bytes)
          size += bytes.length
          return drain(() => waiting.length <= maxWaiting && (size <= maxWaitingBytes || waiting.length < 2))
        }),
      finish: Effect.andThen(drain(() => waiting.length === 0), Effect.asVoid(writer.complete))
    }
  })

const generator = Effect.map(Random.Random, (random) => () => random.nextDoubleUnsafe())

const encoder = new TextEncoder()
