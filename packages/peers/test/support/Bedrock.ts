/**
 * An emulator with deterministic models, and helpers that return a client's errors as values.
 */
import { vi } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import type { Fault } from "@strata/emulator"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

export const region = "us-east-1"

export const nova = "amazon.nova-lite-v1:0"
/** Has native JSON schemas and signed reasoning, and is called through an inference profile. */
export const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
/** Has no native JSON schemas. */
export const olderClaude = "us.anthropic.claude-sonnet-4-20250514-v1:0"

/** The example key pair of AWS's documentation. */
export const keys = {
  accessKeyId: Emulator.defaultCredentials.accessKeyId,
  secretAccessKey: Redacted.value(Emulator.defaultCredentials.secretAccessKey)
}

/** The schema of a {@link Place}. */
export const placeSchema = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
  additionalProperties: false
}

/** The JSON the models answer with, and the input of their tool calls. */
export interface Place {
  readonly city: string
}

/** The tool the models call. */
export const weather = ({ city }: Place) => `20 degrees in ${city}`

/** The reasoning of the models. */
const thought: Message.ReasoningPart = { type: "reasoning", text: "Which city?" }

/**
 * "Hello there", of 3 tokens for 7, unless:
 * - the last message is a tool result: its text.
 * - JSON is requested: a {@link Place}.
 * - there are tools: the first is called for each city in the question; without text if a call is forced.
 *
 * A request with reasoning gets a {@link thought} first.
 */
const model: TestChat.Script = (request) => {
  const said = say(request)
  return request.reasoning
    ? { content: [thought, ...said] }
    : { content: said, usage: { inputTokens: 7, outputTokens: 3 } }
}

const say = (
  { messages, responseFormat, toolChoice = "auto", tools = [] }: ChatRequest.Resolved
): ReadonlyArray<Message.TextPart | Message.ToolCallPart> => {
  const last = messages.at(-1)
  if (last?.role === "tool") {
    const results = last.content.map(({ parts, result }) =>
      typeof result === "string" ? result : (parts ?? []).map((part) => part.type === "text" ? part.text : "").join("")
    )
    return [Message.text(`It is ${results.join(" and ")}.`)]
  }
  if (responseFormat?.type === "json") return [Message.text(`{"city":"Paris"}`)]
  const [tool] = tools
  if (tool === undefined) return [Message.text("Hello there")]
  const cities = (last === undefined ? "" : Message.textOf(last)).match(/Paris|Rome/g) ?? ["Paris"]
  const calls = cities.map((city, index) => ({
    type: "tool-call" as const,
    id: `tooluse_${index}`,
    name: tool.name,
    params: { city }
  }))
  return toolChoice === "auto" ? [Message.text("Let me look."), ...calls] : calls
}

/** Blocks "bomb". */
const guardrail = { id: "abc123", words: ["bomb"], blockedInput: "Not that." }

/** How a request names the guardrail. */
export const guardrailConfig = {
  guardrailIdentifier: guardrail.id,
  guardrailVersion: "DRAFT",
  trace: "enabled"
} as const

/** An API key in the environment takes precedence over configured credentials. */
const withoutApiKey = Layer.effectDiscard(Effect.acquireRelease(
  Effect.sync(() => vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined)),
  () => Effect.sync(() => vi.unstubAllEnvs())
))

export const layer = (options?: Emulator.Options) =>
  Emulator.layer({ guardrails: [guardrail], ...options }).pipe(
    Layer.provide(Layer.mergeAll(TestChat.layer(model), TestEmbedding.layer({ dimensions: 8 }), withoutApiKey))
  )

/** Injects a fault. */
export const inject = (fault: Fault.Fault) => Emulator.Emulator.use((emulator) => emulator.inject(fault))

/** The result of an effect, and the number of requests during it. */
export const counted = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const { statistics } = yield* Emulator.Emulator
  const before = (yield* statistics).requests
  const result = yield* effect
  return [result, (yield* statistics).requests - before] as const
})

class Thrown extends Data.TaggedError("Thrown")<{ readonly error: unknown }> {}

/** Runs a promise of the client. */
export const attempt = <A>(ask: (signal: AbortSignal) => PromiseLike<A>): Effect.Effect<A, Thrown> =>
  Effect.tryPromise({ try: ask, catch: (error) => new Thrown({ error }) })

/** The error a promise of the client rejects with; fails if it resolves. */
export const thrownBy = <A>(ask: (signal: AbortSignal) => PromiseLike<A>) =>
  Effect.map(Effect.flip(attempt(ask)), ({ error }) => error)

/** The events of a stream, and the error that ended it, if any. */
export const read = <A>(open: (signal: AbortSignal) => PromiseLike<AsyncIterable<A> | undefined>) =>
  Effect.suspend(() => {
    const events: Array<A> = []
    return attempt(async (signal) => {
      for await (const event of await open(signal) ?? []) events.push(event)
    }).pipe(
      Effect.map(() => ({ events, error: undefined })),
      Effect.catchTag("Thrown", ({ error }) => Effect.succeed({ events, error }))
    )
  })
