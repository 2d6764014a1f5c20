/** A server made with the official SDK, over stdio when it is run, or over any transport. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import * as z from "zod"

export const make = (): McpServer => {
  const server = new McpServer({ name: "sdk", version: "1.0.0", title: "Made with the SDK" })
  server.registerTool("add", {
    description: "Adds two numbers",
    inputSchema: { a: z.number(), b: z.number() },
    outputSchema: { sum: z.number() }
  }, ({ a, b }) => ({ content: [{ type: "text", text: `{"sum":${a + b}}` }], structuredContent: { sum: a + b } }))
  server.registerTool("fail", { description: "Fails" }, () => ({
    isError: true,
    content: [{ type: "text", text: "the third argument is odd" }]
  }))
  server.registerTool("throw", { description: "Throws" }, () => {
    throw new Error("thrown by the tool")
  })
  server.registerTool("picture", { description: "A picture" }, () => ({
    content: [
      { type: "text", text: "here it is" },
      { type: "image", data: Buffer.from("89504e470d0a1a0a", "hex").toString("base64"), mimeType: "image/png" },
      { type: "audio", data: Buffer.from("RIFFsound").toString("base64"), mimeType: "audio/wav" },
      { type: "resource", resource: { uri: "file:///notes.txt", mimeType: "text/plain", text: "the notes" } },
      {
        type: "resource",
        resource: {
          uri: "file:///report.pdf",
          mimeType: "application/pdf",
          blob: Buffer.from("%PDF").toString("base64")
        }
      },
      { type: "resource_link", uri: "file:///more.txt", name: "more", mimeType: "text/plain" }
    ]
  }))
  server.registerTool("slow", { description: "Takes long", inputSchema: { steps: z.number() } }, async (
    { steps },
    { _meta, sendNotification }
  ) => {
    for (let progress = 1; progress <= steps; progress++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (_meta?.progressToken !== undefined) {
        await sendNotification({
          method: "notifications/progress",
          params: { progressToken: _meta.progressToken, progress, total: steps }
        })
      }
    }
    return { content: [{ type: "text", text: `${steps} steps` }] }
  })
  server.registerTool("grow", { description: "Adds a tool" }, () => {
    server.registerTool("grown", { description: "Came later" }, () => ({ content: [{ type: "text", text: "hello" }] }))
    return { content: [{ type: "text", text: "grown" }] }
  })
  return server
}

if (import.meta.main) await make().connect(new StdioServerTransport())
