/**
 * Connects to MCP servers and turns their tools into tools of `ToolLoop`.
 *
 * A connection belongs to a scope, which ends sessions, sockets and processes. It is made again when the server lost it;
 * a tool call is sent again only when the server is known not to have run it.
 */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Tool from "@strata/core/tool/Tool"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Authenticator from "./internal/authenticator.ts"
import * as Catalog from "./internal/catalog.ts"
import * as Http from "./internal/http.ts"
import * as Session from "./internal/session.ts"
import * as Settings from "./internal/settings.ts"
import * as Stdio from "./internal/stdio.ts"
import * as ToolName from "./internal/toolName.ts"
import type * as Transport from "./internal/transport.ts"
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
 * - `env`: the environment of the process, besides what programs need to run (`PATH`, `HOME` and the like): what else is in
 *   that of this process may be secret. `extendEnv` adds all of it.
 * - `closeTimeout`: how long the process gets to end by itself when its stdin is closed, and again after SIGTERM, before
 *   it is killed with all processes it started; 2 seconds.
 */
export interface StdioOptions extends Options {
  readonly command: string
  readonly args?: ReadonlyArray<string> | undefined
  readonly env?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  readonly extendEnv?: boolean | undefined
  readonly cwd?: string | undefined
  readonly closeTimeout?: Duration.Input | undefined
}

/** `headers` go with every request; `authentication` adds a bearer token that is refreshed. */
export interface HttpOptions extends Options {
  readonly url: string
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  readonly authentication?: McpAuthentication.Authentication | undefined
}

/**
 * Starts a server as a process and connects to it; the process ends with the scope, and so does all it started.
 *
 * Fails with `InvalidRequestError` for invalid options, and with `McpError` unless it connects `lazily`.
 *
 * @example
 * const files = yield* McpTools.stdio({ server: "files", command: "npx", args: ["-y", "my-mcp-server"] })
 * const outcome = yield* ToolLoop.run("What is in notes.txt?", { tools: yield* files.tools })
 */
export const stdio: (
  options: StdioOptions
) => Effect.Effect<
  McpServer,
  McpError.McpError | ProviderError.InvalidRequestError,
  ChildProcessSpawner | Scope.Scope
> = Effect.fnUntraced(function*(options: StdioOptions) {
  const given = yield* Check.run(Settings.stdio, options, Settings.names)
  const spawner = yield* ChildProcessSpawner
  const settings = Settings.of(given)
  return yield* connect(settings, given.connect, Stdio.open({
    command: given.command,
    args: given.args ?? [],
    env: given.env ?? {},
    extendEnv: given.extendEnv ?? false,
    cwd: given.cwd,
    closeTimeout: Settings.durationOf(given.closeTimeout, Duration.seconds(2))
  }, spawner))
})

/**
 * Connects to a server at a URL by Streamable HTTP; its session ends with the scope. Fails as {@link stdio} does.
 *
 * @example
 * const issues = yield* McpTools.http({
 *   server: "issues",
 *   url: "https://mcp.example.com/mcp",
 *   headers: { "x-api-key": yield* Config.Redacted("ISSUES_KEY") }
 * })
 */
export const http: (
  options: HttpOptions
) => Effect.Effect<
  McpServer,
  McpError.McpError | ProviderError.InvalidRequestError,
  HttpClient.HttpClient | Scope.Scope
> = Effect.fnUntraced(function*(options: HttpOptions) {
  const given = yield* Check.run(Settings.http, options, Settings.names)
  const client = yield* HttpClient.HttpClient
  const settings = Settings.of(given)
  const authenticator = given.authentication === undefined
    ? Authenticator.none(settings.server)
    : Authenticator.make(settings.server, given.authentication, yield* Effect.scope)
  return yield* connect(
    settings,
    given.connect,
    Http.open({ url: given.url, headers: given.headers ?? {} }, client, authenticator)
  )
})

/** The tools of many servers. */
export class McpTools extends Context.Service<McpTools, {
  readonly servers: ReadonlyArray<McpServer>
  /** The tools of all servers as of now. A server that cannot be reached is left out with a warning. */
  readonly tools: Effect.Effect<ReadonlyArray<McpTool>, McpError.McpError>
}>()("@strata/mcp/McpTools") {}


/**
 * Connects to many servers at once, as one service.
 *
 * @example
 * const Tools = McpTools.layer([
 *   McpTools.stdio({ server: "files", command: "my-mcp-server" }),
 *   McpTools.http({ server: "issues", url: "https://mcp.example.com/mcp", connect: "lazily" })
 * ])
 */
export const layer = <E, R>(
  servers: ReadonlyArray<Effect.Effect<McpServer, E, R>>
): Layer.Layer<McpTools, E | ProviderError.InvalidRequestError, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    McpTools,
    Effect.gen(function*() {
      const given = yield* Check.run(Settings.servers<E, R>(), servers, { ...Settings.names, whole: "servers" })
      const connected = yield* Effect.all(given, { concurrency: 8 })
      return McpTools.of({ servers: connected, tools: toolsOf(connected) })
    })
  )

/**
 * The name of a tool for the model: `server__tool` where every provider takes that, else with a hash of both names. The
 * same names give the same result on every machine and in every release.
 */
export const toolName: (server: string, tool: string) => string = ToolName.make

const connect = Effect.fnUntraced(function*(
  settings: Catalog.Settings,
  when: Options["connect"],
  open: Transport.Open
) {
  const freshness: Catalog.Freshness = { isStale: false }
  const session = yield* Session.make(settings, open, () => {
    freshness.isStale = true
  })
  const catalog = Catalog.make(session, settings, freshness)
  const server: McpServer = {
    name: settings.server,
    tools: catalog.tools,
    refresh: catalog.refresh,
    status: Effect.map(session.status, ({ agreement, error, state }): Status => ({
      server: settings.server,
      state,
      protocolVersion: agreement?.version,
      serverInfo: agreement?.serverInfo,
      instructions: agreement?.instructions,
      error,
      leftOut: catalog.leftOut(),
      diagnostics: session.diagnostics()
    }))
  }
  if (when !== "lazily") yield* session.use(() => Effect.void)
  return server
})

const toolsOf = Effect.fnUntraced(function*(servers: ReadonlyArray<McpServer>) {
  const lists = yield* Effect.forEach(servers, (server) =>
    server.tools.pipe(
      Effect.catchIf(
        ({ reason }) => reason !== "name-collision",
        (error) => Effect.as(Effect.logWarning(`${error.message}; its tools are left out`), [])
      )
    ), { concurrency: 8 })
  const tools = new Map<string, McpTool>()
  for (const tool of lists.flat()) {
    const other = tools.get(tool.name)
    if (other !== undefined) {
      const [one, two] = [other, tool].map(({ origin }) => `${origin.server}: ${origin.tool}`)
      return yield* Catalog.collision(tool.origin.server, tool.name, `${one}`, `${two}`)
    }
    tools.set(tool.name, tool)
  }
  return [...tools.values()]
})
