import { assert, describe, it } from "@effect/vitest"
import * as ChatCache from "@strata/core/chat/ChatCache"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import type { Identity } from "@strata/core/Identity"
import type * as ProviderError from "@strata/core/ProviderError"
import { TestChat } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as CanonicalText from "../src/cache/internal/canonicalText.ts"
import * as Cached from "./ChatCacheFixture.ts"
import { response } from "./ChatFixture.ts"

/** A request with everything in it. */
const rich = (): ChatRequest.ChatRequest => ({
  model: "some-model",
  messages: [
    { role: "system", content: "Be brief.", cache: { ttl: "1h" } },
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?", guard: { qualifiers: ["query"] }, cache: true },
        { type: "image", mediaType: "image/png", source: { bytes: Uint8Array.of(1, 2, 3) } },
        {
          type: "document",
          mediaType: "application/pdf",
          name: "a",
          source: { bytes: Uint8Array.of(4, 5) },
          citations: true
        },
        { type: "video", mediaType: "video/mp4", source: { uri: "s3://bucket/key", bucketOwner: "owner" } },
        { type: "provider", provider: "test", value: { deep: [1, { deeper: Uint8Array.of(6) }] } }
      ]
    },
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "Hm", signature: "seal", redacted: Uint8Array.of(7) },
        { type: "tool-call", id: "1", name: "look", params: { closely: true, how: null } }
      ]
    },
    { role: "tool", content: [{ type: "tool-result", id: "1", result: { found: ["x", "y"] }, isFailure: false }] }
  ],
  maxTokens: 100,
  temperature: 0.5,
  topP: 0.9,
  stopSequences: ["one", "two"],
  tools: [
    {
      name: "look",
      description: "Looks",
      inputSchema: { type: "object", properties: { closely: { type: "boolean" } } },
      strict: true
    },
    { type: "provider", provider: "test", name: "search" }
  ],
  toolChoice: { name: "look" },
  parallelToolCalls: false,
  responseFormat: { type: "json", schema: { type: "object" }, name: "Thing", description: "A thing" },
  reasoning: { effort: "low", budgetTokens: 10, display: "omitted", interleaved: true },
  // Providers add their own options here.
  providerOptions: { test: { a: 1, b: ["2"], c: false } } as ChatRequest.ProviderOptions
})

/** Every value that differs from the given one in one place: a leaf is another, a field or an item is missing. */
const changes = (value: unknown): ReadonlyArray<unknown> => {
  if (typeof value === "string") return [`${value}x`]
  if (typeof value === "number") return [value === 0 ? 1 : -value]
  if (typeof value === "boolean") return [!value]
  if (value instanceof Uint8Array) return [Uint8Array.of(...value, 0), value.map((byte) => byte ^ 1)]
  if (Array.isArray(value)) {
    return value.flatMap((
      item,
      index
    ) => [value.toSpliced(index, 1), ...changes(item).map((other) => value.with(index, other))])
  }
  if (typeof value !== "object" || value === null) return ["something"]
  return Object.entries(value).flatMap(([key, item]) => [
    Object.fromEntries(Object.entries(value).filter(([other]) => other !== key)),
    ...changes(item).map((other) => ({ ...value, [key]: other }))
  ])
}

/** The same value, its keys the other way round. */
const reversed = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(reversed)
    : typeof value === "object" && value !== null && !(value instanceof Uint8Array)
    ? Object.fromEntries(Object.entries(value).reverse().map(([key, item]) => [key, reversed(item)]))
    : value

class Thing {
  readonly value = 1
}

const service = Layer.succeed(ChatService.ChatService, {
  defaultModel: "test-model",
  generate: () => Effect.succeed(response("So.")),
  stream: () => Stream.die("not asked for here")
})

const ask = (
  request: unknown,
  layer: Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError> = ChatService.withCache(service)
) =>
  // Some changes make a request that no type would allow; the cache looks at values only.
  ChatService.generate(request as ChatRequest.ChatRequest).pipe(Effect.provide(layer))

