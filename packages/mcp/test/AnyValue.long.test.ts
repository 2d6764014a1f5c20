import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Tool } from "@strata/core"
import * as Mcp from "@strata/mcp"
import { McpAuthentication, McpTools } from "@strata/mcp"
import { Effect, Layer, Redacted, References, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { type Calls, fields } from "../../core/test/support/AnyCalls.ts"
import * as AnyValue from "../../core/test/support/AnyValue.ts"

/** A server in this process: each method has a result. */
const answering = (results: { readonly [method: string]: unknown }) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) =>
      Effect.sync(() => {
        const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
        const { id, method = request.method } = JSON.parse(body)
        const result = results[method]
        const response = result === undefined
          ? new Response(null, { status: method === "notifications/initialized" ? 202 : 405 })
          : new Response(JSON.stringify({ jsonrpc: "2.0", id, result }), {
            headers: { "content-type": "application/json" }
          })
        return HttpClientResponse.fromWeb(request, response)
      })
    )
  )

const good = {
  initialize: {
    protocolVersion: "2025-11-25",
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: "any", version: "1", title: "Any" },
    instructions: "Be kind"
  },
  "tools/list": {
    tools: [{
      name: "work",
      title: "Work",
      description: "Works",
      inputSchema: {
        type: "object",
        properties: { a: { type: "string", enum: ["a"] }, b: { $ref: "#/$defs/b" } },
        $defs: { b: {} }
      },
      outputSchema: { type: "object", properties: { c: { type: "number" } } },
      annotations: { readOnlyHint: true },
      execution: { taskSupport: "optional" }
    }],
    nextCursor: "next"
  },
  "tools/call": {
    isError: false,
    structuredContent: { c: 1 },
    content: [
      { type: "text", text: "hello" },
      { type: "image", data: "AAAA", mimeType: "image/png" },
      { type: "audio", data: "AAAA", mimeType: "audio/wav" },
      { type: "resource", resource: { uri: "file:///a.pdf", mimeType: "application/pdf", blob: "AAAA" } },
      { type: "resource", resource: { uri: "file:///a.txt", text: "a" } },
      {
        type: "resource_link",
        uri: "file:///a",
        name: "a",
        title: "A",
        description: "An A",
        mimeType: "text/plain",
        size: 1
      }
    ]
  }
}

const url = "http://any.example/mcp"

/** Connects, lists the tools and calls each. */
const used = (options: McpTools.HttpOptions = { server: "any", url }) =>
  Effect.gen(function*() {
    const server = yield* McpTools.http(options)
    const tools = yield* server.tools
    const answers = yield* Effect.forEach(tools, (tool) => Tool.call(tool, { a: "a" }))
    yield* server.status
    for (const answer of answers) {
      if (answer.isFailure && answer.error instanceof Tool.ToolDefectError) return yield* Effect.die(answer.error)
    }
    return answers
  })

const over = (results: { readonly [method: string]: unknown }) => <A, E>(effect: Effect.Effect<A, E, any>) =>
  Effect.provide(effect, answering(results)) as Effect.Effect<A, E>

const general = [
  "server",
  "connect",
  "startTimeout",
  "timeout",
  "maxTimeout",
  "maxMessageBytes",
  "failureMode",
  "select",
  "media"
]

const processes = <A, E>(effect: Effect.Effect<A, E, any>) =>
  Effect.provide(effect, NodeServices.layer) as Effect.Effect<A, E>

const tokens = { accessToken: Redacted.make("a") }

const calls: Readonly<Record<string, Calls>> = {
  "McpAuthentication.makeStore": (any) => [
    () =>
      Effect.flatMap(
        McpAuthentication.makeStore(any),
        (store) =>
          Effect.andThen(
            over(good)(used({ server: "any", url, authentication: { store } })),
            store.compareAndSet(any, any)
          )
      )
  ],
  "McpTools.stdio": (any) =>
    [
      any,
      ...fields([...general, "env", "extendEnv", "cwd", "closeTimeout"], any)
        .map((options) => ({ server: "any", command: "true", ...(options as object) })),
      { server: "any", command: typeof any === "string" ? "true" : any },
      { server: "any", command: "true", args: any },
      { server: "any", command: "true", args: [any] },
      { server: "any", command: "true", env: { ANY: any } }
    ].map((options) => () => processes(McpTools.stdio(options as never))),
  "McpTools.http": (any) =>
    [
      any,
      ...fields([...general, "url", "headers", "authentication"], any)
        .map((options) => ({ server: "any", url, ...(options as object) })),
      { server: "any", url, headers: { any } },
      { server: "any", url, media: [any] },
      { server: "any", url, select: () => any },
      { server: "any", url, authentication: { store: any } },
      { server: "any", url, authentication: { store: { get: Effect.succeed(any), compareAndSet: () => any } } },
      {
        server: "any",
        url,
        authentication: {
          store: { get: Effect.succeed({ version: 1, tokens }), compareAndSet: () => Effect.succeed(true) },
          refresh: () => any
        }
      }
    ].map((options) => () => over(good)(used(options as never))),
  "McpTools.layer": (any) => [
    () => McpTools.layer(any),
    () => McpTools.layer([any]),
    () => McpTools.layer([Effect.succeed(any)])
  ],
  "McpTools.toolName": (any) => [() => McpTools.toolName(any, "a"), () => McpTools.toolName("a", any)]
}

