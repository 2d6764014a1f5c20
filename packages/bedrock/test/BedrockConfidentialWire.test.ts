import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as BedrockChat from "../src/BedrockChat.ts"
import * as BedrockClient from "../src/BedrockClient.ts"
import * as BedrockEmbedding from "../src/BedrockEmbedding.ts"
import * as WireServer from "./support/WireServer.ts"

const prompt = "The diagnosis of Ms. Quibbleworth is confidential,\n\"very\" much so"
const secretAccessKey = "q9Zt/7uK2mPxWv4Lr8Yn3Bd6Hs1Jc5Fg0TeAiOqV"
const sessionToken = "FwoGZXIvYXdzEOz//////////wEaDKq8W1example7session2token9of3some4length"
const apiKey = "opaque-key-of-a-gateway-4711-0815-1234567890"

/** Answers with what it got, as a careless gateway does. */
const echoing =
  (status: number, type: string | undefined, quote: (text: string) => string): WireServer.Handler =>
  (received, answer) => {
    answer.head(status, { "content-type": "application/json", ...(type !== undefined && { "x-amzn-errortype": type }) })
    const headers = Object.entries(received.headers).map(([name, value]) => `${name}: ${value}`).join("\n")
    answer.end(JSON.stringify({ message: `Bad request. Got: ${quote(`${headers}\n\n${received.body}`)}` }))
  }

/** Everything a program can show of a run: its error, whatever prints it, its spans and its logs. */
const shown = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const spans: Array<Tracer.NativeSpan> = []
    const logs: Array<unknown> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const exit = yield* Effect.exit(effect).pipe(
      Effect.withTracer(tracer),
      Effect.provide(Logger.layer([Logger.make((options) => void logs.push(options.message, options.cause))]))
    )
    assert.isTrue(Exit.isFailure(exit))
    return [
      Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
      inspect(exit, { depth: 20 }),
      JSON.stringify(exit),
      ...spans.map((span) => inspect([span.attributes, span.status, span.events], { depth: 20 })),
      inspect(logs, { depth: 20 })
    ].join("\n")
  })

const quotings: ReadonlyArray<readonly [string, (text: string) => string]> = [
  ["as it is", (text) => text],
  ["in JSON", (text) => JSON.stringify(text)],
  ["in a URL", encodeURIComponent],
  ["in HTML", (text) => `<pre>${text.replaceAll("&", "&amp;").replaceAll("\"", "&quot;")}</pre>`]
]

const refusals: ReadonlyArray<readonly [number, string | undefined]> = [
  [400, "ValidationException"],
  [403, "InvalidSignatureException"],
  [500, undefined]
]

describe.each(quotings)("An echo of a request, quoted %s", (_, quote) => {
  it.live.each(refusals)("holds neither prompt nor credentials: %s %s", ([status, type]) =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(echoing(status, type, quote))
      const clients = [
        BedrockClient.layer({
          region: "us-east-1",
          endpoint: server.url,
          credentials: {
            accessKeyId: "AKIDEXAMPLE",
            secretAccessKey: Redacted.make(secretAccessKey),
            sessionToken: Redacted.make(sessionToken)
          }
        }),
        BedrockClient.layer({ region: "us-east-1", endpoint: server.url, apiKey: Redacted.make(apiKey) })
      ]
      for (const client of clients) {
        const calls = Effect.gen(function*() {
          const chat = yield* BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none })
          const embedding = yield* BedrockEmbedding.make({
            model: "amazon.titan-embed-text-v2:0",
            policy: Policy.none
          })
          return [
            chat.generate({ messages: prompt, maxTokens: 10 }),
            Stream.runDrain(
              chat.stream({
                messages: [{ role: "system", content: prompt }, { role: "user", content: "Hi" }],
                maxTokens: 10
              })
            ),
            embedding.embed(prompt)
          ]
        })
        const all = yield* Effect.flatMap(
          calls,
          (calls) => Effect.forEach(calls as ReadonlyArray<Effect.Effect<unknown, unknown>>, shown)
        ).pipe(Effect.provide(client))
        for (const text of all) {
          for (const part of ["Quibbleworth", "diagnosis of", "7session2token9", "7uK2mPxWv4Lr8", "4711-0815"]) {
            assert.notInclude(text, part)
          }
        }
      }
    }).pipe(Effect.scoped))
})

describe("A provider of credentials that dies", () => {
  it.live("does not include earlier ones", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      const client = BedrockClient.layer({
        region: "us-east-1",
        endpoint: server.url,
        credentials: Effect.fail(
          { message: `vault said {"secretAccessKey":"${secretAccessKey}","SessionToken":"${sessionToken}"}` }
        )
      })
      const text = yield* Effect.flatMap(
        BedrockChat.make({ model: "amazon.nova-lite-v1:0", policy: Policy.none }),
        (chat) => shown(chat.generate({ messages: "Hi", maxTokens: 10 }))
      ).pipe(Effect.provide(client))
      for (const part of ["7session2token9", "7uK2mPxWv4Lr8"]) assert.notInclude(text, part)
      assert.include(text, "vault said")
    }).pipe(Effect.scoped))
})