describe("The key of an answer", () => {
  it.effect("depends on everything in the request", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      assert.deepStrictEqual(Object.keys(rich()).sort(), Object.keys(ChatRequest.ChatRequest.fields).sort())
      let answered = 0
      // Empty options of providers are the same as none.
      const others = changes(rich()).filter((other) => !JSON.stringify(other).includes("\"providerOptions\":{}"))
      for (const request of [rich(), ...others]) {
        // Some changes make no request of it.
        const outcome = yield* Effect.result(ChatService.generate(request as ChatRequest.ChatRequest))
        if (Result.isSuccess(outcome)) answered++
        else assert.strictEqual(outcome.failure._tag, "InvalidRequestError")
      }
      assert.isAbove(answered, 80)
      assert.strictEqual(kept.size, answered)
      for (const key of kept.keys()) assert.match(key, /^[0-9a-f]{64}$/u)
    }).pipe(Effect.provide(Layer.provide(ChatService.withCache(service), store)))
  })

  it.effect("does not depend on the order of keys, `undefined`, and shorthands", () =>
    Effect.gen(function*() {
      yield* ask(rich())
      for (const request of [reversed(rich()), { ...rich(), nothing: undefined }]) {
        assert.isTrue((yield* ask(request)).cached)
      }
      yield* ask({ messages: "Hi" })
      assert.isTrue((yield* ask({ model: "test-model", messages: [{ content: "Hi", role: "user" }] })).cached)
    }).pipe(Effect.provide(ChatCache.layerMemory())))

  it.effect("does not depend on the request metadata of a provider, and on nothing else of that name", () => {
    const { kept, store } = Cached.openStore()
    const layer = ChatService.withCache(service)
    const ofProvider = (test: object, rest: object = {}) => ({ ...rich(), ...rest, providerOptions: { test } })
    const tagged = (team: string) => ({ a: 1, requestMetadata: { team } })
    return Effect.gen(function*() {
      yield* ask(ofProvider({ a: 1 }), layer)
      assert.isTrue((yield* ask(ofProvider(tagged("a")), layer)).cached)
      assert.isTrue((yield* ask(ofProvider(tagged("b")), layer)).cached)
      yield* ask({ messages: "Hi" }, layer)
      assert.isTrue((yield* ask({ messages: "Hi", providerOptions: { test: { requestMetadata: {} } } }, layer)).cached)
      assert.strictEqual(kept.size, 2)
      const different = [
        ofProvider({ requestMetadata: { team: "a" } }),
        ofProvider({ a: { requestMetadata: { team: "a" } } }),
        ofProvider({ a: { requestMetadata: { team: "b" } } }),
        ofProvider(Object.assign(new Thing(), tagged("a"))),
        ...["a", "b"].map((team) => ofProvider({}, { tools: [{ name: "t", inputSchema: tagged(team) }] }))
      ]
      for (const request of different) assert.isUndefined((yield* ask(request, layer)).cached)
      assert.strictEqual(kept.size, 2 + different.length - 1)
    }).pipe(Effect.provide(store))
  })

  it.effect("does not depend on request metadata among the defaults", () => {
    const { kept, store } = Cached.openStore()
    const tagged = (team: string) =>
      ChatService.withDefaults(service, {
        temperature: 0,
        providerOptions: { test: { requestMetadata: { team } } } as ChatRequest.ProviderOptions
      })
    return Effect.gen(function*() {
      for (const team of ["a", "b"]) yield* ask({ messages: "Hi" }, ChatService.withCache(tagged(team)))
      assert.strictEqual(kept.size, 1)
    }).pipe(Effect.provide(store))
  })

  it.effect("depends on provider, default model and namespace", () => {
    const { kept, store } = Cached.openStore()
    const withStore = (layer: Layer.Layer<ChatService.ChatService, ProviderError.InvalidRequestError>) =>
      Layer.provide(layer, store)
    return Effect.gen(function*() {
      const layers = [
        ChatService.withCache(TestChat.layer(() => "So.")),
        ChatService.withCache(TestChat.layer(() => "So.", { model: "another" })),
        ChatService.withCache(TestChat.layer(() => "So."), { namespace: "2" }),
        ChatService.withCache(service)
      ]
      for (const [index, layer] of layers.entries()) {
        yield* ask({ messages: "Hi" }, withStore(layer))
        assert.strictEqual(kept.size, index + 1)
      }
      for (const layer of layers) assert.isTrue((yield* ask({ messages: "Hi" }, withStore(layer))).cached)
    })
  })

  it.effect("depends on the identity of the service: account, region and options", () => {
    const { kept, store } = Cached.openStore()
    const identified = (identity?: Identity) =>
      ChatService.transform(service, (chat) => Effect.succeed(identity === undefined ? chat : { ...chat, identity }))
    return Effect.gen(function*() {
      const layers = [
        service,
        identified({ region: "us-east-1" }),
        identified({ region: "eu-central-1" }),
        ChatService.withDefaults(service, { temperature: 0 }),
        ChatService.withDefaults(service, { temperature: 1 }),
        ChatService.withFallback(service, TestChat.layer(() => "So."))
      ]
      for (const [index, layer] of layers.entries()) {
        yield* ask({ messages: "Hi" }, Layer.provide(ChatService.withCache(layer), store))
        assert.strictEqual(kept.size, index + 1)
      }
      for (const layer of [identified(), identified({ region: "us-east-1" })]) {
        assert.isTrue((yield* ask({ messages: "Hi" }, Layer.provide(ChatService.withCache(layer), store))).cached)
      }
    })
  })

  it.effect("does not exist for a request with a function, which is not cached", () => {
    const { kept, store } = Cached.openStore()
    return Effect.gen(function*() {
      const odd = [() => 1, new Map([["a", 1]]), new Date(0), Symbol("a"), new Thing()]
      for (const value of [...odd, ...odd]) {
        yield* ChatService.generate({
          messages: "Hi",
          providerOptions: { value } as ChatRequest.ProviderOptions
        })
        yield* Stream.runDrain(
          ChatService.stream({ messages: "Hi", providerOptions: { value } as ChatRequest.ProviderOptions })
        )
      }
      assert.strictEqual(kept.size, 0)
      assert.strictEqual(yield* Cached.sent, 20)
    }).pipe(Effect.provide(Cached.layer(() => "So.", { store })))
  })

  it.effect("needs a model: a request without one is not cached", () => {
    const { kept, store } = Cached.openStore()
    const nameless = Layer.effect(
      ChatService.ChatService,
      ChatService.make({
        provider: "nameless",
        generate: () => Effect.succeed(response("So.")),
        stream: () => Stream.die("not asked for here")
      })
    )
    return Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(ChatService.generate("Hi")))._tag, "InvalidRequestError")
      yield* ChatService.generate({ model: "some", messages: "Hi" })
      assert.strictEqual(kept.size, 1)
    }).pipe(Effect.provide(Layer.provide(ChatService.withCache(nameless), store)))
  })

  it.prop("is equal exactly for equal values", [Schema.Json], ([value]) => {
    const line = CanonicalText.make(value)
    assert.isDefined(line)
    assert.strictEqual(CanonicalText.make(reversed(value)), line)
    for (const other of changes(value)) assert.notStrictEqual(CanonicalText.make(other), line)
  })
})
