/** Embedding in segments over S3 and invocations in memory. */
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Invocations from "../../src/segments/Invocations.ts"
import * as Segments from "../../src/segments/service.ts"
import * as MemoryStorage from "./MemoryStorage.ts"

export interface Options {
  readonly states?: ReadonlyArray<Partial<Invocations.Described> | ProviderError.CallError>
  readonly settings?: Partial<Segments.Settings>
  readonly startFailures?: ReadonlyArray<ProviderError.CallError>
}

export const model = "amazon.nova-2-multimodal-embeddings-v1:0"

const described: Invocations.Described = {
  model,
  state: "completed",
  message: undefined,
  output: { bucket: "the-bucket", key: "out/" }
}

const isError = (state: object): state is ProviderError.CallError => "_tag" in state

export const make = ({ settings, startFailures = [], states = [{}] }: Options = {}) => {
  const memory = MemoryStorage.make()
  const started: Array<Invocations.Start> = []
  const byToken = new Map<string, string>()
  let polls = 0
  let starts = 0
  const invocations: Invocations.Invocations = {
    start: (start) =>
      Effect.suspend(() => {
        started.push(start)
        const arn = byToken.get(start.token) ??
          `arn:aws:bedrock:us-east-1:123456789012:async-invoke/id${byToken.size}`
        byToken.set(start.token, arn)
        const failure = startFailures[starts++]
        return failure === undefined ? Effect.succeed(arn) : Effect.fail(failure)
      }),
    get: () =>
      Effect.suspend(() => {
        const state = states[Math.min(polls++, states.length - 1)]!
        return isError(state) ? Effect.fail(state) : Effect.succeed({ ...described, ...state })
      })
  }
  const service = Segments.make({
    invocations,
    storage: memory.storage,
    model,
    output: { bucket: "the-bucket", key: "out/" },
    region: "us-east-1",
    polling: Schedule.spaced("5 seconds"),
    retry: Schedule.recurs(0),
    rangeSize: 1_000,
    ...settings
  })
  return { service, memory, started, invocations: () => byToken.size, polls: () => polls }
}

export const folder = "s3://the-bucket/out/id0/"
