/**
 * Interrupts every operation under every part of a policy after different numbers of steps: nothing may be left behind.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import * as Breaker from "@strata/core/policy/Breaker"
import * as Budget from "@strata/core/policy/Budget"
import * as Concurrency from "@strata/core/policy/Concurrency"
import * as Policy from "@strata/core/policy/Policy"
import * as Pricing from "@strata/core/policy/Pricing"
import * as Quota from "@strata/core/policy/Quota"
import * as RetryBudget from "@strata/core/policy/RetryBudget"
import type * as ProviderError from "@strata/core/ProviderError"
import * as RerankService from "@strata/core/rerank/RerankService"
import * as Ledger from "@strata/core/state/Ledger"
import * as ToolLoop from "@strata/core/tool/ToolLoop"
import * as Usage from "@strata/core/Usage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatFixture from "../ChatFixture.ts"
import * as RerankProbe from "../RerankProbe.ts"
import * as ToolFixture from "../ToolFixture.ts"
import * as Simulation from "./Simulation.ts"

type Services = ChatService.ChatService | EmbeddingService.EmbeddingService | RerankService.RerankService

/**
 * - `rival`: whether an equal operation is under way when the one to be interrupted begins, which then has to wait.
 * - `failing`: whether every other call of the provider fails.
 * - `opened`: whether the circuit was opened, so that the operation is the one call that tries it again.
 */
interface Part {
  readonly policy?: Policy.Options
  readonly budget?: boolean
  readonly rival?: boolean
  readonly failing?: boolean
  readonly opened?: boolean
}

const retry = Schedule.max([Schedule.spaced("10 millis"), Schedule.recurs(3)])

const parts: Readonly<Record<string, Part>> = {
  "a fixed concurrency": { policy: { concurrency: 1 }, rival: true },
  "an adaptive concurrency": { policy: { concurrency: Concurrency.adaptive({ initial: 1, max: 1 }) }, rival: true },
  "a quota": { policy: { quota: Quota.tokens({ perMinute: 2000 }) }, rival: true },
  "a breaker": { policy: { breaker: Breaker.consecutive(1, { open: "1 second" }) }, opened: true },
  "hedging": { policy: { hedge: "2 millis" } },
  "retries": {
    policy: { retry, retryBudget: RetryBudget.make({ reserve: 1, share: 0.1, perSecond: 50 }) },
    failing: true
  },
  "a budget": { budget: true },
  "everything": {
    policy: {
      retry,
      hedge: "2 millis",
      breaker: Breaker.consecutive(100),
      quota: Quota.tokens({ perMinute: 2000 }),
      concurrency: 2,
      timeouts: { deadline: "10 minutes" }
    },
    budget: true,
    failing: true
  }
}

const operations: Readonly<Record<string, Operation>> = {
  generate: ChatService.generate({ messages: "Hi", maxTokens: 100 }),
  stream: Stream.runDrain(ChatService.stream({ messages: "Hi", maxTokens: 100 })),
  "two at once": Effect.andThen(
    Effect.forEach(["Hi", "Ho"], (messages) => Effect.exit(ChatService.generate({ messages, maxTokens: 100 })), {
      concurrency: 2
    }),
    ChatService.generate({ messages: "Hi", maxTokens: 100 })
  ),
  object: ChatService.object(Schema.Struct({ n: Schema.Finite }), { messages: "Hi", maxTokens: 100 }),
  "a tool loop": ToolLoop.run({ messages: "Hi", maxTokens: 100 }, { tools: [ToolFixture.echo] }),
  embed: EmbeddingService.embed("a 1"),
  embedMany: EmbeddingService.embedMany(["a 1", "a 2", "a 3"]),
  embedEach: EmbeddingService.embedEach(["a 1", "a 2"]),
  embedStream: Stream.runDrain(EmbeddingService.embedStream(Stream.make("a 1", "a 2"))),
  rerank: RerankService.rerank("a", ["b 1", "b 2"])
}

const usage = Usage.make({ inputTokens: 5, outputTokens: 5 })

const answer = (request: ChatRequest.Resolved): ChatResponse.ChatResponse => {
  const isAsking = (request.tools?.length ?? 0) > 0 && request.messages.at(-1)?.role === "user"
  return ChatResponse.make(
    isAsking ? [ToolFixture.call("call-1", "echo", { text: "Hi" })] : [{ type: "text", text: "{\"n\":1}" }],
    { finishReason: isAsking ? "tool-calls" : "stop", usage, model: request.model, providerMetadata: {} }
  )
}

