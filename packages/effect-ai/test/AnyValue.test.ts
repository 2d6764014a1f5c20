/** Calls every public function with any values: each has an answer or a typed error. */
import { assert, describe, it } from "@effect/vitest"
import { ChatService, EmbeddingService, Policy } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Effect, Layer, References, Schema, Stream } from "effect"
import { DecisionModel, EmbeddingModel, LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import * as AnyValue from "../../core/test/support/AnyValue.ts"
import {
  EffectAiChat,
  EffectAiEmbedding,
  EffectAiTools,
  StrataAiError,
  StrataDecisionModel,
  StrataEmbeddingModel,
  StrataLanguageModel,
  StrataMetadata
} from "../src/index.ts"

const doubles = Layer.merge(TestChat.layer(() => "Hello"), TestEmbedding.layer())

const models = Layer.mergeAll(StrataLanguageModel.layer(), StrataEmbeddingModel.layer(), StrataDecisionModel.layer())
  .pipe(
    Layer.provideMerge(doubles)
  )

const echo = Tool.make("echo", {
  parameters: Schema.Struct({ text: Schema.String }),
  success: Schema.Unknown,
  failure: Schema.Unknown,
  failureMode: "return"
})
const kit = Toolkit.make(echo)
const handlers = kit.toLayer({ echo: ({ text }) => Effect.succeed(text) })

const ask = (options: object) => [
  () => LanguageModel.generateText(options as { readonly prompt: string }),
  () => LanguageModel.streamText(options as { readonly prompt: string }),
  () => LanguageModel.generateObject({ schema: Schema.Struct({}), ...options } as never)
]

const over = <A>(layer: Layer.Layer<A, unknown, never>, effect: Effect.Effect<unknown, unknown, A>) =>
  Effect.provide(effect, layer as Layer.Layer<A>)

const part = (any: unknown) => ({ type: "text", text: "x", options: { strata: any } })

const calls: Readonly<Record<string, (any: never) => ReadonlyArray<() => unknown>>> = {
  "the options of a model": (any: never) => [
    () => over(Layer.provide(StrataLanguageModel.layer(any), doubles), LanguageModel.generateText({ prompt: "x" })),
    () =>
      over(
        Layer.provide(StrataLanguageModel.model("p", "m", any), doubles),
        LanguageModel.generateText({ prompt: "x" })
      ),
    () =>
      over(Layer.provide(StrataLanguageModel.model(any, any), doubles), LanguageModel.generateText({ prompt: "x" })),
    () => StrataLanguageModel.withOptions(LanguageModel.generateText({ prompt: "x" }), any),
    () => StrataLanguageModel.withOptions(LanguageModel.streamText({ prompt: "x" }), any),
    () => StrataLanguageModel.withOptions(LanguageModel.generateText({ prompt: "x" }), { temperature: any }),
    () => StrataLanguageModel.withOptions(LanguageModel.generateText({ prompt: "x" }), { providerOptions: any })
  ],
  "what is asked of a model": (any: never) => [
    () => LanguageModel.generateText(any),
    () => LanguageModel.streamText(any),
    ...ask({ prompt: any }),
    ...ask({ prompt: [any] }),
    ...ask({ prompt: [{ role: "user", content: any }] }),
    ...ask({ prompt: [{ role: "user", content: [any] }] }),
    ...ask({ prompt: [{ role: "user", content: [part(any)] }] }),
    ...ask({ prompt: [{ role: "user", content: [part({ part: any })] }] }),
    ...ask({ prompt: [{ role: "assistant", content: [part({ citations: any })] }] }),
    ...ask({ prompt: [{ role: "user", content: [{ type: "file", mediaType: "image/png", data: any }] }] }),
    ...ask({ prompt: Prompt.fromMessages([any]) }),
    ...ask({ prompt: Prompt.fromMessages([Prompt.makeMessage("user", { content: any })]) }),
    ...ask({ prompt: Prompt.fromMessages([Prompt.makeMessage("assistant", { content: [any] })]) }),
    ...ask({ prompt: "x", toolkit: any }),
    ...ask({ prompt: "x", toolkit: { tools: any, handle: any } }),
    ...ask({ prompt: "x", toolkit: Effect.succeed(any) }),
    ...ask({ prompt: "x", toolkit: kit, toolChoice: any }),
    ...ask({ prompt: "x", toolkit: kit, concurrency: any })
  ],
  "embeddings": (any: never) => [
    () =>
      over(
        Layer.provide(StrataEmbeddingModel.layer(any), doubles),
        EmbeddingModel.EmbeddingModel.use((model) => model.embed("x"))
      ),
    () =>
      over(
        Layer.provide(StrataEmbeddingModel.model("p", "m", any), doubles),
        EmbeddingModel.EmbeddingModel.use((model) => model.embedMany(["x"]))
      ),
    () => EmbeddingModel.EmbeddingModel.use((model) => model.embed(any)),
    () => EmbeddingModel.EmbeddingModel.use((model) => model.embedMany(any)),
    () => EmbeddingModel.EmbeddingModel.use((model) => model.embedMany([any])),
    () =>
      Effect.provideService(
        EmbeddingModel.EmbeddingModel.use((model) => model.embed("x")),
        StrataEmbeddingModel.Options,
        any
      )
  ],
  "decisions": (any: never) => [
    () =>
      over(
        Layer.provide(StrataDecisionModel.layer(any), doubles),
        DecisionModel.DecisionModel.use(() => Effect.void)
      ),
    () =>
      over(
        Layer.provide(StrataDecisionModel.model("p", "m", any), doubles),
        DecisionModel.DecisionModel.use(() => Effect.void)
      )
  ],
  "errors": (any: never) => [
    () => StrataAiError.original(any),
    () => StrataAiError.fromUnknown(any, { provider: "p" }),
    () => StrataAiError.toAiError(any, { module: "m", method: "m" }),
    () => StrataAiError.reasonOf(any),
    () => StrataAiError.fromAiError(any, { provider: "p" })
  ],
  "metadata": (any: never) => [
    () => StrataMetadata.citationsOf(any),
    () => StrataMetadata.citationsOf({ metadata: any }),
    () => StrataMetadata.citationsOf({ options: { strata: { citations: [any] } } }),
    () => StrataMetadata.outcomeOf(any),
    () => StrataMetadata.outcomeOf([any])
  ],
  "services": (any: never) => [
    () => over(Layer.provide(EffectAiChat.layer(any), models), ChatService.text("x")),
    () => over(Layer.provide(EffectAiChat.layer({ settings: () => any }), models), ChatService.text("x")),
    () => over(Layer.provide(EffectAiChat.layer(), models), ChatService.text(any)),
    () => over(Layer.provide(EffectAiChat.layer(), models), ChatService.text([any])),
    () => over(Layer.provide(EffectAiEmbedding.layer(any), models), EmbeddingService.embed("x")),
    () => over(Layer.provide(EffectAiEmbedding.layer({ settings: () => any }), models), EmbeddingService.embed("x")),
    () => over(Layer.provide(EffectAiEmbedding.layer(), models), EmbeddingService.embedMany([any])),
    () =>
      over(
        Layer.provide(
          EffectAiChat.layer({ policy: Policy.none }),
          Layer.succeed(LanguageModel.LanguageModel, {
            generateText: () => Effect.succeed({ content: any }),
            streamText: () => Stream.make(any)
          } as never)
        ),
        Effect.andThen(Effect.exit(ChatService.text("x")), Stream.runDrain(ChatService.stream("x")))
      )
  ],
  "tools": (any: never) => [
    () => EffectAiTools.fromToolkit(any),
    () => EffectAiTools.fromToolkit(Effect.succeed(any)),
    () => EffectAiTools.fromToolkit({ tools: any, handle: any }),
    () => EffectAiTools.fromToolkit({ tools: { any } as never, handle: any })
  ]
}

describe("Every public function", () => {
  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any, 3), [])
      }).pipe(Effect.provide([models, handlers]), Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }
})
