import { assert, layer } from "@effect/vitest"
import { Tool } from "@strata/core"
import { McpTools } from "@strata/mcp"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { inspect } from "node:util"
import * as Fake from "./support/FakeServer.ts"
import * as Servers from "./support/Servers.ts"

const work: Fake.Tool = { name: "work" }

const connect = <Mode extends Tool.FailureMode = "return">(
  { url }: { readonly url: string },
  options: Partial<McpTools.HttpOptions<Mode>> = {}
) => McpTools.http<Mode>({ server: "fake", url, ...options })

/** A server with sessions, which forgets them when `restart` is called. `refuse` is how it says so. */
const forgetful = (refuse: Fake.Handler, whenUnknown: (method: string) => boolean = () => true) => {
  let generation = 1
  const current = () => `session-${generation}`
  const behave = Fake.behaving([work], {}, { session: current })
  const handle: Fake.Handler = (request, response) => {
    const { method } = request.message
    return method !== "initialize" && whenUnknown(method ?? "") && request.headers["mcp-session-id"] !== current()
      ? refuse(request, response)
      : behave(request, response)
  }
  return { handle, restart: () => generation++ }
}

layer(Servers.platform, { excludeTestServices: true })("a server over HTTP", (it) => {
  it.effect("of the official SDK is listed and called, and its session ends with the scope", () =>
    Effect.gen(function*() {
      const { sessions, url } = yield* Servers.officialHttp
      const scope = yield* Scope.make()
      const server = yield* connect({ url }).pipe(Scope.provide(scope))
      assert.deepStrictEqual((yield* Servers.call(server, "add", { a: 20, b: 22 })).result, { sum: 42 })
      assert.strictEqual((yield* Servers.call(server, "slow", { steps: 2 })).result, "2 steps")
      assert.strictEqual(sessions.size, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(sessions.size, 0)
    }))

  it.effect("case 31: of the official SDK is initialised again when it has forgotten the session", () =>
    Effect.gen(function*() {
      const { sessions, url } = yield* Servers.officialHttp
      const server = yield* connect({ url })
      yield* Servers.call(server, "add", { a: 1, b: 1 })
      sessions.clear()
      assert.deepStrictEqual((yield* Servers.call(server, "add", { a: 2, b: 2 })).result, { sum: 4 })
      assert.strictEqual((yield* server.status).state, "connected")
    }))

  const variants: ReadonlyArray<readonly [string, Fake.Handler]> = [
    ["404", (_, response) => void response.writeHead(404).end()],
    [
      "404 with an error",
      (request, response) => Fake.error(request, response, { code: -32001, message: "Session not found" }, 404)
    ],
    ["400", (_, response) =>
      Fake.json(response, 400, {
        jsonrpc: "2.0",
        id: null,
        error: { code: -32000, message: "Bad Request: No valid session ID provided" }
      })],
    [
      "400 after a restart behind a store",
      (_, response) =>
        Fake.json(response, 400, {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32000, message: "Bad Request: Server not initialized" }
        })
    ],
    ["401", (_, response) => void response.writeHead(401).end("Unauthorized: Session not found")],
    ["503", (_, response) => void response.writeHead(503).end("unknown or expired mcp-session-id")],
    [
      "200 with an error",
      (request, response) => Fake.error(request, response, { code: -32000, message: "Session terminated" })
    ],
    ["200 with a defect", (request, response) =>
      Fake.error(request, response, {
        code: 0,
        message: "[{\"_tag\":\"Die\",\"defect\":{\"message\":\"Mcp-Session-Id does not exist\",\"name\":\"Error\"}}]"
      })]
  ]

  it.effect.each(variants)(
    "case 31: a lost session, said with %s, is initialised once for parallel calls",
    ([, refuse]) =>
      Effect.gen(function*() {
        const { handle, restart } = forgetful(refuse, (method) => method !== "notifications/initialized")
        const fake = yield* Fake.listen(handle)
        const server = yield* connect(fake)
        yield* Servers.call(server, "work")
        restart()
        const answers = yield* Effect.all(
          Array.from({ length: 5 }, () => Servers.call(server, "work")),
          { concurrency: "unbounded" }
        )
        assert.isTrue(answers.every(({ isFailure }) => !isFailure), JSON.stringify(answers))
        assert.lengthOf(fake.of("initialize"), 2)
        assert.isUndefined(fake.of("initialize")[1]!.headers["mcp-session-id"])
        assert.strictEqual(fake.of("tools/call").at(-1)!.headers["mcp-session-id"], "session-2")
      })
  )

  it.effect("case 31: a second refusal is a typed error", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (_, response) => void response.writeHead(404).end()
      }, { session: () => "one" }))
      const server = yield* connect(fake)
      const error = Servers.failureOf(yield* Servers.call(server, "work"))
      assert.strictEqual(error.reason, "session-lost")
      assert.strictEqual(error.outcome, "not-run")
      assert.lengthOf(fake.of("tools/call"), 2)
      assert.lengthOf(fake.of("initialize"), 2)
      assert.strictEqual((yield* server.status).state, "disconnected")
    }))

  it.effect("case 31: an error of a tool about sessions of its own is not one about ours", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (request, response) =>
          Fake.error(request, response, { code: -32603, message: "Browser session not found" })
      }, { session: () => "one" }))
      const error = Servers.failureOf(yield* Servers.call(yield* connect(fake), "work"))
      assert.strictEqual(error.reason, "server")
      assert.lengthOf(fake.of("tools/call"), 1)
    }))

  it.effect("case 31: the status says it when the server is gone", () =>
    Effect.gen(function*() {
      const lost = forgetful((_, response) => void response.writeHead(404).end())
      let isDown = false
      const fake = yield* Fake.listen((request, response) =>
        isDown && request.message.method === "initialize"
          ? void response.writeHead(500).end("no database")
          : lost.handle(request, response)
      )
      const server = yield* connect(fake)
      yield* Servers.call(server, "work")
      lost.restart()
      isDown = true
      const error = Servers.failureOf(yield* Servers.call(server, "work"))
      assert.strictEqual(error.status, 500)
      const status = yield* server.status
      assert.strictEqual(status.state, "disconnected")
      assert.strictEqual(status.error?.status, 500)
    }))

  it.effect("case 36: a stream that breaks is picked up with the last event's id, and the call not sent again", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (request, response) => {
          Fake.events(response).write(
            `id: 7\nretry: 20\ndata: \n\n${
              Fake.event({ jsonrpc: "2.0", method: "notifications/message", params: {} }, "8")
            }`
          )
          setTimeout(() => response.destroy(), 30)
          pending = request.message.id!
        },
        GET: (request, response) => {
          if (request.headers["last-event-id"] === undefined) return void response.writeHead(405).end()
          Fake.events(response).end(
            Fake.event({ jsonrpc: "2.0", id: pending, result: { content: [{ type: "text", text: "picked up" }] } }, "9")
          )
        }
      }))
      let pending = 0
      const server = yield* connect(fake)
      assert.strictEqual((yield* Servers.call(server, "work")).result, "picked up")
      const gets = fake.arrived.filter(({ method }) => method === "GET")
      assert.deepStrictEqual(gets.map(({ headers }) => headers["last-event-id"]), ["8"])
      assert.lengthOf(fake.of("tools/call"), 1)
    }))

  it.effect("case 36: a server that closes each stream to be polled is polled", () =>
    Effect.gen(function*() {
      let polls = 0
      let pending = 0
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (request, response) => {
          pending = request.message.id!
          Fake.events(response).end("id: start\nretry: 10\ndata: \n\n")
        },
        GET: (_, response) => {
          Fake.events(response).end(
            ++polls < 6
              ? `id: poll-${polls}\ndata: \n\n`
              : Fake.event({ jsonrpc: "2.0", id: pending, result: { content: [] } })
          )
        }
      }))
      const server = yield* connect(fake)
      assert.isFalse((yield* Servers.call(server, "work")).isFailure)
      assert.strictEqual(polls, 6)
    }))

  it.effect("case 36: without an event id the call fails, its outcome unknown, and is not sent again", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (_, response) => {
          Fake.events(response).write(": still here\n\n")
          setTimeout(() => response.destroy(), 30)
        }
      }))
      const server = yield* connect(fake)
      const error = Servers.failureOf(yield* Servers.call(server, "work"))
      assert.strictEqual(error.reason, "connection")
      assert.strictEqual(error.outcome, "unknown")
      assert.lengthOf(fake.of("tools/call"), 1)
      assert.lengthOf(fake.arrived.filter(({ method }) => method === "GET"), 0)
    }))

  it.effect("case 36: a stream that ends without an answer, again and again, is a typed error", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (_, response) => void Fake.events(response).end("id: 1\nretry: 1\ndata: \n\n"),
        GET: (_, response) => void Fake.events(response).end("id: 1\ndata: \n\n")
      }))
      const server = yield* connect(fake)
      const error = Servers.failureOf(yield* Servers.call(server, "work"))
      assert.strictEqual(error.reason, "connection")
      assert.strictEqual(error.outcome, "unknown")
    }))

  it.effect("case 35: progress over HTTP keeps a call alive; a timeout closes the socket and cancels", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": ({ message: { id, params } }, response) => {
          Fake.events(response)
          let count = 0
          const timer = setInterval(() => {
            if (++count > 6) return clearInterval(timer)
            response.write(Fake.event({
              jsonrpc: "2.0",
              method: "notifications/progress",
              params: { progressToken: params!._meta.progressToken, progress: count }
            }))
            if (count === 6 && params!.arguments.ends) {
              response.end(Fake.event({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: "at last" }] } }))
            }
          }, 450)
        }
      }))
      const server = yield* connect(fake, { timeout: "2 seconds" })
      assert.strictEqual((yield* Servers.call(server, "work", { ends: true })).result, "at last")
      const error = Servers.failureOf(yield* Servers.call(server, "work", {}))
      assert.strictEqual(error.reason, "timeout")
      assert.strictEqual(error.outcome, "unknown")
      yield* Servers.eventually(() => fake.of("notifications/cancelled").length === 1)
      const [cancelled] = fake.of("notifications/cancelled")
      assert.strictEqual(cancelled?.message.params!.requestId, fake.of("tools/call")[1]!.message.id)
    }))

  const refusesVersion: ReadonlyArray<readonly [string, Fake.Handler]> = [
    [
      "a status 400 with text",
      (_, response) =>
        void response.writeHead(400).end(
          "Unsupported protocol version (supported versions: 2024-11-05, 2025-03-26, 2019-01-01)"
        )
    ],
    ["an error with data", (request, response) =>
      Fake.error(request, response, {
        code: -32602,
        message: "Unsupported protocol version",
        data: { supported: ["2025-03-26", "2024-11-05"], requested: "2025-11-25" }
      })]
  ]

  it.effect.each(refusesVersion)(
    "case 41: a version refused by %s that lists others is followed by the newest common one",
    ([, refuse]) =>
      Effect.gen(function*() {
        const behave = Fake.behaving([work], {}, { version: "2025-03-26" })
        const fake = yield* Fake.listen((request, response) =>
          request.message.method === "initialize" && request.message.params!.protocolVersion === "2025-11-25"
            ? refuse(request, response)
            : behave(request, response)
        )
        const server = yield* connect(fake)
        assert.strictEqual((yield* server.status).protocolVersion, "2025-03-26")
        assert.deepStrictEqual(fake.of("initialize").map(({ message }) => message.params!.protocolVersion), [
          "2025-11-25",
          "2025-03-26"
        ])
      })
  )

  it.effect.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])(
    "case 41: the version %s of the server's answer is taken, and sent only after `initialize`",
    (version) =>
      Effect.gen(function*() {
        const fake = yield* Fake.listen(Fake.behaving([work], {}, { version }))
        const server = yield* connect(fake)
        yield* Servers.call(server, "work")
        assert.isUndefined(fake.of("initialize")[0]!.headers["mcp-protocol-version"])
        for (const method of ["notifications/initialized", "tools/list", "tools/call"]) {
          assert.strictEqual(fake.of(method)[0]!.headers["mcp-protocol-version"], version)
        }
      })
  )

  it.effect("case 41: an unknown version is a typed error; a server that refuses all is asked twice at most", () =>
    Effect.gen(function*() {
      const strange = yield* Fake.listen(Fake.behaving([work], {}, { version: "2031-01-01" }))
      const error = yield* Effect.flip(connect(strange))
      assert.strictEqual(error._tag === "McpError" && error.reason, "unsupported-version")
      const refusing = yield* Fake.listen(Fake.behaving([work], {
        initialize: (_, response) => void response.writeHead(400).end("supported: 2025-06-18, 2024-11-05")
      }))
      assert.strictEqual((yield* Effect.flip(connect(refusing)))._tag, "McpError")
      assert.lengthOf(refusing.of("initialize"), 2)
    }))

  it.effect("case 41: features that the server does not mention are absent", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        initialize: (request, response) => Fake.result(request, response, { protocolVersion: "2025-06-18" })
      }))
      const server = yield* connect(fake)
      assert.deepStrictEqual(yield* server.tools, [])
      assert.isUndefined((yield* server.status).serverInfo)
      assert.lengthOf(fake.of("tools/list"), 0)
    }))

  const nonsense: ReadonlyArray<readonly [string, Fake.Handler]> = [
    ["HTML", (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hello</h1>")],
    ["nothing", (_, response) => void response.writeHead(202).end()],
    [
      "JSON that is cut",
      (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end("{\"jsonrpc\":\"2.0\",")
    ],
    [
      "JSON that nests deeply",
      (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end("[".repeat(100_000))
    ],
    ["another answer", (_, response) => Fake.json(response, 200, { jsonrpc: "2.0", id: 99_999, result: {} })],
    ["a null", (_, response) => Fake.json(response, 200, null)],
    ["events of nonsense", (_, response) => void Fake.events(response).end("data: {]\n\ndata: 1\n\n\u0000\n\n")],
    ["an answer that is too large", (_, response) => Fake.json(response, 200, "x".repeat(300_000))],
    ["an event that is too large", (_, response) => void Fake.events(response).end(`data: ${"x".repeat(300_000)}\n\n`)],
    ["a cut connection", (_, response) => void response.destroy()],
    ["half a body", (_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" }).write("{")
      setTimeout(() => response.destroy(), 20)
    }],
    ["an error that is a number", (request, response) => Fake.error(request, response, 7)],
    ["an error without words", (request, response) => Fake.error(request, response, {})],
    ["a result that is null", (request, response) => Fake.result(request, response, null)],
    ["a status 500", (_, response) => void response.writeHead(500).end("\u001b[31mstack\u001b[0m")],
    ["a redirect", (_, response) => void response.writeHead(303, { location: "/elsewhere" }).end()],
    ["no content type", (_, response) => void response.writeHead(200).end("{}")]
  ]

  it.effect.each(nonsense)("%s is a typed error, wherever it comes", ([, handle]) =>
    Effect.gen(function*() {
      const options = { maxMessageBytes: 100_000, timeout: "2 seconds", startTimeout: "2 seconds" } as const
      for (const method of ["initialize", "tools/list"]) {
        const fake = yield* Fake.listen(Fake.behaving([work], { [method]: handle }))
        const error = yield* Effect.flip(Effect.flatMap(connect(fake, options), ({ tools }) => tools))
        assert.strictEqual(error._tag, "McpError")
        assert.isBelow(error.message.length, 2000)
      }
      const fake = yield* Fake.listen(Fake.behaving([work], { "tools/call": handle }))
      const server = yield* connect(fake, options)
      assert.strictEqual(Servers.failureOf(yield* Servers.call(server, "work"))._tag, "McpError")
    }))

  it.effect("a server that cannot be reached is a typed error, and nothing was run", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(connect({ url: "http://127.0.0.1:9/mcp" }))
      assert.strictEqual(error._tag === "McpError" && error.reason, "connection")
      assert.strictEqual(error._tag === "McpError" && error.outcome, "not-run")
    }))

  it.effect("a call is known not to have run when nothing listens any more", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const fake = yield* Fake.listen(Fake.behaving([work])).pipe(Scope.provide(scope))
      const server = yield* connect(fake)
      const [tool] = yield* server.tools
      yield* Scope.close(scope, Exit.void)
      // The first call may find a socket that the server has just closed: what became of that one cannot be known.
      yield* Tool.call(tool!, {})
      const error = Servers.failureOf(yield* Tool.call(tool!, { secret: "argument" }))
      assert.strictEqual(error.reason, "connection")
      assert.strictEqual(error.outcome, "not-run")
      assert.include(error.message, "ECONNREFUSED")
    }))

  it.effect("errors hold neither arguments nor headers", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (_, response) => void response.destroy()
      }))
      const server = yield* connect(fake, { headers: { "x-key": Redacted.make("s3cret-key") } })
      const error = Servers.failureOf(yield* Servers.call(server, "work", { text: "s3cret-argument" }))
      assert.notInclude(inspect(error, { depth: 20, showHidden: true }), "s3cret")
      const unstartable = yield* Effect.flip(
        McpTools.stdio({ server: "none", command: "/no/such/program", args: ["--key=s3cret"], env: { KEY: "s3cret" } })
      )
      assert.notInclude(inspect(unstartable, { depth: 20, showHidden: true }), "s3cret")
    }))

  it.effect("interruption of a call closes its socket, and the scope closes all others", () =>
    Effect.gen(function*() {
      let closed = 0
      let listening = 0
      const fake = yield* Fake.listen(Fake.behaving([work], {
        "tools/call": (_, response) => void response.on("close", () => closed++),
        GET: (_, response) => {
          listening++
          response.on("close", () => listening--)
          Fake.events(response).write(": listening\n\n")
        }
      }, { listChanged: true, session: () => "one" }))
      const scope = yield* Scope.make()
      const server = yield* connect(fake).pipe(Scope.provide(scope))
      const fiber = yield* Effect.forkChild(Servers.call(server, "work"))
      yield* Servers.eventually(() => fake.of("tools/call").length === 1 && listening === 1)
      assert.strictEqual(closed, 0)
      yield* Fiber.interrupt(fiber)
      yield* Servers.eventually(() => closed === 1)
      assert.strictEqual(listening, 1)
      yield* Scope.close(scope, Exit.void)
      yield* Servers.eventually(() => listening === 0)
      assert.lengthOf(fake.arrived.filter(({ method }) => method === "DELETE"), 1)
    }))

  it.effect("headers go with every request", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen(Fake.behaving([work]))
      yield* Servers.call(yield* connect(fake, { headers: { "X-Api-Key": "k" } }), "work")
      assert.isTrue(fake.arrived.every(({ headers }) => headers["x-api-key"] === "k"))
    }))
})
