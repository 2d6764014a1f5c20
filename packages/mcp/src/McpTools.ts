/**
 * Connects to MCP servers and turns their tools into tools of `ToolLoop`.
 *
 * A connection belongs to a scope, which ends sessions, sockets and processes. It is made again when the server lost it;
 * a tool call is sent again only when the server is known not to have run it.
 */
import type * as Tool from "@strata/core/tool/Tool"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as McpAuthentication from "./McpAuthentication.ts"
import type * as McpError from "./McpError.ts"

/** A tool of an MCP server. Its `name` is that of {@link toolName}, `origin` says whose it is. */
export interface McpTool extends Tool.Tool<string, unknown, unknown, McpError.McpError | Tool.ToolDefectError> {
  readonly origin: Origin
}

/** Where a tool comes from. `digest` is SHA-256, in hex, of its definition: name, texts, schemas and annotations. */
export interface Origin {
  readonly server: string
  readonly tool: string
  readonly digest: string
  readonly title?: string | undefined
  /** What the server says of the tool, such as `readOnlyHint` and `destructiveHint`. Not to be trusted. */
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A tool that is left out, and why. */
export interface LeftOut {
  readonly tool: string
  readonly problem: string
}

/** What is known of a connection. Lists are bounded; texts of the server are cut at 500 characters. */
export interface Status {
  readonly server: string
  readonly state: "connected" | "disconnected" | "closed"
  readonly protocolVersion?: string | undefined
  readonly serverInfo?: ServerInfo | undefined
  readonly instructions?: string | undefined
  /** Why it is disconnected. */
  readonly error?: McpError.McpError | undefined
  readonly leftOut: ReadonlyArray<LeftOut>
  /** The last lines on stdout that are not messages, and on stderr; problems of the stream of notices. */
  readonly diagnostics: ReadonlyArray<string>
}

/** The name and version that a server gives itself. */
export interface ServerInfo {
  readonly name: string
  readonly version: string
  readonly title?: string | undefined
}

/** A connection to a server. */
export interface McpServer {
  readonly name: string
  /** The tools as of now: listed again when the server said that they changed, or was connected anew. */
  readonly tools: Effect.Effect<ReadonlyArray<McpTool>, McpError.McpError>
  /** Lists the tools again. */
  readonly refresh: Effect.Effect<ReadonlyArray<McpTool>, McpError.McpError>
  readonly status: Effect.Effect<Status>
}

/**
 * Options of every connection.
 *
 * - `server`: your name for the server; it becomes part of the names of its tools.
 * - `connect`: `now` (the default) fails when the server cannot be reached; `lazily` connects on the first use.
 * - `startTimeout`: for the start, the handshake and each listing; 30 seconds.
 * - `timeout`: of a call without an answer or a notice of progress; 60 seconds. `maxTimeout`: with them; 10 minutes.
 * - `maxMessageBytes`: of one message; 16 MiB.
 * - `failureMode`: as of `Tool.make`, of all tools; `return`.
 * - `select`: which tools to offer, by the server's names; all.
 * - `media`: the media types that the model takes in a tool's result, the others become a line of text; `image/png`,
 *   `image/jpeg`, `image/gif`, `image/webp` and `application/pdf`.
 */
export interface Options {
  readonly server: string
  readonly connect?: "now" | "lazily" | undefined
  readonly startTimeout?: Duration.Input | undefined
  readonly timeout?: Duration.Input | undefined
  readonly maxTimeout?: Duration.Input | undefined
  readonly maxMessageBytes?: number | undefined
  readonly failureMode?: Tool.FailureMode | undefined
  readonly select?: ((tool: string) => boolean) | undefined
  readonly media?: ReadonlyArray<string> | undefined
}

/**
 * - `env`: added to the environment of this process.
 * - `closeTimeout`: how long the process gets to end by itself when its stdin is closed, and again after SIGTERM, before
 *   it is killed with all processes it started; 2 seconds.
 */
export interface StdioOptions extends Options {
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly env?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  readonly cwd?: string | undefined
  readonly closeTimeout?: Duration.Input | undefined
}

/** `headers` go with every request; `authentication` adds a bearer token that is refreshed. */
export interface HttpOptions extends Options {
  readonly url: string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  readonly authentication?: McpAuthentication.Authentication | undefined
}

export declare const stdio: (
  options: StdioOptions
) => Effect.Effect<
  McpServer,
  McpError.McpError | ProviderError.InvalidRequestError,
  ChildProcessSpawner | Scope.Scope
>

export declare const http: (
  options: HttpOptions
) => Effect.Effect<
  McpServer,
  McpError.McpError | ProviderError.InvalidRequestError,
  HttpClient.HttpClient | Scope.Scope
>

/** The tools of many servers. */
export class McpTools extends Context.Service<McpTools, {
  readonly servers: ReadonlyArray<McpServer>
  /** The tools of all servers as of now. A server that cannot be reached is left out with a warning. */
  readonly tools: Effect.Effect<ReadonlyArray<McpTool>, McpError.McpError>
}>()("@strata/mcp/McpTools") {}

export declare const layer: <E, R>(
  servers: ReadonlyArray<Effect.Effect<McpServer, E, R>>
) => Layer.Layer<McpTools, E, Exclude<R, Scope.Scope>>

export declare const toolName: (server: string, tool: string) => string
