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
import type * as Scope from "effect/Scope"
import * as Authenticator from "./internal/authenticator.ts"
import * as Catalog from "./internal/catalog.ts"
import * as Http from "./internal/http.ts"
import * as Session from "./internal/session.ts"
import * as Settings from "./internal/settings.ts"
import * as Stdio from "./internal/stdio.ts"
import * as ToolName from "./internal/toolName.ts"
import type * as Transport from "./internal/transport.ts"
import type * as McpError from "./McpError.ts"
import type { HttpOptions, McpServer, McpTool, Options, Status, StdioOptions, ToolError } from "./McpServer.ts"

export type * from "./McpServer.ts"

/**
 * Starts a server as a process and connects to it; the process ends with the scope, and so does all it started.
 *
 * Fails with `InvalidRequestError` for invalid options, and with `McpError` unless it connects `lazily`.
 *
 * @example
 * const files = yield* McpTools.stdio({ server: "files", command: "npx", args: ["-y", "my-mcp-server"] })
 * const outcome = yield* ToolLoop.run("What is in notes.txt?", { tools: yield* files.tools })
 */
export const stdio = Effect.fnUntraced(function*<Mode extends Tool.FailureMode = "return">(
  options: StdioOptions<Mode>
): Effect.fn.Return<
  McpServer<ToolError<Mode>>,
  McpError.McpError | ProviderError.InvalidRequestError,
  ChildProcessSpawner | Scope.Scope
> {
  const given = yield* Check.run(Settings.stdio, options, Settings.names)
  const spawner = yield* ChildProcessSpawner
  const settings = Settings.of(given)
  return yield* connect<Mode>(
    settings,
    given.connect,
    Stdio.open({
      command: given.command,
      args: given.args ?? [],
      env: given.env ?? {},
      extendEnv: given.extendEnv ?? false,
      cwd: given.cwd,
      closeTimeout: Settings.durationOf(given.closeTimeout, Duration.seconds(2))
    }, spawner)
  )
}, Effect.withSpan("McpTools.stdio", {}, { captureStackTrace: false }))

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
export const http = Effect.fnUntraced(function*<Mode extends Tool.FailureMode = "return">(
  options: HttpOptions<Mode>
): Effect.fn.Return<
  McpServer<ToolError<Mode>>,
  McpError.McpError | ProviderError.InvalidRequestError,
  HttpClient.HttpClient | Scope.Scope
> {
  const given = yield* Check.run(Settings.http, options, Settings.names)
  const client = yield* HttpClient.HttpClient
  const settings = Settings.of(given)
  const authenticator = given.authentication === undefined
    ? Authenticator.none(settings.server)
    : Authenticator.make(settings.server, given.authentication, yield* Effect.scope)
  return yield* connect<Mode>(
    settings,
    given.connect,
    Http.open({ url: given.url, headers: given.headers ?? {} }, client, authenticator)
  )
}, Effect.withSpan("McpTools.http", {}, { captureStackTrace: false }))

/** The tools of many servers. */
export class McpTools extends Context.Service<McpTools, {
  readonly servers: ReadonlyArray<McpServer<ToolError<Tool.FailureMode>>>
  /**
   * The tools of all servers as of now. A server that fails is left out with a warning; two servers with tools of one name
   * are an error.
   */
  readonly tools: Effect.Effect<ReadonlyArray<McpTool<ToolError<Tool.FailureMode>>>, McpError.McpError>
}>()("@strata/mcp/McpTools") {}

/**
 * Connects to many servers at once, as one service. Fails with `InvalidRequestError` for a value that is no effect of
 * a server, and as connecting does.
 *
 * @example
 * const Tools = McpTools.layer([
 *   McpTools.stdio({ server: "files", command: "my-mcp-server" }),
 *   McpTools.http({ server: "issues", url: "https://mcp.example.com/mcp", connect: "lazily" })
 * ])
 */
export const layer = <A extends Effect.Effect<McpServer<ToolError<Tool.FailureMode>>, unknown, unknown>>(
  servers: ReadonlyArray<A>
): Layer.Layer<
  McpTools,
  Effect.Error<A> | ProviderError.InvalidRequestError,
  Exclude<Effect.Services<A>, Scope.Scope>
> =>
  // Each effect of a union is an effect with the errors and the services of all.
  layerOf(servers as ReadonlyArray<Connecting<Effect.Error<A>, Effect.Services<A>>>)

type Connecting<E, R> = Effect.Effect<McpServer<ToolError<Tool.FailureMode>>, E, R>

const layerOf = <E, R>(
  servers: ReadonlyArray<Connecting<E, R>>
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

const connect = Effect.fnUntraced(function*<Mode extends Tool.FailureMode>(
  settings: Catalog.Settings,
  when: Options["connect"],
  open: Transport.Open
) {
  const freshness: Catalog.Freshness = { isStale: false }
  const session = yield* Session.make(settings, open, () => {
    freshness.isStale = true
  })
  const catalog = Catalog.make(session, settings, freshness)
  // The tools are those of this mode.
  const tools = catalog.tools as Effect.Effect<ReadonlyArray<McpTool<ToolError<Mode>>>, McpError.McpError>
  const server: McpServer<ToolError<Mode>> = {
    name: settings.server,
    tools,
    refresh: Effect.andThen(catalog.invalidate, tools),
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

const toolsOf = Effect.fnUntraced(function*(servers: McpTools["Service"]["servers"]) {
  const lists = yield* Effect.forEach(servers, (server) =>
    server.tools.pipe(
      Effect.catch((error) => Effect.as(Effect.logWarning(`${error.message}; its tools are left out`), []))
    ), { concurrency: 8 })
  const tools = new Map<string, McpTool<ToolError<Tool.FailureMode>>>()
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
