/** The first exchange of a connection: which version of the protocol, who the server is, what it can do. */
import * as Effect from "effect/Effect"
import { isObject } from "effect/Predicate"
import type * as McpError from "../McpError.ts"
import type { ServerInfo } from "../McpServer.ts"
import type * as JsonRpc from "./jsonRpc.ts"
import * as Transport from "./transport.ts"

/** What both sides agreed on. A feature the server does not mention is absent. */
export interface Agreement {
  readonly version: string
  readonly serverInfo: ServerInfo | undefined
  readonly instructions: string | undefined
  readonly hasTools: boolean
}

/** The versions of the protocol that we speak, newest first. */
export const versions: ReadonlyArray<string> = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"]

/** Asks for the newest version; if the server refuses and names others, once for the newest common one. */
export const perform = Effect.fnUntraced(function*(
  server: string,
  request: (method: string, params: JsonRpc.Params) => Effect.Effect<unknown, McpError.McpError>,
  transport: Transport.Transport
) {
  const initialize = (protocolVersion: string) =>
    request("initialize", { protocolVersion, capabilities: {}, clientInfo: { name: "@strata/mcp", version: "1" } })
  const [newest = ""] = versions
  const result = yield* initialize(newest).pipe(
    Effect.catch((error) => {
      const common = error.reason === "server" ? commonIn(error.message) : undefined
      return common === undefined ? Effect.fail(error) : initialize(common)
    })
  )
  const fields = isObject(result) ? result : {}
  const version = fields["protocolVersion"]
  if (typeof version !== "string") {
    return yield* Transport.fail(server, "protocol", "answered", "its answer to `initialize` has no `protocolVersion`")
  }
  if (!versions.includes(version)) {
    return yield* Transport.fail(
      server,
      "unsupported-version",
      "answered",
      `it speaks version ${Transport.excerpt(version, 40)} of the protocol; known are ${versions.join(", ")}`
    )
  }
  const tools = isObject(fields["capabilities"]) ? fields["capabilities"]["tools"] : undefined
  yield* transport.begin(version, isObject(tools) && tools["listChanged"] === true)
  yield* transport.notify({ method: "notifications/initialized" })
  const agreement: Agreement = {
    version,
    serverInfo: infoOf(fields["serverInfo"]),
    instructions: typeof fields["instructions"] === "string"
      ? fields["instructions"].slice(0, longestInstructions)
      : undefined,
    hasTools: isObject(tools)
  }
  return agreement
})

/** The newest version that both know, of those that a refusal mentions, but the one that was refused. */
const commonIn = (message: string): string | undefined => {
  const named = new Set<string>(message.match(/\d{4}-\d{2}-\d{2}/g))
  return versions.slice(1).find((version) => named.has(version))
}

const longestInstructions = 10_000

const infoOf = (info: unknown): ServerInfo | undefined =>
  isObject(info) && typeof info["name"] === "string"
    ? {
      name: Transport.excerpt(info["name"]),
      version: typeof info["version"] === "string" ? Transport.excerpt(info["version"]) : "",
      ...(typeof info["title"] === "string" && { title: Transport.excerpt(info["title"]) })
    }
    : undefined
