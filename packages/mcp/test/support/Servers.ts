/** How tests start servers. */
import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { type McpError, McpTools } from "@strata/mcp"
import { Tool } from "@strata/core"
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"

/** What connections need. */
export const platform = Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerUndici)

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The hand-made server over stdio, in one of its modes. */
export const misbehaving = (mode: string, options: Partial<McpTools.StdioOptions> = {}) =>
  McpTools.stdio({ server: "odd", command: process.execPath, args: [file("process.mjs"), mode], ...options })

/** The server made with the official SDK, over stdio. */
export const official = McpTools.stdio({ server: "sdk", command: process.execPath, args: [file("sdkServer.ts")] })

/** Calls a tool by the server's name. */
export const call = (server: McpTools.McpServer, tool: string, input: object = {}) =>
  Effect.flatMap(server.tools, (tools) => {
    const found = tools.find(({ origin }) => origin.tool === tool)
    return found === undefined ? Effect.die(`no tool ${tool}`) : Tool.call(found, input)
  })

/** The error of a call, which failed. */
export const failureOf = (answer: Tool.Answer<unknown>): McpError.McpError => {
  if (!answer.isFailure) throw new Error(`the call succeeded: ${JSON.stringify(answer.result)}`)
  return answer.error as McpError.McpError
}
