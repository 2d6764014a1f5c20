/**
 * Every public function over the layers of many providers.
 */
import { EmbeddingService, ModelReference, Providers } from "@strata/core"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { type Calls, chat, chatting, embedding, embedding_, fields, request } from "./AnyCalls.ts"

const layers = { a: chat, b: chat }

const routed = Providers.embedding({ a: embedding, b: embedding })

/** A layer that was made of any values. */
const made = (layer: unknown) => layer as Layer.Layer<never>

/** By module and name. */
export const calls: Readonly<Record<string, Calls>> = {
  "ModelReference.parse": (any) => [
    () => ModelReference.parse(any, ["a"]),
    () => ModelReference.parse("a:b", any),
    () => ModelReference.parse("a:b", [any])
  ],
  "ModelReference.print": (any) => [
    () => ModelReference.print(any),
    ...fields(["provider", "model"], any).map((reference) => () => ModelReference.print(reference))
  ],
  "Providers.choose": (any) => [
    () => chatting(made(Providers.choose(any))),
    () => chatting(made(Providers.choose({ a: any }, { default: "a" } as never))),
    () => chatting(Providers.choose(layers, any)),
    ...fields(["default", "variable"], any).map((options) => () => chatting(Providers.choose(layers, options)))
  ],
  "Providers.chat": (any) => [
    () => chatting(made(Providers.chat(any))),
    () => chatting(made(Providers.chat({ a: any }))),
    () => chatting(Providers.chat(layers, any)),
    () => chatting(Providers.chat(layers, { default: any })),
    () => chatting(Providers.chat(layers), any),
    () => chatting(Providers.chat(layers), { ...request, model: any })
  ],
  "Providers.embedding": (any) => [
    () => embedding_(made(Providers.embedding(any))),
    () => embedding_(made(Providers.embedding({ a: any }))),
    () => embedding_(Providers.embedding({ a: embedding }, any)),
    () => Effect.provide(EmbeddingService.embed(any), routed),
    () => Effect.provide(EmbeddingService.embed("a", any), routed),
    () => Effect.provide(EmbeddingService.embedMany(["a"], { model: any }), routed),
    () => Effect.provide(EmbeddingService.embedEach(any, any), routed)
  ]
}
