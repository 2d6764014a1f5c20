/** Embeds in segments, over asynchronous invocations and S3. */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as JobFailure from "../batch/JobFailure.ts"
import { providerName } from "../internal/provider.ts"
import type * as Download from "../storage/Download.ts"
import * as Location from "../storage/Location.ts"
import type { Described, Invocations, Start } from "./Invocations.ts"
import * as Output from "./Output.ts"
import * as Request from "./Request.ts"

/** `arn`: by which any process finds it again. */
export interface Invocation extends Pick<Described, "model" | "state"> {
  readonly arn: string
  readonly failure?: ProviderError.SubmitError | undefined
}

/** See `BedrockAsync`. */
export interface Service {
  readonly start: (request: Request.Request) => Effect.Effect<Invocation, ProviderError.CallError>
  readonly status: (arn: string) => Effect.Effect<Invocation, ProviderError.CallError>
  readonly resume: (arn: string) => Stream.Stream<Output.Segment, ProviderError.CallError>
  readonly embedSegments: (request: Request.Request) => Stream.Stream<Output.Segment, ProviderError.CallError>
}

/** After 5 seconds, growing to 1 minute, with jitter. */
export const standardPolling: Schedule.Schedule<unknown> = Schedule.jittered(
  Schedule.min([Schedule.exponential("5 seconds", 1.5), Schedule.spaced("1 minute")])
)

export interface Settings
  extends Request.Settings, Pick<Start, "bucketOwner" | "kmsKey" | "tags">, Pick<Download.Options, "rangeSize">
{
  readonly invocations: Invocations
  readonly polling: Schedule.Schedule<unknown>
  readonly region: string | undefined
}

export const make = (settings: Settings): Service => {
  const { invocations, output, polling, region, retry, storage } = settings
  const get = (arn: string) =>
    Effect.flatMap(
      Check.run(Check.filled, arn, { provider: providerName, field: "arn" }),
      (arn) => Effect.retry(invocations.get(arn), retry)
    )
  const failureOf = ({ message = "", model, state }: Described) =>
    state === "failed" ? JobFailure.of(message, { model, region }) : undefined

  const start: Service["start"] = Effect.fnUntraced(function*(request) {
    const { bucketOwner, kmsKey, tags } = settings
    const encoded = yield* Request.encode(settings, request)
    const arn = yield* Effect.retry(
      invocations.start({ ...encoded, output, bucketOwner, kmsKey, tags }),
      retry
    )
    return { arn, model: encoded.model, state: "running" }
  })

  /** An invocation that is over; polls that fail transiently change nothing. */
  const over = (arn: string) =>
    Effect.repeat(
      Effect.catch(get(arn), (error) => ProviderError.isTransient(error) ? Effect.undefined : Effect.fail(error)),
      { schedule: polling, until: (described) => described !== undefined && described.state !== "running" }
    )

  const resume: Service["resume"] = (arn) =>
    Stream.unwrap(Effect.gen(function*() {
      const described = yield* over(arn)
      if (described === undefined || described.state === "running") return yield* running(arn)
      const failure = failureOf(described)
      if (failure !== undefined) return yield* failure._tag === "QueueFullError" ? quota(failure) : Effect.fail(failure)
      const folder = folderOf(described.output ?? output, arn)
      return Output.read(storage, folder, { model: described.model, region }, settings)
    }))

  return {
    start,
    status: (arn) =>
      Effect.map(get(arn), (described): Invocation => {
        const failure = failureOf(described)
        return { arn, model: described.model, state: described.state, ...(failure !== undefined && { failure }) }
      }),
    resume,
    embedSegments: (request) => Stream.unwrap(Effect.map(start(request), ({ arn }) => resume(arn)))
  }
}

/** The service gives the folder of all invocations, or that of this one. */
const folderOf = ({ bucket, key }: Location.Location, arn: string): Location.Location => {
  const id = arn.slice(arn.lastIndexOf("/") + 1)
  const folder = key === "" || key.endsWith("/") ? key : `${key}/`
  return { bucket, key: folder.endsWith(`${id}/`) ? folder : `${folder}${id}/` }
}

/** Too much work at once is not of one job here. */
const quota = ({ message, model, provider, providerMessage }: ProviderError.QueueFullError) =>
  new ProviderError.RateLimitError({ provider, model, message, providerMessage })

/** The schedule of polls ended. */
const running = (arn: string) =>
  new ProviderError.TimeoutError({
    provider: providerName,
    phase: "deadline",
    message: `invocation ${arn}: it is not over. It goes on: \`resume\` it later.`
  })
