import { assert, layer } from "@effect/vitest"
import { McpAuthentication, McpTools } from "@strata/mcp"
import { Deferred, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import * as Fake from "./support/FakeServer.ts"
import * as Servers from "./support/Servers.ts"

const tokens = (name: string): McpAuthentication.Tokens => ({
  accessToken: Redacted.make(`access-${name}`),
  refreshToken: Redacted.make(`refresh-${name}`)
})

/** A server that takes one access token, and the authorization server that hands out the next for each refresh token. */
const guarded = Effect.gen(function*() {
  let valid = "1"
  const used: Array<string> = []
  const behave = Fake.behaving([{ name: "work" }])
  const fake = yield* Fake.listen((request, response) =>
    request.headers.authorization === `Bearer access-${valid}`
      ? behave(request, response)
      : void response.writeHead(401, { "www-authenticate": "Bearer" }).end("expired")
  )
  return {
    ...fake,
    used,
    /** The access token expires; the refresh token is good for one use. */
    expire: () => void (valid = `expired-${valid}`),
    refresh: ({ refreshToken }: McpAuthentication.Tokens) =>
      Effect.gen(function*() {
        const token = refreshToken === undefined ? "" : Redacted.value(refreshToken)
        yield* Effect.sleep("30 millis")
        if (used.includes(token)) return yield* Effect.fail({ _tag: "InvalidGrant", secret: token })
        used.push(token)
        valid = `${used.length + 1}`
        return tokens(valid)
      })
  }
})

const connect = ({ url }: { readonly url: string }, authentication: McpAuthentication.Authentication) =>
  McpTools.http({ server: "guarded", url, authentication })

layer(Servers.platform, { excludeTestServices: true })("a server that wants a login", (it) => {
  it.effect("gets the token of the store", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const server = yield* connect(fake, { store: yield* McpAuthentication.makeStore(tokens("1")) })
      assert.isFalse((yield* Servers.call(server, "work")).isFailure)
    }))

  it.effect("case 38: parallel calls with an expired token share one refresh, and each is sent once more", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const server = yield* connect(fake, {
        store: yield* McpAuthentication.makeStore(tokens("1")),
        refresh: fake.refresh
      })
      yield* server.tools
      fake.expire()
      const answers = yield* Effect.all(Array.from({ length: 6 }, () => Servers.call(server, "work")), {
        concurrency: "unbounded"
      })
      assert.isTrue(answers.every(({ isFailure }) => !isFailure))
      assert.deepStrictEqual(fake.used, ["refresh-1"])
      assert.isAtMost(fake.of("tools/call").length, 12)
    }))

  it.effect("case 38: two processes with one store do not use up the same refresh token", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const store = yield* McpAuthentication.makeStore(tokens("1"))
      const servers = yield* Effect.all([
        connect(fake, { store, refresh: fake.refresh }),
        connect(fake, { store, refresh: fake.refresh })
      ])
      yield* Effect.forEach(servers, ({ tools }) => tools)
      for (const round of [1, 2]) {
        fake.expire()
        const answers = yield* Effect.all(servers.map((server) => Servers.call(server, "work")), {
          concurrency: "unbounded"
        })
        assert.isTrue(answers.every(({ isFailure }) => !isFailure))
        assert.lengthOf(fake.used, round)
      }
    }))

  it.effect("case 38: a refresh token that has expired is tried once, and then a login is needed", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const store = yield* McpAuthentication.makeStore(tokens("old"))
      let refreshes = 0
      const refresh = () =>
        Effect.suspend(() => {
          refreshes++
          return Effect.fail({ _tag: "InvalidGrant", secret: "refresh-old" })
        })
      const server = yield* McpTools.http({
        server: "guarded",
        url: fake.url,
        connect: "lazily",
        authentication: { store, refresh }
      })
      for (let times = 0; times < 3; times++) {
        const error = yield* Effect.flip(server.tools)
        assert.strictEqual(error.reason, "needs-login")
        assert.strictEqual(error.outcome, "not-run")
        assert.notInclude(JSON.stringify(error), "refresh-old")
      }
      assert.strictEqual(refreshes, 1)
      // The person logs in.
      const entry = yield* store.get
      assert.isTrue(yield* store.compareAndSet(entry?.version, { version: 99, tokens: tokens("1") }))
      assert.isFalse((yield* Servers.call(server, "work")).isFailure)
    }))

  it.effect("case 38: after one retry a refused token is a typed error, and nothing loops", () =>
    Effect.gen(function*() {
      const fake = yield* Fake.listen((_, response) => void response.writeHead(401).end())
      const store = yield* McpAuthentication.makeStore(tokens("1"))
      let count = 1
      const error = yield* Effect.flip(
        connect(fake, { store, refresh: () => Effect.sync(() => tokens(`${++count}`)) })
      )
      assert.strictEqual(error._tag === "McpError" && error.reason, "needs-login")
      assert.lengthOf(fake.arrived, 2)
      assert.strictEqual(count, 2)
    }))

  it.effect("case 38: without tokens, or without `authentication`, a login is needed", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const none = yield* Effect.flip(connect(fake, { store: yield* McpAuthentication.makeStore() }))
      assert.strictEqual(none._tag === "McpError" && none.reason, "needs-login")
      const anonymous = yield* Effect.flip(McpTools.http({ server: "guarded", url: fake.url }))
      assert.strictEqual(anonymous._tag === "McpError" && anonymous.reason, "needs-login")
    }))

  it.effect("case 38: a refresh that has begun is stored, although its caller was interrupted", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const store = yield* McpAuthentication.makeStore(tokens("1"))
      const begun = yield* Deferred.make<void>()
      const server = yield* connect(fake, {
        store,
        refresh: (tokens) => Effect.andThen(Deferred.succeed(begun, undefined), fake.refresh(tokens))
      })
      yield* server.tools
      fake.expire()
      const fiber = yield* Effect.forkChild(Servers.call(server, "work"))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      assert.isFalse((yield* Servers.call(server, "work")).isFailure)
      assert.deepStrictEqual(fake.used, ["refresh-1"])
      const entry = yield* store.get
      assert.strictEqual(Redacted.value(entry!.tokens!.accessToken), "access-2")
      assert.isUndefined(entry!.refreshingUntil)
    }))

  it.effect("case 38: a refresh that has begun is stored, although the scope ends", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const store = yield* McpAuthentication.makeStore(tokens("1"))
      const begun = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const server = yield* connect(fake, {
        store,
        refresh: (tokens) => Effect.andThen(Deferred.succeed(begun, undefined), fake.refresh(tokens))
      }).pipe(Scope.provide(scope))
      yield* server.tools
      fake.expire()
      yield* Effect.forkChild(Servers.call(server, "work"))
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      const entry = yield* store.get
      assert.strictEqual(Redacted.value(entry!.tokens!.accessToken), "access-2")
    }))

  it.effect("case 38: one refresh is in flight, although the store lets everybody write", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const store = yield* McpAuthentication.makeStore(tokens("1"))
      let entry = yield* store.get
      const server = yield* connect(fake, {
        store: {
          get: Effect.sync(() => entry && { version: entry.version, tokens: entry.tokens }),
          compareAndSet: (_, next) =>
            Effect.sync(() => {
              entry = next
              return true
            })
        },
        refresh: fake.refresh
      })
      yield* server.tools
      fake.expire()
      const answers = yield* Effect.all(Array.from({ length: 4 }, () => Servers.call(server, "work")), {
        concurrency: "unbounded"
      })
      assert.isTrue(answers.every(({ isFailure }) => !isFailure))
      assert.deepStrictEqual(fake.used, ["refresh-1"])
    }))

  it.effect("case 38: a lease that was left behind by a process that died is taken over", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const store = yield* McpAuthentication.makeStore(tokens("1"))
      const server = yield* connect(fake, { store, refresh: fake.refresh })
      yield* server.tools
      fake.expire()
      yield* store.compareAndSet(1, { version: 2, tokens: tokens("1"), refreshingUntil: Date.now() + 400 })
      assert.isFalse((yield* Servers.call(server, "work")).isFailure)
    }))

  it.effect("a store or a refresh that fails, throws or returns nonsense is a typed error", () =>
    Effect.gen(function*() {
      const fake = yield* guarded
      const good = yield* McpAuthentication.makeStore(tokens("old"))
      // What JavaScript may give.
      const odd: ReadonlyArray<any> = [
        { store: { ...good, get: Effect.die("no") } },
        { store: { ...good, get: Effect.fail("no") } },
        { store: { ...good, get: Effect.succeed(7) } },
        { store: { ...good, get: Effect.succeed({ version: 1, tokens: { accessToken: "plain" } }) } },
        { store: { ...good, compareAndSet: () => 7 }, refresh: fake.refresh },
        {
          store: good,
          refresh: () => {
            throw new Error("no")
          }
        },
        { store: good, refresh: () => Promise.resolve(1) },
        { store: good, refresh: () => Effect.succeed(undefined) },
        { store: good, refresh: () => Effect.succeed({ accessToken: 7 }) }
      ]
      for (const authentication of odd) {
        const error = yield* Effect.flip(connect(fake, authentication))
        assert.strictEqual(error._tag === "McpError" && error.reason, "needs-login")
      }
    }))
})
