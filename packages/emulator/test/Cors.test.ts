import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const path = `/model/${Fixture.modelId}/converse`

const body = JSON.stringify({ messages: Fixture.hello.messages })

const send = Effect.fnUntraced(function*(path: string, init: RequestInit) {
  const { url } = yield* Emulator.Emulator
  const response = yield* Fixture.attempt((signal) => fetch(url + path, { ...init, signal }))
  return { status: response.status, headers: response.headers, text: yield* Fixture.attempt(() => response.text()) }
})

const preflight = (origin: string, to = path, headers: Record<string, string> = {}) =>
  send(to, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-amz-date",
      ...headers
    }
  })

const page = "http://localhost:5173"

describe("Cors", () => {
  it.effect.each([page, "https://app.localhost", "http://127.0.0.1:3000", "http://[::1]:8080"])(
    "permits a page of %s to send a signed request",
    (origin) =>
      Effect.gen(function*() {
        const { headers, status } = yield* preflight(origin)
        assert.strictEqual(status, 204)
        assert.strictEqual(headers.get("access-control-allow-origin"), origin)
        assert.include(headers.get("access-control-allow-methods"), "POST")
        assert.strictEqual(headers.get("access-control-allow-headers"), "authorization,content-type,x-amz-date")
        assert.strictEqual(headers.get("vary"), "origin")
        assert.strictEqual((yield* (yield* Emulator.Emulator).statistics).requests, 0)
      }).pipe(Effect.provide(Fixture.emulator()))
  )

  it.effect.each(["https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "null"])(
    "refuses a page of %s, and says how to allow it",
    (origin) =>
      Effect.gen(function*() {
        const { headers, status, text } = yield* preflight(origin)
        assert.strictEqual(status, 403)
        assert.include(text, "--cors")
        assert.isNull(headers.get("access-control-allow-origin"))
        const answer = yield* Fixture.post(path, body, { origin })
        assert.isUndefined(answer.headers["access-control-allow-origin"])
      }).pipe(Effect.provide(Fixture.emulator()))
  )

  it.effect("lets a page read answers, streams and errors, and the headers of SDKs", () =>
    Effect.gen(function*() {
      const stream = path.replace("converse", "converse-stream")
      for (
        const [target, sent, status] of [
          [path, body, 200],
          [stream, body, 200],
          [path, "{", 400],
          ["/model/x/invoke", "{}", 400],
          ["/nowhere", "{}", 404]
        ] as const
      ) {
        const answer = yield* Fixture.post(target, sent, { origin: page })
        assert.strictEqual(answer.status, status, target)
        assert.strictEqual(answer.headers["access-control-allow-origin"], page)
        const exposed = answer.headers["access-control-expose-headers"]?.split(", ") ?? []
        assert.includeMembers(exposed, ["x-amzn-requestid", "x-amzn-errortype", "x-amzn-bedrock-input-token-count"])
      }
      const refused = yield* send(path, { method: "POST", body, headers: { origin: page } })
      assert.deepStrictEqual([refused.status, refused.headers.get("access-control-allow-origin")], [403, page])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("sends no such headers to clients that are no browser", () =>
    Effect.gen(function*() {
      const { headers } = yield* Fixture.post(path, body)
      assert.deepStrictEqual(Object.keys(headers).filter((name) => name.startsWith("access-control")), [])
    }).pipe(Effect.provide(Fixture.emulator())))

  it.effect("permits requests from public pages into a private network", () =>
    Effect.gen(function*() {
      const { headers } = yield* preflight("https://app.example", path, {
        "access-control-request-private-network": "true"
      })
      assert.strictEqual(headers.get("access-control-allow-private-network"), "true")
    }).pipe(Effect.provide(Fixture.emulator({ cors: "any" }))))

  it.effect("permits only the listed origins", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* preflight("https://app.example")).status, 204)
      assert.strictEqual((yield* preflight(page)).status, 403)
    }).pipe(Effect.provide(Fixture.emulator({ cors: ["https://app.example"] }))))

  it.effect("does not open the emulator's own paths, unless their option says so", () =>
    Effect.gen(function*() {
      const faults = "/_strata/faults"
      assert.strictEqual((yield* preflight(page, faults)).status, 403)
      const allowed = yield* preflight("https://dashboard.example", faults)
      assert.strictEqual(allowed.status, 204)
      const read = yield* send(faults, { headers: { origin: "https://dashboard.example" } })
      assert.deepStrictEqual([read.status, read.text], [200, "[]"])
      assert.strictEqual(read.headers.get("access-control-allow-origin"), "https://dashboard.example")
      assert.strictEqual((yield* send(faults, { headers: { origin: page } })).status, 403)
    }).pipe(Effect.provide(Fixture.emulator({ cors: "any", admin: { origins: ["https://dashboard.example"] } }))))
})
