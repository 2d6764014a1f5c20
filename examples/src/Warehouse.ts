/** An MCP server over stdio, as a program of its own, made with `McpServer` of `effect/ai`. */
import { NodeRuntime, NodeStdio } from "@effect/platform-node"
import { Effect, Layer, Logger, Schema } from "effect"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"

const stock: Record<string, number> = { bolts: 1200, hinges: 0 }

const Tools = Toolkit.make(
  Tool.make("stock", {
    description: "How many pieces of an article are in the warehouse",
    parameters: Schema.Struct({ article: Schema.String }),
    success: Schema.Struct({ article: Schema.String, pieces: Schema.Int }),
    failure: Schema.String
  })
)

const handlers = Tools.toLayer({
  stock: ({ article }) => {
    const pieces = stock[article]
    return pieces === undefined ? Effect.fail(`There is no article "${article}"`) : Effect.succeed({ article, pieces })
  }
})

const server = McpServer.layerStdio({
  name: "warehouse",
  version: "1.0.0",
  protocols: [McpProtocol.v2025_11_25, McpProtocol.v2025_06_18],
  registrations: McpServer.toolkit(Tools).pipe(Layer.provide(handlers))
}).pipe(
  Layer.provide(NodeStdio.layer),
  // Messages have stdout for themselves.
  Layer.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
)

if (import.meta.main) NodeRuntime.runMain(Layer.launch(server))
