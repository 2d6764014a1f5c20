/**
 * A program that asks through a `ManagedRuntime` and does not dispose it, as scripts do.
 *
 * Run as a program it prints what was answered and has nothing more to do; imported, it starts that program.
 */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"
import * as ChatService from "../../src/chat/ChatService.ts"
import * as EmbeddingService from "../../src/embedding/EmbeddingService.ts"
import * as Breaker from "../../src/policy/Breaker.ts"
import * as Budget from "../../src/policy/Budget.ts"
import * as Concurrency from "../../src/policy/Concurrency.ts"
import * as Policy from "../../src/policy/Policy.ts"
import * as Pricing from "../../src/policy/Pricing.ts"
import * as Quota from "../../src/policy/Quota.ts"
import * as TestChat from "../../src/testing/TestChat.ts"
import * as TestEmbedding from "../../src/testing/TestEmbedding.ts"

/** Starts the program; its standard output and how it ends. */
export const spawn = ChildProcess.make(process.execPath, [import.meta.filename])

const policy = Policy.make({
  breaker: Breaker.consecutive(5),
  quota: Quota.tokens({ perMinute: 1_000_000 }),
  concurrency: Concurrency.adaptive(),
  hedge: Duration.minutes(1),
  timeouts: { deadline: Duration.minutes(10) }
})
const budget = Budget.make({ name: "undisposed", perDay: 1 })

const services = Layer.mergeAll(
  TestChat.layer(["Hello"]).pipe(
    ChatService.withPolicy(policy),
    ChatService.withBudget(budget),
    ChatService.withFallback([TestChat.layer(["Hello"])]),
    ChatService.withCache()
  ),
  TestEmbedding.layer().pipe(
    EmbeddingService.withPolicy(policy),
    EmbeddingService.withBudget(budget),
    EmbeddingService.withCache()
  )
).pipe(Layer.provide(Pricing.layer([{ model: "test-*", price: { input: 1, output: 2 } }])))

const program = Effect.gen(function*() {
  yield* Stream.runDrain(ChatService.stream({ messages: "Hi", maxTokens: 10 }))
  yield* EmbeddingService.embed("Hi")
  yield* Console.log(yield* ChatService.text({ messages: "Hi", maxTokens: 10 }))
})

if (import.meta.main) await ManagedRuntime.make(services).runPromise(program)