/** A ledger of its own that knows what it was asked for. */
const makeLedger = () => {
  const memory = Context.get(Effect.runSync(Effect.scoped(Layer.build(Ledger.layerMemory))), Ledger.Ledger)
  const limits = new Map<string, ReadonlyArray<Ledger.Limit>>()
  const ledger: Ledger.Ledger = {
    ...memory,
    reserve: (reservation) => {
      limits.set(reservation.key, reservation.limits)
      return memory.reserve(reservation)
    }
  }
  const reserved = Effect.map(
    Effect.forEach([...limits], ([key, limits]) => memory.balances(key, limits)),
    (balances) => balances.flat().reduce((sum, { reserved }) => sum + reserved, 0)
  )
  return { ledger, reserved: () => Effect.suspend(() => reserved) }
}

/** The services of a provider whose calls take five milliseconds, under a part of a policy. */
const makeWorld = (part: Part, maxOps: number) => {
  const simulation = Simulation.make(maxOps)
  const { ledger, reserved } = makeLedger()
  let calls = 0
  let inFlight = 0
  const open = Effect.acquireRelease(
    Effect.sync(() => {
      inFlight++
      return part.failing === true ? calls++ % 2 === 0 : part.opened === true && calls++ === 0
    }),
    () => Effect.sync(() => inFlight--)
  )
  const opened = Effect.flatMap(
    open,
    (fails) => fails ? Effect.delay(Effect.fail(ChatFixture.errors.ConnectionError), 5) : Effect.void
  )
  const work = <A>(answer: () => Effect.Effect<A, ProviderError.CallError>) =>
    Effect.scoped(Effect.flatMap(opened, () => Effect.delay(Effect.suspend(answer), 5)))

  const policy = Policy.make({ ...Policy.none, retryBudget: "unlimited", ...part.policy })
  const budget = Budget.make({ perRun: 1_000_000 })
  const chat = Layer.effect(
    ChatService.ChatService,
    ChatService.make({
      provider: "test.provider",
      defaultModel: "test-model",
      generate: (request) => work(() => Effect.succeed(answer(request))),
      stream: (request) =>
        Stream.unwrap(Effect.as(
          opened,
          Stream.make(ChatFixture.delta("a"), ChatFixture.delta("b"), {
            ...ChatFixture.finish,
            usage,
            model: request.model
          })
            .pipe(
              Stream.rechunk(1),
              Stream.mapEffect((event) => Effect.delay(Effect.succeed(event), 2))
            )
        ))
    })
  ).pipe(ChatService.withPolicy(policy))
  const embedding = Layer.effect(
    EmbeddingService.EmbeddingService,
    EmbeddingService.make({
      provider: "test.provider",
      defaultModel: "test-model",
      limits: () => Effect.succeed({ maxItems: 1, maxLength: 100 }),
      embedBatch: ({ inputs }) =>
        work(() => Effect.succeed({ vectors: inputs.map(() => Float32Array.of(1)), inputTokens: 5 }))
    })
  ).pipe(EmbeddingService.withPolicy(policy))
  const rerank = Layer.effect(
    RerankService.RerankService,
    RerankService.make({
      provider: "test.provider",
      defaultModel: "test-model",
      rerank: (request) => work(() => RerankProbe.numbered(request)),
      policy
    })
  )
  const layer = part.budget === true
    ? Layer.mergeAll(ChatService.withBudget(chat, budget), EmbeddingService.withBudget(embedding, budget), rerank)
    : Layer.mergeAll(chat, embedding, rerank)

  const base = Context.make(Ledger.Ledger, ledger).pipe(
    Context.add(References.MaxOpsBeforeYield, maxOps),
    Context.add(Logger.CurrentLoggers, new Set()),
    Context.add(Pricing.Prices, [{ model: "test-*", price: { input: 1, output: 2 } }])
  )
  const scope = Effect.runSync(Scope.make())
  const built = simulation.run(Layer.buildWithScope(layer, scope), base)
  if (built === undefined || !Exit.isSuccess(built)) throw new Error("the services cannot be built")
  const context = Context.merge(base, built.value)
  if (part.opened === true) {
    simulation.run(ChatService.generate("Hi"), context)
    simulation.run(EmbeddingService.embed("a 1"), context)
    simulation.run(RerankService.rerank("a", ["b 1"]), context)
    simulation.run(Effect.sleep("5 seconds"), context)
  }
  simulation.drain()
  const idle = { fibers: simulation.fibers(), timers: simulation.timers() }

  return {
    start: (operation: Effect.Effect<unknown, unknown, Services>) => simulation.start(operation, context),
    step: simulation.step,
    ends: (fiber: Fiber.Fiber<unknown, unknown>) => {
      while (fiber.pollUnsafe() === undefined) if (!simulation.step()) return undefined
      return fiber.pollUnsafe()
    },
    run: (operation: Effect.Effect<unknown, unknown, Services>) => simulation.run(operation, context),
    /** What is reserved although no operation is running. */
    leftovers: () => {
      simulation.drain()
      const left = Effect.runSync(reserved() as Effect.Effect<number>)
      const calls = inFlight
      // Gauges are read once more within a second.
      if (simulation.fibers() > idle.fibers) simulation.run(Effect.sleep("5 seconds"), context)
      return [
        ...(calls === 0 ? [] : [`${calls} calls`]),
        ...(left === 0 ? [] : [`${left} reserved`]),
        ...(simulation.fibers() <= idle.fibers ? [] : [`${simulation.fibers() - idle.fibers} fibers`]),
        ...(simulation.timers() <= idle.timers ? [] : [`${simulation.timers() - idle.timers} timers`])
      ]
    },
    close: () => {
      simulation.run(Scope.close(scope, Exit.void), base)
      simulation.drain()
      return [
        ...(simulation.fibers() === 0 ? [] : [`${simulation.fibers()} fibers`]),
        ...(simulation.timers() === 0 ? [] : [`${simulation.timers()} timers`])
      ]
    }
  }
}

