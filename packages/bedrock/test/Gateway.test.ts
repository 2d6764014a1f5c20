import { assert, describe, it } from "@effect/vitest"
import * as Policy from "@strata/core/policy/Policy"
import * as Retry from "@strata/core/policy/Retry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { BedrockClient } from "../src/BedrockClient.ts"
import * as Operations from "./matrix/Operations.ts"
import { connect, request, transports } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const html = { "content-type": "text/html; charset=utf-8" }
const json = { "content-type": "application/json" }

/** An answer from the way there, and what becomes of a call: its error, and words in it. */
type Row = readonly [
  status: number,
  headers: Record<string, string>,
  body: string,
  tag: "InvalidRequestError" | "ConnectionError",
  words: ReadonlyArray<string>
]

const page = "<html><body>Corporate proxy: confidential page</body></html>"

const rows: ReadonlyArray<Row> = [
  [407, html, page, "InvalidRequestError", ["HTTP 407", "text/html", "HTTPS_PROXY"]],
  [407, {}, "", "InvalidRequestError", ["HTTP 407"]],
  [200, html, page, "InvalidRequestError", ["HTTP 200", "text/html", "Log in"]],
  [401, html, page, "InvalidRequestError", ["HTTP 401"]],
  [403, html, page, "InvalidRequestError", ["HTTP 403"]],
  [511, html, page, "InvalidRequestError", ["HTTP 511", "Log in"]],
  [404, html, page, "InvalidRequestError", ["HTTP 404", "`endpoint`"]],
  [404, {}, "", "InvalidRequestError", ["HTTP 404"]],
  [404, json, `{"message":"no Route matched with those values"}`, "InvalidRequestError", ["no Route matched"]],
  [421, {}, "", "InvalidRequestError", ["HTTP 421"]],
  [499, html, page, "InvalidRequestError", ["HTTP 499"]],
  [301, { location: "https://login.corp.example/a?token=confidential" }, "", "InvalidRequestError", [
    "login.corp.example"
  ]],
  [302, { ...html, location: "/login" }, page, "InvalidRequestError", ["HTTP 302"]],
  [425, {}, "", "ConnectionError", ["HTTP 425"]],
  [502, html, page, "ConnectionError", ["HTTP 502"]],
  [503, html, page, "ConnectionError", ["HTTP 503"]],
  [503, { "content-type": "text/plain" }, "upstream connect error: confidential", "ConnectionError", ["HTTP 503"]],
  [504, html, page, "ConnectionError", ["HTTP 504"]]
]

/** Three attempts, one at once after the other. */
const policy = Policy.make({ retry: Retry.exponential({ times: 2, base: 0 }), retryBudget: "unlimited" })

const answering =
  (status: number, headers: Record<string, string>, body: string): WireServer.Handler => (_, answer) => {
    answer.head(status, headers)
    answer.end(body)
  }

describe("An answer that is not the service's", () => {
  describe.each(Object.entries<Operations.Operation>(Operations.operations))("to %s", (name, operation) => {
    it.live.each(rows)(
      "is about the way there: HTTP %i, %j",
      ([status, headers, body, tag, words]) =>
        Effect.gen(function*() {
          const server = yield* WireServer.http1(answering(status, headers, body))
          const client = yield* connect(server)
          const error = yield* Effect.flip(
            Effect.flatten(Effect.provideService(operation(policy), BedrockClient, client))
          )
          assert.strictEqual(error._tag, tag, error.message)
          if (error._tag === "InvalidRequestError") assert.strictEqual(error.field, "endpoint")
          for (const word of [...words, new URL(server.url).host]) assert.include(error.message, word)
          assert.notInclude(JSON.stringify(error), "confidential")
          assert.isBelow(error.message.length, 400)
          // These two have no policy of their own.
          const attempts = tag === "InvalidRequestError" || name === "countTokens" || name === "applyGuardrail" ? 1 : 3
          assert.lengthOf(server.received, attempts)
        })
    )
  })

  it.live("names the host of AWS, which a message leaves out beside its region", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(answering(407, {}, ""))
      const client = yield* connect({ url: "http://bedrock-runtime.us-east-1.amazonaws.com:443" }, {
        transport: { proxy: server.url }
      })
      const error = yield* Effect.flip(client.converse(request))
      assert.include(error.message, "to bedrock-runtime.us-east-1.amazonaws.com: HTTP 407")
      assert.include(error.message, "`transport.proxy`")
    }))

  it.live("gives its hint when to try again", () =>
    Effect.gen(function*() {
      const client = yield* connect(yield* WireServer.http1(answering(503, { ...html, "retry-after": "7" }, page)))
      const error = yield* Effect.flip(client.converse(request))
      assert(error._tag === "ConnectionError")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(7))
    }))

  it.live("is told from one of the service that has a name", () =>
    Effect.gen(function*() {
      const headers = { "x-amzn-errortype": "ResourceNotFoundException" }
      const client = yield* connect(yield* WireServer.http1(answering(404, headers, "")))
      assert.strictEqual((yield* Effect.flip(client.converse(request)))._tag, "ModelNotFoundError")
    }))

  it.live.each([200, 502])(
    "of HTTP %i is read to a bound, and its connection closed",
    (status) =>
      Effect.gen(function*() {
        let sent = 0
        const server = yield* WireServer.http1((_, answer) => {
          answer.head(status, html)
          const more = setInterval(() => {
            answer.write("x".repeat(16 * 1024))
            sent += 16
          }, 1)
          answer.onClose(() => clearInterval(more))
        })
        const client = yield* connect(server)
        yield* Effect.flip(client.converse(request))
        yield* WireServer.eventually(() => server.open() === 0)
        assert.isBelow(sent, 4096)
      })
  )

  it.live.each(transports)("is one over $name, for a stream too", ({ name, transport }) =>
    Effect.gen(function*() {
      const serve = name === "HTTP/2" ? WireServer.http2 : WireServer.http1
      const client = yield* connect(yield* serve(answering(200, html, page)), { transport })
      const error = yield* Effect.flip(Effect.scoped(client.converseStream(request)))
      assert.strictEqual(error._tag, "InvalidRequestError")
    }))
})
