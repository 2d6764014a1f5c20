import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { McpTools } from "@strata/mcp"
import { Effect, Layer, Schema } from "effect"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import * as Servers from "./support/Servers.ts"

const Tools = Toolkit.make(
  Tool.make("double", {
    description: "Doubles a number",
    parameters: Schema.Struct({ n: Schema.Finite }),
    success: Schema.Struct({ n: Schema.Finite })
  }),
  Tool.make("refuse", { failure: Schema.String })
)

/** A server made with `McpServer` of `effect/ai`, at a port of its own. */
const served = HttpRouter.serve(
  McpServer.layerHttp({
    name: "effect",
    version: "4.1.0",
    path: "/mcp",
    protocols: [McpProtocol.v2025_06_18],
    allowSessionTermination: true,
    registrations: McpServer.toolkit(Tools).pipe(
      Layer.provide(Tools.toLayer({
        double: ({ n }) => Effect.succeed({ n: 2 * n }),
        refuse: () => Effect.fail("not today")
      }))
    )
  }),
  { disableLogger: true, disableListenLog: true }
).pipe(Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })))

describe("a server made with effect/ai", () => {
  it.live("is listed and called over HTTP, in the version that it speaks", () =>
    Effect.gen(function*() {
      const { address } = yield* HttpServer.HttpServer
      if (address._tag === "UnixPathAddress") return assert.fail("it has no port")
      const server = yield* McpTools.http({ server: "effect", url: `http://127.0.0.1:${address.port}/mcp` })
      assert.strictEqual((yield* server.status).protocolVersion, "2025-06-18")
      assert.sameMembers((yield* server.tools).map(({ name }) => name), ["effect__double", "effect__refuse"])
      assert.deepStrictEqual((yield* Servers.call(server, "double", { n: 21 })).result, { n: 42 })
      const refused = yield* Servers.call(server, "refuse")
      assert.isTrue(refused.isFailure)
      assert.include(String(refused.result), "not today")
    }).pipe(Effect.scoped, Effect.provide([served, NodeHttpClient.layerUndici])))
})