type Operation = Effect.Effect<unknown, unknown, Services>

/** Steps of an operation that is left alone. */
const stepsOf = (operation: Operation, part: Part, maxOps: number) => {
  const world = makeWorld(part, maxOps)
  if (part.rival === true) world.start(operation)
  const fiber = world.start(operation)
  let steps = 0
  while (fiber.pollUnsafe() === undefined && world.step()) steps++
  return steps
}

/**
 * Interrupts an operation after different numbers of steps, and returns what that leaves behind. Each `maxOps` begins at
 * another step, so that together they cover an operation evenly.
 */
const sweep = (operation: Operation, part: Part, maxOps: number) => {
  const all = stepsOf(operation, part, maxOps)
  const stride = Math.ceil(all / looks)
  let world = makeWorld(part, maxOps)
  for (let steps = Math.floor(stride * (maxOps % everyOps.length) / everyOps.length); steps < all; steps += stride) {
    if (part.opened === true) world = makeWorld(part, maxOps)
    const rival = part.rival === true ? world.start(operation) : undefined
    const fiber = world.start(operation)
    for (let step = 0; step < steps && fiber.pollUnsafe() === undefined; step++) {
      if (!world.step()) return `hangs after ${steps} steps`
    }
    fiber.interruptUnsafe()
    if (world.ends(fiber) === undefined) return `does not end when interrupted after ${steps} steps`
    if (rival !== undefined && world.ends(rival)?._tag !== "Success") return `stops its rival after ${steps} steps`
    const left = world.leftovers()
    if (left.length > 0) return `leaves ${left.join(" and ")} after ${steps} steps`
    // A circuit that was being tried is tried again.
    if (part.opened === true && world.run(Effect.retry(operation, again))?._tag !== "Success") {
      return `keeps the circuit open after ${steps} steps`
    }
  }
  if (world.run(Effect.retry(operation, again))?._tag !== "Success") return "cannot be repeated"
  const left = world.close()
  return left.length > 0 ? `leaves ${left.join(" and ")} when its layer is gone` : undefined
}

/** Interruptions for each number of operations. */
const looks = 4

const again = Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(9)])

/** Numbers of operations after which a fiber yields. */
export const everyOps = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

/** The tests, with some of {@link everyOps}. */
export const suite = (tried: ReadonlyArray<number>) =>
  describe("An operation that is interrupted", () => {
    describe.each(Object.entries(operations))("%s", (_, operation) => {
      it.each(Object.entries(parts))("leaves nothing reserved, under %s", (_, part) => {
        const found = tried.flatMap((maxOps) => {
          const problem = sweep(operation, part, maxOps)
          return problem === undefined ? [] : [`with ${maxOps} operations: ${problem}`]
        })
        assert.isEmpty(found, found.join("\n"))
      })
    })
  })
