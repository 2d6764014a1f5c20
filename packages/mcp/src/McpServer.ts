/** Connections to MCP servers: what they are made with, what they offer, what is known of them. */
import type * as Tool from "@strata/core/tool/Tool"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as McpAuthentication from "./McpAuthentication.ts"
import type * as McpError from "./McpError.ts"

/**
 * A tool of an MCP server. Its `name` is that of {@link toolName}, `origin` says whose it is.
 *
 * A failure that the server reports (`isError`) is always a failed result, for the model to read; the failure mode `error`
 * is about the way to the server.
 */
export interface McpTool<out E = never> extends Tool.Tool<string, Record<string, unknown>, unknown, E> {
  readonly origin: Origin
}

/** What the tools of a failure mode fail with. */
export type ToolError<Mode extends Tool.FailureMode> = Mode extends "error" ? McpError.McpError | Tool.ToolDefectError
  : never

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

/** What is known of a connection. Lists are bounded, and texts of the server cut: `instructions` at 10,000 characters. */
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

/** A connection to a server; its tools fail with `E`. */
export interface McpServer<out E = never> {
  readonly name: string
  /** The tools as of now: listed again when the server said that they changed, or was connected anew. */
  readonly tools: Effect.Effect<ReadonlyArray<McpTool<E>>, McpError.McpError>
  /** Lists the tools again. */
  readonly refresh: Effect.Effect<ReadonlyArray<McpTool<E>>, McpError.McpError>
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
export interface Options<Mode extends Tool.FailureMode = Tool.FailureMode> {
  readonly server: string
  readonly connect?: "now" | "lazily" | undefined
  readonly startTimeout?: Duration.Input | undefined
  readonly timeout?: Duration.Input | undefined
  readonly maxTimeout?: Duration.Input | undefined
  readonly maxMessageBytes?: number | undefined
  readonly failureMode?: Mode | undefined
  readonly select?: ((tool: string) => boolean) | undefined
  readonly media?: ReadonlyArray<string> | undefined
}

/**
 * How a server is started as a process.
 *
 * - `env`: the environment of the process, besides what programs need to run (`PATH`, `HOME` and the like): what else is in
 *   that of this process may be secret. `extendEnv` adds all of it.
 * - `closeTimeout`: how long the process gets to end by itself when its stdin is closed, and again after SIGTERM, before
 *   it is killed with all processes it started; 2 seconds.
 */
export interface StdioOptions<Mode extends Tool.FailureMode = Tool.FailureMode> extends Options<Mode> {
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly env?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  readonly extendEnv?: boolean | undefined
  readonly cwd?: string | undefined
  readonly closeTimeout?: Duration.Input | undefined
}

/** `headers` go with every request; `authentication` adds a bearer token that is refreshed. */
export interface HttpOptions<Mode extends Tool.FailureMode = Tool.FailureMode> extends Options<Mode> {
  readonly url: string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  readonly authentication?: McpAuthentication.Authentication | undefined
}
