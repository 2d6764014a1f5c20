/** How tests start servers. */
import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { Tool } from "@strata/core"
import { type McpError, McpTools } from "@strata/mcp"
import { Effect, Layer } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import * as Sdk from "./sdkServer.ts"

/** What connections need. */
export const platform = Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerUndici)

/** The hand-made server over stdio, in one of its modes. */
export const misbehaving = <Mode extends Tool.FailureMode = "return">(
  mode: string,
  options: Partial<McpTools.StdioOptions<Mode>> = {}
) =>
  McpTools.stdio<Mode>({
    server: "odd",
    command: process.execPath,
    args: [fileURLToPath(new URL("./process.mjs", import.meta.url)), mode],
    ...options
  })

/** The server made with the official SDK, over stdio. */
export const official = McpTools.stdio({
  server: "sdk",
  command: process.execPath,
  args: [fileURLToPath(new URL("./sdkServer.ts", import.meta.url))]
})

/** Calls a tool by the server's name. */
export const call = <E>(server: McpTools.McpServer<E>, tool: string, input: object = {}) =>
  Effect.flatMap(server.tools, (tools) => {
    const found = tools.find(({ origin }) => origin.tool === tool)
    return found === undefined ? Effect.die(`no tool ${tool}`) : Tool.call(found, input)
  })

/** The error of a call, which failed. */
export const failureOf = (answer: Tool.Answer<unknown>): McpError.McpError => {
  if (!answer.isFailure) throw new Error(`the call succeeded: ${JSON.stringify(answer.result)}`)
  return answer.error as McpError.McpError
}

/** The server made with the official SDK, over HTTP with sessions. */
export const officialHttp = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly sessions: Map<string, unknown>; readonly close: () => void }>(
    (resume) => {
      const sessions = new Map<string, StreamableHTTPServerTransport>()
      const server = Http.createServer(async (request, response) => {
        const id = request.headers["mcp-session-id"]
        const known = typeof id === "string" ? sessions.get(id) : undefined
        if (known !== undefined) return known.handleRequest(request, response)
        if (id !== undefined) {
          return response.writeHead(404, { "content-type": "application/json" }).end(
            JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32001, message: "Session not found" } })
          )
        }
        const transport = new StreamableHTTPServerTransport({
          sessionIdGenerator: () => crypto.randomUUID(),
          onsessioninitialized: (id) => void sessions.set(id, transport),
          onsessionclosed: (id) => void sessions.delete(id)
        })
        await Sdk.make().connect(transport as Transport)
        await transport.handleRequest(request, response)
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
          sessions,
          close: () => {
            server.closeAllConnections()
            server.close()
          }
        })))
    }
  ),
  ({ close }) => Effect.sync(close)
)

/** Waits until something is so; on a busy machine that takes a while. */
export const eventually = (isSo: () => boolean) =>
  Effect.timeout(
    Effect.gen(function*() {
      while (!isSo()) yield* Effect.sleep("10 millis")
    }),
    "20 seconds"
  )
