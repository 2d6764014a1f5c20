import { assert, describe, it } from "@effect/vitest"
import { ChatCache, ChatEvent, ChatResponse, ChatService, Pricing, ProviderError, Usage } from "@strata/core"
import * as Budget from "@strata/core/policy/Budget"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as Ledger from "@strata/core/state/Ledger"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { promptTokens, rounded } from "./BudgetFixture.ts"
import { ended } from "./ChatFixture.ts"

/**
 * A stack of decorators, outermost last. `attempts` is what its policy allows; `hedge` sends each attempt twice, since no
 * answer comes before the second goes out.
 */
const Decorator = Schema.Union([
  Schema.Struct({ is: Schema.Literal("policy"), attempts: Schema.Literals([1, 2, 3]), hedge: Schema.Boolean }),
  Schema.Struct({ is: Schema.Literal("budget"), name: Schema.Literals(["a", "b"]) }),
  Schema.Struct({ is: Schema.Literals(["cache", "defaults", "middleware"]) })
])

const Base = Schema.Struct({
  isHandMade: Schema.Boolean,
  attempts: Schema.Literals([1, 2]),
  around: Schema.Array(Decorator).check(Schema.isMaxLength(3))
})

const Stack = Schema.Struct({
  first: Base,
  second: Schema.optional(Base),
  around: Schema.Array(Decorator).check(Schema.isMaxLength(4)),
  fails: Schema.Boolean,
  isStream: Schema.Boolean
})

type Decorator = typeof Decorator.Type
type Base = typeof Base.Type

/** Dollars for a token of each provider: an attempt takes one of the prompt and one of the answer. */
const dollars = [1, 10] as const

const prices = Pricing.layer(
  dollars.map((price, member) => ({ model: `model-${member}`, price: { input: price * 1e6, output: price * 1e6 } }))
)

const request = { messages: "Hi", maxTokens: 1 }

const usage = Usage.make({ inputTokens: 1, outputTokens: 1 })

/** A provider that counts its attempts, each of which takes a second. */
const provider = (member: number, { attempts, isHandMade }: Base, fails: boolean, sent: Array<number>) => {
  const error = new ProviderError.ProviderInternalError({ provider: `provider-${member}`, message: "down" })
  const attempt = Effect.gen(function*() {
    sent[member]!++
    yield* Effect.sleep("1 second")
    return fails
      ? yield* error
      : ChatResponse.make([], { finishReason: "stop", usage, model: `model-${member}`, providerMetadata: {} })
  })
  const functions = {
    generate: () => attempt,
    stream: () =>
      Stream.unwrap(Effect.map(attempt, (response) => Stream.fromIterable(ChatEvent.fromResponse(response))))
  }
  const data = { provider: `provider-${member}`, defaultModel: `model-${member}` }
  return Layer.effect(
    ChatService.ChatService,
    isHandMade
      ? Effect.succeed({ ...data, ...functions })
      : ChatService.make({ ...data, ...functions, policy: policy(attempts, false) })
  )
}

const policy = (attempts: number, hedge: boolean) =>
  Policy.make({
    retry: Retry.exponential({ times: attempts - 1, base: "1 second" }),
    retryBudget: "unlimited",
    hedge: hedge ? Duration.millis(100) : undefined
  })

const decorated = (
  layer: Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError>,
  decorators: ReadonlyArray<Decorator>,
  budgets: Readonly<Record<"a" | "b", Budget.Budget>>
) =>
  decorators.reduce((layer, decorator) => {
    switch (decorator.is) {
      case "policy":
        return ChatService.withPolicy(layer, policy(decorator.attempts, decorator.hedge))
      case "budget":
        return ChatService.withBudget(layer, budgets[decorator.name])
      case "cache":
        // Minutes of the test's clock pass while a digest takes its real time, the more the busier the machine is.
        return ChatService.withCache(layer, { timeToLive: Duration.infinity })
      case "defaults":
        return ChatService.withDefaults(layer, { maxTokens: 1, temperature: 0 })
      case "middleware":
        return ChatService.transform(layer, (chat) =>
          Effect.succeed({
            generate: (request) => chat.generate(request),
            stream: (request) => chat.stream(request)
          }))
    }
  }, layer)

/** The outermost policy that is above a member, or its own; a service made by hand has none. */
const ruleFor = ({ around, attempts, isHandMade }: Base, above: ReadonlyArray<Decorator>) => {
  const policies = [...around, ...above].filter((decorator) => decorator.is === "policy")
  return policies.at(-1) ?? { attempts: isHandMade ? 1 : attempts, hedge: false }
}

describe("A stack of decorators", () => {
  it.effect.prop(
    "makes the attempts of the outermost policy, pays for what was sent, and fails with the innermost cause",
    { stack: Stack },
    ({ stack }) =>
      Effect.gen(function*() {
        const members = stack.second === undefined ? [stack.first] : [stack.first, stack.second]
        const budgets = { a: Budget.make({ perRun: 1e6 }), b: Budget.make({ perRun: 1e6 }) }
        const sent = members.map(() => 0)
        const [first, second] = members.map((base, member) =>
          decorated(provider(member, base, stack.fails, sent), base.around, budgets)
        )
        const layer = decorated(
          second === undefined ? first! : ChatService.withFallback(first!, second),
          stack.around,
          budgets
        )
        const chat = Context.get(yield* Layer.build(Layer.provide(layer, prices)), ChatService.ChatService)
        const call = stack.isStream
          ? Stream.runDrain(chat.stream(request))
          : Effect.asVoid(chat.generate(request))
        const exit = yield* ended(call)
        const rules = members.map((base) => ruleFor(base, stack.around))
        const expected = rules.map(({ attempts, hedge }, member) =>
          (hedge ? 2 : 1) * (stack.fails ? attempts : member === 0 ? 1 : 0)
        )
        assert.deepStrictEqual(sent, expected)
        if (stack.fails) {
          assert.isTrue(Exit.isFailure(exit))
          const error = yield* Effect.flip(exit)
          assert.strictEqual(error._tag, "ProviderInternalError")
          assert.strictEqual(error.provider, `provider-${members.length - 1}`)
        } else assert.isTrue(Exit.isSuccess(exit))

        for (const name of ["a", "b"] as const) {
          const spent = members.reduce((sum, base, member) => {
            const isOn = [...base.around, ...stack.around].some((decorator) =>
              decorator.is === "budget" && decorator.name === name
            )
            return sum + (isOn ? costOf(stack.fails, rules[member]!.hedge, expected[member]!) * dollars[member]! : 0)
          }, 0)
          const { run } = yield* Budget.spent(budgets[name])
          assert.strictEqual(run?.reserved, 0)
          assert.strictEqual(rounded(run?.spent ?? Number.NaN), rounded(spent))
        }

        // What is known is neither sent nor paid again.
        const isCached = !stack.fails && [...stack.first.around, ...stack.around].some(({ is }) => is === "cache")
        if (isCached) {
          assert.isTrue(Exit.isSuccess(yield* ended(call)))
          assert.deepStrictEqual(sent, expected)
        }
      }).pipe(Effect.scoped, Effect.provide([Ledger.layerMemory, ChatCache.layerMemory()])),
    { arbitrary: { runs: 150 } }
  )
})

/** Tokens: two for an answer, the estimated prompt for one that failed or was interrupted. */
const costOf = (fails: boolean, hedge: boolean, attempts: number): number =>
  fails ? attempts * prompt : attempts === 0 ? 0 : 2 + (hedge ? prompt : 0)

const prompt = promptTokens(request)