describe("Every public function", () => {
  it("is tested here", () => {
    const functions = Object.entries(Mcp).flatMap(([module, exports]) =>
      Object.entries(exports)
        .filter(([name, value]) => typeof value === "function" && name[0] === name[0]?.toLowerCase())
        .map(([name]) => `${module}.${name}`)
    )
    assert.deepStrictEqual(functions.sort(), Object.keys(calls).sort())
  })

  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any, name === "McpTools.toolName" ? 1 : 8), [])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 120_000)
  }

  it.effect("names an option that is wrong", () =>
    Effect.gen(function*() {
      const fields: ReadonlyArray<readonly [object, string]> = [
        [{ url: "file:///etc/passwd" }, "url"],
        [{ headers: { "a b": "c" } }, "headers"],
        [{ headers: { a: "b\nc" } }, "headers"],
        [{ timeout: "soon" }, "timeout"],
        [{ server: " " }, "server"]
      ]
      for (const [options, field] of fields) {
        const error = yield* Effect.flip(over(good)(used({ server: "any", url, ...options })))
        assert.strictEqual((error as { readonly _tag: string })._tag, "InvalidRequestError")
        assert.include((error as { readonly field: string }).field, field)
      }
    }))
})

/** A value with something else, or nothing, in each of its places. */
const wrongs = (value: unknown): ReadonlyArray<readonly [place: string, value: unknown]> => {
  const inside = typeof value === "object" && value !== null
    ? Object.keys(value).flatMap((key) =>
      wrongs((value as { readonly [key: string]: unknown })[key]).map(([place, wrong]) => {
        const copy: any = Array.isArray(value) ? [...value] : { ...value }
        copy[key] = wrong
        return [`${key}.${place}`, copy] as const
      })
    )
    : []
  const others: ReadonlyArray<unknown> = [undefined, null, -1.5, "a\u0000", [null, "a"], { toString: 1, length: 2 }]
  return [...inside, ...others.map((other) => [`= ${JSON.stringify(other)}`, other] as const)]
}

describe("Every server", () => {
  for (const method of ["initialize", "tools/list", "tools/call"] as const) {
    it.live(`whose answer to ${method} is not quite right gives a typed error or tools that work`, () =>
      Effect.gen(function*() {
        for (const [place, wrong] of wrongs(good[method])) {
          const trouble = yield* AnyValue.troubleOf(() => over({ ...good, [method]: wrong })(used()))
          assert.isUndefined(trouble, place)
        }
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

    it.effect.prop(`may answer any JSON to ${method}`, [Schema.Json], ([json]) =>
      Effect.gen(function*() {
        assert.isUndefined(yield* AnyValue.troubleOf(() => over({ ...good, [method]: json })(used())))
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
  }

  it.live("whose events are cut anywhere gives the answer or a typed error", () =>
    Effect.gen(function*() {
      const bytes = new TextEncoder().encode(
        `: hello\r\nretry: 1\r\nid: 1\r\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\r\n\r\ndata: {"jsonrpc":"2.0",\ndata: "id":3,"result":{"content":[{"type":"text","text":"größer \u2028 𝄞"}]}}\n\n`
      )
      const serve = (chunks: ReadonlyArray<Uint8Array>, isWhole: boolean) =>
        Layer.succeed(
          HttpClient.HttpClient,
          HttpClient.make((request) =>
            Effect.sync(() => {
              const { id, method = request.method } = JSON.parse(
                request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
              )
              const results: { readonly [method: string]: unknown } = {
                ...good,
                "tools/list": { tools: good["tools/list"].tools }
              }
              return HttpClientResponse.fromWeb(
                request,
                method === "tools/call"
                  ? new Response(
                    new ReadableStream({
                      start: (controller) => {
                        for (const chunk of chunks) controller.enqueue(chunk)
                        if (isWhole) controller.close()
                        else controller.error(new Error("cut"))
                      }
                    }),
                    { headers: { "content-type": "text/event-stream" } }
                  )
                  : results[method] === undefined
                  ? new Response(null, { status: method.startsWith("notifications") ? 202 : 405 })
                  : new Response(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] }), {
                    headers: { "content-type": "application/json" }
                  })
              )
            })
          )
        )
      const answer = (chunks: ReadonlyArray<Uint8Array>, isWhole: boolean) =>
        Effect.map(
          Effect.scoped(used({ server: "any", url, timeout: "3 seconds" })).pipe(
            Effect.provide(serve(chunks, isWhole))
          ),
          ([answer]) => answer
        )
      for (let cut = 0; cut <= bytes.length; cut++) {
        const whole = yield* answer([bytes.subarray(0, cut), bytes.subarray(cut)], true)
        assert.strictEqual(whole?.result, "größer \u2028 𝄞", `${cut}`)
      }
      for (let cut = 0; cut < bytes.length; cut += 5) {
        const broken = yield* answer([bytes.subarray(0, cut)], false)
        assert.isTrue(broken?.isFailure, `${cut}`)
      }
    }))
})
