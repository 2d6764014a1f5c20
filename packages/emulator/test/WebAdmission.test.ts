import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator()

const throttle = JSON.stringify({ type: "throttle" })

/** The status of a request that injects a fault. `headers` may include those that `fetch` forbids. */
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

/** The same over HTTP/2, with this `:authority`. */
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
    "accepts the host %s",
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
    "refuses a foreign host name: %s",
    (host) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        assert.deepStrictEqual([yield* order({ host }), yield* orderOverHttp2(host)], [403, 403])
        assert.strictEqual(yield* order({ host, origin: `http://${host}` }), 403)
        assert.deepStrictEqual(yield* emulator.faults, [])
      }).pipe(Effect.provide(live))
  )

  it.effect.each(["http://evil.example", "http://localhost:3000", "http://localhost.evil.example", "null"])(
    "refuses web pages of %s",
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

/** The head and the text of a response to other names than this machine's. */
const request = Effect.fnUntraced(function*(method: string, path: string, headers: Record<string, string>) {
  const { url } = yield* Emulator.Emulator
  return yield* Effect.callback<{ status: number; headers: Http.IncomingHttpHeaders; text: string }>((resume) => {
    const sent = Http.request(url + path, { method, headers })
    sent.on("response", (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
      response.on(
        "end",
        () => resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, text }))
      )
    })
    sent.end()
  })
})

describe("The admin token", () => {
  const token = "a secret of thirty characters!"
  const guarded = Fixture.emulator({ admin: { token: Redacted.make(token) } })
  const host = "emulator:4599"
  const basic = (password: string) => `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`

  it.effect.each([`Bearer ${token}`, `bearer ${token}`, basic(token)])(
    "admits a client that names the emulator otherwise and sends it: %s",
    (authorization) =>
      Effect.gen(function*() {
        const { status, text } = yield* request("GET", "/_strata/statistics", { host, authorization })
        assert.strictEqual(status, 200)
        assert.strictEqual(JSON.parse(text).requests, 0)
        assert.strictEqual(yield* order({ host, authorization }), 200)
      }).pipe(Effect.provide(guarded))
  )

  it.effect.each([undefined, "Bearer wrong", `Bearer ${token}x`, "Bearer ", basic(""), token, "Basic %%%"])(
    "refuses a client without it, which a browser asks its user for: %s",
    (authorization) =>
      Effect.gen(function*() {
        const { headers, status, text } = yield* request("GET", "/_strata/statistics", {
          host,
          ...(authorization === undefined ? undefined : { authorization })
        })
        assert.strictEqual(status, 401)
        assert.include(headers["www-authenticate"], "Basic")
        assert.include(JSON.parse(text).message, "admin token")
        assert.notInclude(text, token)
      }).pipe(Effect.provide(guarded))
  )

  it.effect("is not needed on this machine, and does not admit pages of other origins", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* order({}), 200)
      assert.strictEqual(yield* order({ host, authorization: `Bearer ${token}`, origin: "http://evil.example" }), 403)
    }).pipe(Effect.provide(guarded)))

  it.effect("must not be empty", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Emulator.make({ admin: { token: Redacted.make(" ") } })))
      assert.include(error.message, "admin.token")
    }).pipe(Effect.provide(Layer.merge(Fixture.chat(), Fixture.embedding()))))
})

describe("Readiness", () => {
  const anywhere = { host: "emulator:4599", origin: "https://anywhere.example" }

  it.effect.each(["/_strata/health", "/_strata/health?a=1", "/health"])(
    "answers GET and HEAD %s to any client",
    (path) =>
      Effect.gen(function*() {
        const { headers, status, text } = yield* request("GET", path, anywhere)
        assert.deepStrictEqual([status, JSON.parse(text)], [200, { status: "ok", regions: ["us-east-1"] }])
        assert.strictEqual(headers["access-control-allow-origin"], anywhere.origin)
        const head = yield* request("HEAD", path, anywhere)
        assert.deepStrictEqual([head.status, head.text, head.headers["content-length"]], [
          200,
          "",
          String(text.length)
        ])
        assert.strictEqual((yield* (yield* Emulator.Emulator).statistics).requests, 0)
      }).pipe(Effect.provide(live))
  )

  it.effect("answers GET and HEAD / to any client, with the page only to those admitted", () =>
    Effect.gen(function*() {
      for (const path of ["/", "/?x=1"]) {
        const page = yield* request("GET", path, {})
        assert.include(page.text, "<!doctype html>")
        const head = yield* request("HEAD", path, {})
        assert.deepStrictEqual([head.status, head.text], [200, ""])
        assert.strictEqual(head.headers["content-length"], page.headers["content-length"])
        const foreign = yield* request("GET", path, { host: "emulator:4599" })
        assert.deepStrictEqual([foreign.status, foreign.headers["content-type"]], [200, "text/plain; charset=utf-8"])
        assert.strictEqual((yield* request("HEAD", path, { host: "emulator:4599" })).status, 200)
      }
    }).pipe(Effect.provide(live)))

  it.effect("answers HEAD over HTTP/2 too", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(url)),
        (session) => Effect.sync(() => session.close())
      )
      const status = yield* Effect.callback<number>((resume) => {
        const stream = session.request({ ":method": "HEAD", ":path": "/" }, { endStream: true })
        stream.on("response", (headers) => resume(Effect.succeed(Number(headers[":status"]))))
        stream.resume()
      })
      assert.strictEqual(status, 200)
    }).pipe(Effect.provide(live)))

  it.effect("serves the page at /_strata without its slash, and lists the paths where there is none", () =>
    Effect.gen(function*() {
      assert.include((yield* request("GET", "/_strata", {})).text, "<!doctype html>")
      const { status, text } = yield* request("GET", "/_strata/nowhere", {})
      assert.strictEqual(status, 404)
      assert.include(text, "statistics")
    }).pipe(Effect.provide(live)))
})

describe("The files of the page", () => {
  it.effect("are served with a content security policy for their own origin", () =>
    Effect.gen(function*() {
      for (const path of ["/", "/_strata/"]) {
        const { headers, status, text } = yield* get(path)
        assert.deepStrictEqual([status, headers.get("content-type")], [200, "text/html; charset=utf-8"])
        assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self';/)
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.notMatch(text, /(?:src|href)="(?!\/_strata\/|#)/)
      }
    }).pipe(Effect.provide(live)))

  it.effect("are all served, from the page to the last import", () =>
    Effect.gen(function*() {
      const pages = ["page.html"]
      for (const name of pages) {
        const { headers, status, text } = yield* get(`/_strata/${name}`)
        assert.strictEqual(status, 200, name)
        assert.match(
          headers.get("content-type") ?? "",
          /^(?:text\/(?:html|css|javascript); charset=utf-8|image\/svg\+xml)$/
        )
        for (const [, linked = ""] of text.matchAll(/(?:"\/_strata\/|from "\.\/)(\w+\.\w+)"/g)) {
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
