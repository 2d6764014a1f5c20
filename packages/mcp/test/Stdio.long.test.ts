import { assert, describe, it, layer } from "@effect/vitest"
import { McpTools } from "@strata/mcp"
import { Clock, Effect, Exit, Fiber, Layer, Result, Scope } from "effect"
import * as Fs from "node:fs"
import * as Servers from "./support/Servers.ts"

/** A zombie is dead: where nothing reaps it, it stays in the table of processes. */
const isAlive = (pid: number): boolean =>
  Fs.existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(Fs.readFileSync(`/proc/${pid}/stat`, "utf8"))

layer(Servers.platform, { excludeTestServices: true })("a server that is a process", (it) => {
  it.effect("of the official SDK is listed and called", () =>
    Effect.gen(function*() {
      const server = yield* Servers.official
      const tools = yield* server.tools
      assert.deepStrictEqual(tools.map(({ name }) => name), [
        "sdk__add",
        "sdk__fail",
        "sdk__throw",
        "sdk__picture",
        "sdk__slow",
        "sdk__grow"
      ])
      const answer = yield* Servers.call(server, "add", { a: 1, b: 2 })
      assert.deepStrictEqual(answer.result, { sum: 3 })
      const status = yield* server.status
      assert.strictEqual(status.state, "connected")
      assert.deepStrictEqual(status.serverInfo, { name: "sdk", version: "1.0.0", title: "Made with the SDK" })
      assert.strictEqual(status.protocolVersion, "2025-11-25")
    }))

  it.effect("case 32: what dies at the start fails with its exit code and its last lines on stderr", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Servers.misbehaving("dies-at-start"))
      assert.strictEqual(error._tag, "McpError")
      if (error._tag !== "McpError") return
      assert.strictEqual(error.reason, "exited")
      assert.strictEqual(error.exitCode, 7)
      assert.deepStrictEqual(error.stderr, ["cannot find the configuration"])
      assert.strictEqual(error.outcome, "not-run")
    }))

  it.effect("case 32: what cannot be started is a typed error", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(McpTools.stdio({ server: "none", command: "/no/such/program" }))
      assert.strictEqual(error._tag === "McpError" && error.reason, "connection")
    }))

  it.effect("case 32: what never answers `initialize` fails after a timeout of its own", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Servers.misbehaving("silent", { startTimeout: "300 millis", timeout: "1 hour" }))
      assert.strictEqual(error._tag === "McpError" && error.reason, "timeout")
    }))

  it.effect("case 32: when it dies, all pending calls fail at once, and the next call starts it again", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain")
      const hanging = yield* Effect.forkChild(
        Effect.all([Servers.call(server, "work", { do: "hang" }), Servers.call(server, "work", { do: "hang" })], {
          concurrency: "unbounded"
        })
      )
      const dying = Servers.failureOf(yield* Servers.call(server, "work", { do: "die" }))
      for (const error of [dying, ...(yield* Fiber.join(hanging)).map(Servers.failureOf)]) {
        assert.strictEqual(error.reason, "exited")
        assert.strictEqual(error.exitCode, 3)
        assert.deepStrictEqual(error.stderr, ["the disk is full", "giving up"])
        assert.strictEqual(error.outcome, "unknown")
        assert.include(error.message, "the disk is full")
      }
      assert.strictEqual((yield* server.status).state, "disconnected")
      assert.strictEqual((yield* Servers.call(server, "work")).result, "worked")
      assert.strictEqual((yield* server.status).state, "connected")
    }))

  it.effect("case 32: what dies at each call is started again after pauses, and calls in between fail at once", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain")
      assert.strictEqual(Servers.failureOf(yield* Servers.call(server, "work", { do: "die" })).reason, "exited")
      const [tool] = yield* server.tools
      assert.isDefined(tool)
      const die = Effect.map(tool!.prepare({ do: "die" }), ({ run }) => run!)
      assert.strictEqual(Servers.failureOf(yield* Effect.flatten(die)).outcome, "unknown")
      const before = yield* Clock.currentTimeMillis
      const early = Servers.failureOf(yield* Effect.flatten(die))
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 900)
      assert.strictEqual(early.reason, "exited")
      assert.strictEqual(early.outcome, "not-run")
      assert.match(early.message, /tried again in \d+ s/)
    }))

  it.effect("what it wrote just before it ended is an answer", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain")
      assert.strictEqual((yield* Servers.call(server, "work", { do: "answer-and-die" })).result, "the last answer")
    }))

  it.effect("case 35: a call that reports progress outlives the timeout", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain", { timeout: "2 seconds" })
      const answer = yield* Servers.call(server, "work", { do: "progress", times: 8, every: 400 })
      assert.strictEqual(answer.result, "done after 8")
    }))

  it.effect("case 35: progress does not move the hard ceiling", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain", { timeout: "400 millis", maxTimeout: "900 millis" })
      const answer = yield* Servers.call(server, "work", { do: "progress", times: 100, every: 100 })
      assert.strictEqual(Servers.failureOf(answer).reason, "timeout")
    }))

  it.effect("case 35: a timeout says that the outcome is unknown, and cancels at the server", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain", { timeout: "2 seconds" })
      const error = Servers.failureOf(yield* Servers.call(server, "work", { do: "hang" }))
      assert.strictEqual(error.reason, "timeout")
      assert.strictEqual(error.outcome, "unknown")
      assert.match(error.message, /unknown/)
      const { result } = yield* Servers.call(server, "work", { do: "seen" })
      const seen: ReadonlyArray<any> = JSON.parse(String(result))
      const hung = seen.find(({ params }) => params?.arguments?.do === "hang")
      const cancelled = seen.find(({ method }) => method === "notifications/cancelled")
      assert.isDefined(hung.params._meta.progressToken)
      assert.strictEqual(cancelled.params.requestId, hung.params._meta.progressToken)
    }))

  it.effect("case 35: an interrupted call is cancelled at the server", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain")
      const fiber = yield* Effect.forkChild(Servers.call(server, "work", { do: "hang" }))
      yield* Effect.sleep("1 second")
      yield* Fiber.interrupt(fiber)
      const { result } = yield* Servers.call(server, "work", { do: "seen" })
      assert.include(String(result), "notifications/cancelled")
    }))

  it.effect("case 35: the official SDK keeps a call alive by progress", () =>
    Effect.gen(function*() {
      const server = yield* Servers.official
      const answer = yield* Servers.call(server, "slow", { steps: 3 })
      assert.strictEqual(answer.result, "3 steps")
    }))

  it.effect("case 42: lines on stdout that are not messages are diagnostics", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("banner")
      assert.strictEqual((yield* Servers.call(server, "work")).result, "worked")
      const { diagnostics } = yield* server.status
      assert.includeMembers([...diagnostics], ["Welcome to the server!", "{\"level\":\"info\"}", "[1,2]"])
      assert.isTrue(diagnostics.every((line) => !line.includes("\u001b")))
    }))

  it.effect("case 42: the end of the scope ends the process and its grandchild, also when they refuse to", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Servers.misbehaving("stubborn", { closeTimeout: "300 millis" }).pipe(Scope.provide(scope))
      yield* Servers.call(server, "work")
      // stderr may be behind stdout.
      yield* Effect.sleep("500 millis")
      const { diagnostics } = yield* server.status
      const grandchild = Number(/grandchild (\d+)/.exec(diagnostics.join("\n"))?.[1])
      assert.isTrue(isAlive(grandchild))
      const before = yield* Clock.currentTimeMillis
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isAlive(grandchild))
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 10_000)
      assert.strictEqual((yield* server.status).state, "closed")
    }))

  it.effect("case 42: what a wrapper has started does not outlive it", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Servers.misbehaving("wrapper").pipe(Scope.provide(scope))
      yield* Servers.call(server, "work")
      yield* Effect.sleep("500 millis")
      const { diagnostics } = yield* server.status
      const grandchild = Number(/grandchild (\d+)/.exec(diagnostics.join("\n"))?.[1])
      assert.isTrue(isAlive(grandchild))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isAlive(grandchild))
    }))

  it.effect("a process that behaves ends when its stdin does, at once", () =>
    Effect.gen(function*() {
      const before = yield* Clock.currentTimeMillis
      yield* Effect.scoped(Servers.misbehaving("plain", { closeTimeout: "1 minute" }))
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 30_000)
    }))

  it.effect("calls in flight fail when the scope ends, and later ones at once", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* Servers.misbehaving("plain").pipe(Scope.provide(scope))
      const [tool] = yield* server.tools
      const fiber = yield* Effect.forkChild(Servers.call(server, "work", { do: "hang" }))
      yield* Effect.sleep("100 millis")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(Servers.failureOf(yield* Fiber.join(fiber)).reason, "closed")
      const later = yield* Effect.flatMap(tool!.prepare({}), ({ run }) => run!)
      assert.strictEqual(Servers.failureOf(later).reason, "closed")
      assert.strictEqual(Result.isFailure(yield* Effect.result(server.tools)), true)
    }))

  it.effect("a line that is too long is a typed error, and the server is started again", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain", { maxMessageBytes: 10_000 })
      const error = Servers.failureOf(yield* Servers.call(server, "work", { do: "flood", size: 200_000 }))
      assert.strictEqual(error.reason, "protocol")
      assert.strictEqual((yield* Servers.call(server, "work")).result, "worked")
    }))

  it.effect("it gets no variables of this process but those that programs need", () =>
    Effect.gen(function*() {
      process.env["STRATA_TEST_SECRET"] = "s3cret"
      const server = yield* Servers.misbehaving("plain", { env: { OWN: "1" } })
      const { result } = yield* Servers.call(server, "work", { do: "environment" })
      delete process.env["STRATA_TEST_SECRET"]
      const environment = JSON.parse(String(result))
      assert.strictEqual(environment.OWN, "1")
      assert.isDefined(environment.PATH)
      assert.isUndefined(environment.STRATA_TEST_SECRET)
    }))

  it.effect("its pings are answered, and what it asks for otherwise is refused", () =>
    Effect.gen(function*() {
      const server = yield* Servers.misbehaving("plain")
      assert.strictEqual((yield* Servers.call(server, "work", { do: "ask" })).result, "asked")
      const { result } = yield* Servers.call(server, "work", { do: "seen" })
      assert.lengthOf(JSON.parse(String(result)).filter(({ method }: any) => method === undefined), 2)
    }))
})

describe("the layer", () => {
  it.live("offers the tools of many servers, and leaves out one that cannot be reached", () =>
    Effect.gen(function*() {
      const { servers, tools } = yield* McpTools.McpTools
      assert.lengthOf(servers, 3)
      assert.deepStrictEqual((yield* tools).map(({ name }) => name), ["one__work", "two__work"])
    }).pipe(
      Effect.provide(
        McpTools.layer([
          Servers.misbehaving("plain", { server: "one" }),
          Servers.misbehaving("plain", { server: "two" }),
          Servers.misbehaving("dies-at-start", { server: "three", connect: "lazily" })
        ]).pipe(Layer.provide(Servers.platform))
      )
    ))

  it.live("fails when two tools would have one name", () =>
    Effect.gen(function*() {
      const { tools } = yield* McpTools.McpTools
      const error = yield* Effect.flip(tools)
      assert.strictEqual(error.reason, "name-collision")
    }).pipe(
      Effect.provide(
        McpTools.layer([
          Servers.misbehaving("plain", { server: "same" }),
          Servers.misbehaving("plain", { server: "same" })
        ]).pipe(Layer.provide(Servers.platform))
      )
    ))
})
