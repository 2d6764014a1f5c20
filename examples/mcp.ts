/**
 * Let a model use the tools of an MCP server: the server is a process of its own, and its tools are tools of the loop.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { type ChatRequest, Message, ToolLoop } from "@strata/core"
import { McpTools } from "@strata/mcp"
import { Console, Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Provider from "./src/Provider.ts"

const program = Effect.gen(function*() {
  // It ends with the scope, and so does the process. `McpTools.http` connects to a server at a URL.
  const warehouse = yield* McpTools.stdio({
    server: "warehouse",
    command: process.execPath,
    args: [fileURLToPath(new URL("src/Warehouse.ts", import.meta.url))]
  })
  const tools = yield* warehouse.tools
  const { protocolVersion, serverInfo } = yield* warehouse.status
  yield* Console.log(`${serverInfo?.name} ${serverInfo?.version} speaks MCP ${protocolVersion}`)
  for (const { description, name } of tools) yield* Console.log(`  ${name}: ${description}`)

  const outcome = yield* ToolLoop.run(
    { messages: "Do we have bolts, hinges and sprockets?", maxTokens: 300 },
    {
      tools,
      onStep: ({ results }) =>
        Effect.forEach(
          results,
          ({ call, isFailure, result }) =>
            Console.log(`${JSON.stringify(call.params)} ${isFailure ? "failed:" : "→"} ${JSON.stringify(result)}`),
          {
            discard: true
          }
        )
    }
  )
  yield* Console.log(outcome.response.text)
}).pipe(Effect.scoped)

/** Offline, this is the model: it asks for three articles at once, then counts what it got. */
const script = (request: ChatRequest.Resolved) => {
  const last = request.messages.at(-1)
  if (last?.role !== "tool") {
    return {
      content: ["bolts", "hinges", "sprockets"].map((article, index) => ({
        type: "tool-call" as const,
        id: `call-${index}`,
        name: McpTools.toolName("warehouse", "stock"),
        params: { article }
      }))
    }
  }
  const results = Message.parts(last).filter((part) => part.type === "tool-result")
  const failed = results.filter(({ isFailure }) => isFailure).length
  return `I asked for ${results.length} articles; ${failed} of them does not exist.`
}

export const main = program.pipe(Effect.provide([Provider.scripted(script), NodeServices.layer]))

if (import.meta.main) NodeRuntime.runMain(main)
