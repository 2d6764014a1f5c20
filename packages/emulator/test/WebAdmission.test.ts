import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

const throttle = JSON.stringify({ type: "throttle" })

/** The status of an order to inject a fault. `headers` may say what `fetch` would not. */
const order = Effect.fnUntraced(function*(headers: Record<string, string>) {
  const { url } = yield* Emulator.Emulator
  return yield* Effect.callback<number>((resume) => {
    const request = Http.request(`${url}/_strata/faults`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers }
    })
    request.on("response", (response) => {
      response.resume()
      resume(Effect.succeed(response.statusCode ?? 0))
    })
    request.end(throttle)
  })
})

/** The same over HTTP/2, to the name that the client believes in. */
const orderOverHttp2 = Effect.fnUntraced(function*(authority: string) {
  const { url } = yield* Emulator.Emulator
  const session = yield* Effect.acquireRelease(
    Effect.sync(() => Http2.connect(url)),
    (session) => Effect.sync(() => session.close())
  )
  return yield* Effect.callback<number>((resume) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/_strata/faults",
      ":authority": authority,
      "content-type": "application/json"
    })
    stream.on("response", (headers) => resume(Effect.succeed(Number(headers[":status"]))))
    stream.resume()
    stream.end(throttle)
  })
})

const get = Effect.fnUntraced(function*(path: string) {
  const { url } = yield* Emulator.Emulator
  const response = yield* Fixture.attempt((signal) => fetch(url + path, { signal }))
  return { status: response.status, headers: response.headers, text: yield* Fixture.attempt(() => response.text()) }
})

describe("Admission", () => {
  it.effect.each(["localhost", "LOCALHOST:4599", "127.0.0.1", "127.0.0.1:80", "[::1]:4599"])(
    "lets in who asks for %s",
    (host) =>
      Effect.gen(function*() {
        assert.deepStrictEqual([yield* order({ host }), yield* orderOverHttp2(host)], [200, 200])
        assert.strictEqual(yield* order({ host, origin: `http://${host}` }), 200)
        assert.strictEqual(yield* order({ host, origin: `https://${host}` }), 200)
      }).pipe(Effect.provide(live))
  )

  it.effect.each([
    "evil.example",
    "evil.example:4599",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[::2]"
  ])(
    "turns away a name that only points here: %s",
    (host) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        assert.deepStrictEqual([yield* order({ host }), yield* orderOverHttp2(host)], [403, 403])
        assert.strictEqual(yield* order({ host, origin: `http://${host}` }), 403)
        assert.deepStrictEqual(yield* emulator.faults, [])
      }).pipe(Effect.provide(live))
  )

  it.effect.each(["http://evil.example", "http://localhost:3000", "http://localhost.evil.example", "null"])(
    "turns away the pages of %s",
    (origin) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        assert.strictEqual(yield* order({ origin }), 403)
        assert.deepStrictEqual(yield* emulator.faults, [])
      }).pipe(Effect.provide(live))
  )

  it.effect("accepts requests for its own address", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* order({ host: "0.0.0.0:4599" }), 200)
    }).pipe(Effect.provide(Fixture.emulator({ host: "0.0.0.0" }))))
})

describe("The files of the page", () => {
  it.effect("are served to browsers, with a policy that keeps them among themselves", () =>
    Effect.gen(function*() {
      for (const path of ["/", "/_strata/"]) {
        const { headers, status, text } = yield* get(path)
        assert.deepStrictEqual([status, headers.get("content-type")], [200, "text/html; charset=utf-8"])
        assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self';/)
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.notMatch(text, /(?:src|href)="(?!\/_strata\/)/)
      }
    }).pipe(Effect.provide(live)))

  it.effect("are all there, from the first module to the last import", () =>
    Effect.gen(function*() {
      const pages = ["page.html"]
      for (const name of pages) {
        const { headers, status, text } = yield* get(`/_strata/${name}`)
        assert.strictEqual(status, 200, name)
        assert.match(
          headers.get("content-type") ?? "",
          /^(?:text\/(?:html|css|javascript); charset=utf-8|image\/svg\+xml)$/
        )
        for (const [, linked = ""] of text.matchAll(/(?:"\/_strata\/|from "\.\/)([\w.]+)"/g)) {
          if (!pages.includes(linked)) pages.push(linked)
        }
      }
      assert.isAbove(pages.length, 10)
    }).pipe(Effect.provide(live)))

  it.effect("do not serve other files", () =>
    Effect.gen(function*() {
      for (const path of ["../Page.ts", "..%2FPage.ts", "Page.ts", "%2e%2e/Page.ts", "constructor"]) {
        assert.strictEqual((yield* get(`/_strata/${path}`)).status, 404, path)
      }
    }).pipe(Effect.provide(live)))

  it.effect("are not counted as requests", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* get("/")
      assert.strictEqual((yield* emulator.statistics).requests, 0)
    }).pipe(Effect.provide(live)))
})
