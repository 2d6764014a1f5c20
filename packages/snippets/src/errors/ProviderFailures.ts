/**
 * A real failure for each tag of `ProviderError`: of a call to an emulator of Bedrock that a fault, a quota, a wrong option or a
 * policy makes fail.
 */
import { BedrockBatch, BedrockChat, BedrockClient } from "@strata/bedrock"
import {
  BatchService,
  Breaker,
  Budget,
  type ChatRequest,
  ChatService,
  Policy,
  Pricing,
  type ProviderError,
  Retry
} from "@strata/core"
import { Emulator, type Fault, Script as Emulators } from "@strata/emulator"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import * as Region from "./Region.ts"

const model = "amazon.nova-lite-v1:0"

interface Setting {
  readonly model?: string
  readonly policy?: Policy.Options
  readonly script?: Emulators.Script
  readonly client?: BedrockClient.Options
  readonly faults?: ReadonlyArray<Fault.Fault>
}

/** What a program with a chat service in us-east-1 fails with. */
const failing = <E>(
  program: Effect.Effect<unknown, E, ChatService.ChatService | Emulator.Emulator>,
  { client, faults = [], model: named = model, policy, script }: Setting = {}
) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    for (const fault of faults) yield* emulator.inject(fault)
    return yield* program
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        BedrockChat.layer({ model: named, policy: Policy.make({ retry: Retry.never, ...policy }) }),
        Region.layer(script, client)
      )
    )
  )

const request: ChatRequest.ChatRequest = { messages: "Why is the sky blue?", maxTokens: 200 }

const ask = ChatService.generate(request)

const read = Stream.runDrain(ChatService.stream(request))

const exception = (exception: Extract<Fault.Fault, { readonly type: "exception" }>["exception"]): Fault.Fault => ({
  type: "exception",
  exception
})

/** The second of two jobs, where one may be open. */
const secondJob = Effect.gen(function*() {
  const { client } = yield* Emulator.Emulator
  const { endpoint } = client
  const jobs = BedrockBatch.layer({
    model: "amazon.titan-embed-text-v2:0",
    input: "s3://data/in/",
    output: "s3://data/out/",
    roleArn: "arn:aws:iam::123456789012:role/batch",
    endpoint,
    s3: { endpoint, forcePathStyle: true }
  }).pipe(Layer.provide(BedrockClient.layer(client)))
  const submit = (name: string) =>
    BatchService.submit({
      name,
      kind: "embedding",
      lines: Stream.mapEffect(
        Stream.range(1, 100),
        (number) =>
          Effect.map(
            BatchService.prepare({ recordId: `R${String(number).padStart(10, "0")}`, embedding: "blue" }),
            ({ line }) => line
          )
      )
    })
  return yield* Effect.provide(Effect.andThen(submit("first"), submit("second")), jobs)
}).pipe(Effect.provide(Emulators.layerEmulator([], {
  s3: { buckets: ["data"] },
  batch: { maxQueued: 1, submitted: "1 hour" }
})))

const cheap = Layer.provide(
  ChatService.withBudget(BedrockChat.layer({ model }), Budget.make({ name: "trial", perDay: 0.00001 })),
  Pricing.layer([{ model, price: { input: 0.06, output: 0.24 } }])
)

export const failures: {
  readonly [Tag in ProviderError.ProviderError["_tag"]]: Effect.Effect<unknown, unknown>
} = {
  AuthenticationError: failing(ask, {
    client: { credentials: { accessKeyId: "AKIAIOSFODNN7OLDKEY1", secretAccessKey: Redacted.make("expired") } }
  }),
  PermissionDeniedError: failing(ask, { faults: [exception("AccessDeniedException")] }),
  InvalidRequestError: failing(ChatService.generate({ ...request, temperature: 3 })),
  ContextLengthExceededError: failing(ChatService.generate({ ...request, messages: "blue ".repeat(400_000) })),
  ModelNotFoundError: failing(ask, { model: "amazon.nova-light-v1:0" }),
  UnsupportedFeatureError: failing(ChatService.generate({ ...request, reasoning: { effort: "high" } })),
  RateLimitError: failing(ask, { faults: [{ type: "throttle", unit: "tokens", retryAfter: "30 seconds" }] }),
  QuotaExceededError: failing(ask, { faults: [exception("ServiceQuotaExceededException")] }),
  ModelUnavailableError: failing(ask, { faults: [exception("ModelNotReadyException")] }),
  ProviderInternalError: failing(ask, { faults: [exception("InternalServerException")] }),
  ModelFailedError: failing(ask, { faults: [exception("ModelErrorException")] }),
  TimeoutError: failing(ask, { faults: [{ type: "stall" }], policy: { timeouts: { attempt: "200 millis" } } }),
  ConnectionError: failing(ask, { faults: [{ type: "reset", times: 9 }] }),
  StreamInterruptedError: failing(read, { faults: [{ type: "truncateStream", afterEvents: 3 }] }),
  MalformedResponseError: failing(ask, {
    faults: [{ type: "garbage", contentType: "application/json", body: "{\"output\":" }]
  }),
  StructuredOutputError: failing(ChatService.object(Schema.Struct({ color: Schema.String }), request), {
    script: ["{\"colour\": \"blue\"}"]
  }),
  CircuitOpenError: failing(Effect.andThen(Effect.flip(ask), ask), {
    faults: [exception("InternalServerException")],
    policy: { breaker: Breaker.consecutive(1) }
  }),
  BudgetExceededError: Effect.provide(ask, Layer.provide(cheap, Region.layer())),
  QueueFullError: secondJob
}
