/** Calls every public function with any values: each has an answer or a typed error. */
import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as AnyValue from "../../../core/test/support/AnyValue.ts"
import * as Bedrock from "../../src/index.ts"
import * as AnyCalls from "../support/AnyCalls.ts"

/** Left out of the declarations. */
const isInternal = new Set(["BedrockPrompt.isNothing"])

const isClass = (value: Function) => /^class\b/.test(Function.prototype.toString.call(value))

const functions = Object.entries(Bedrock).flatMap(([module, exports]) =>
  Object.entries(exports).flatMap(([name, value]) =>
    typeof value !== "function" || isClass(value) || Schema.isSchema(value) || Context.isKey(value) ||
      isInternal.has(`${module}.${name}`)
      ? []
      : [`${module}.${name}`]
  )
)

/** A request with options of every kind in the words of Bedrock. */
const request: ChatRequest.ChatRequest = {
  messages: [
    { role: "system", content: [{ type: "text", text: "Be brief", cache: true }] },
    {
      role: "user",
      content: [
        { type: "text", text: "Hi" },
        { type: "image", mediaType: "image/png", source: { bytes: Uint8Array.of(137, 80, 78, 71) } },
        { type: "document", mediaType: "text/plain", name: "one", source: { text: "two" }, citations: true },
        { type: "provider", provider: "aws.bedrock", value: { text: "a block of its own" } }
      ]
    },
    { role: "assistant", content: [{ type: "tool-call", id: "1", name: "clock", params: { zone: "UTC" } }] },
    { role: "tool", content: [{ type: "tool-result", id: "1", result: { noon: true } }] }
  ],
  maxTokens: 100,
  stopSequences: ["END"],
  tools: [{ name: "clock", description: "The time", inputSchema: { type: "object", properties: {} } }],
  responseFormat: { type: "text" },
  providerOptions: {
    bedrock: {
      family: "anthropic.claude-sonnet-4-5",
      inferenceConfig: { maxTokens: 50, stopSequences: ["STOP"] },
      guardrailConfig: { guardrailIdentifier: "gr1", guardrailVersion: "1", trace: "enabled" },
      additionalModelRequestFields: { top_k: 5 },
      additionalModelResponseFieldPaths: ["/stop_sequence"],
      requestMetadata: { team: "a" },
      performanceConfig: { latency: "standard" },
      serviceTier: { type: "default" }
    }
  }
}

/** The tests, with one in so many of the values, and of the mutants of a request. */
export const suite = (every: number) =>
  describe("Every public function", () => {
    it("is tried here", () => {
      const tried = Object.keys(AnyCalls.calls)
      assert.deepStrictEqual(functions.filter((name) => !tried.includes(name)), [])
    })

    for (const [name, calls] of Object.entries({ ...AnyCalls.calls, ...AnyCalls.operations })) {
      it.live(`has an answer or a typed error for any value: ${name}`, () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* AnyValue.troublesOf(calls, every), [])
        }).pipe(Effect.provide(AnyCalls.services), Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
    }

    it.live("refuses before sending, and names the field: a request of chat", () =>
      Effect.gen(function*() {
        let answered = 0
        let refused = 0
        for (const { make, name } of AnyValue.mutants(request, 20_260_101, 1500 / every)) {
          const before = AnyCalls.sent.count
          const exit = yield* Effect.exit(Effect.suspend(() => ChatService.generate(make() as never)))
          if (Exit.isSuccess(exit)) {
            answered++
            continue
          }
          refused++
          const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          if (error?._tag === "UnsupportedFeatureError") continue
          // A trace costs more than a call.
          if (error?._tag !== "InvalidRequestError") assert.fail(`${name}: ${Cause.pretty(exit.cause)}`)
          assert.isNotEmpty(error.field, name)
          assert.isNotEmpty(error.remedy, name)
          assert.strictEqual(AnyCalls.sent.count, before, `${name}: sent and refused`)
        }
        assert.isAbove(answered, 50 / every)
        assert.isAbove(refused, 750 / every)
      }).pipe(Effect.provide(AnyCalls.services), Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  })
