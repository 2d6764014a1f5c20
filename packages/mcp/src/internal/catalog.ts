/** The tools of a connection, and calls to them: each bound to the definition that the model was shown. */
import * as Tool from "@strata/core/tool/Tool"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import type * as McpError from "../McpError.ts"
import type { LeftOut, McpTool, ToolError } from "../McpServer.ts"
import * as Definition from "./definition.ts"
import * as InputSchema from "./inputSchema.ts"
import * as OutputSchema from "./outputSchema.ts"
import type * as Session from "./session.ts"
import * as ToolName from "./toolName.ts"
import * as ToolResult from "./toolResult.ts"
import * as Transport from "./transport.ts"

export interface Settings extends Session.Settings, ToolResult.Settings {
  readonly failureMode: Tool.FailureMode
  readonly select: (tool: string) => boolean
}

export interface Catalog {
  /** The tools as of now. */
  readonly tools: Effect.Effect<ReadonlyArray<AnyTool>, McpError.McpError>
  /** Has the tools listed again when they are next asked for. */
  readonly invalidate: Effect.Effect<void>
  readonly leftOut: () => ReadonlyArray<LeftOut>
}

type AnyTool = McpTool<ToolError<Tool.FailureMode>>

/** Whether the last listing is still the server's. */
export interface Freshness {
  isStale: boolean
}

export const make = (session: Session.Session, settings: Settings, freshness: Freshness): Catalog => {
  const lock = Semaphore.makeUnsafe(1)
  let listing: Definition.Listing | undefined
  let built: { readonly of: Definition.Listing; readonly tools: ReadonlyArray<AnyTool> } | undefined
  let leftOut: ReadonlyArray<LeftOut> = []

  /** The present listing, by one request for all who ask at once. */
  const current = (connection: Session.Connection): Effect.Effect<Definition.Listing, McpError.McpError> =>
    lock.withPermit(Effect.suspend(() => {
      if (listing !== undefined && !freshness.isStale) return Effect.succeed(listing)
      // A notice that comes while the tools are listed makes the list stale again.
      freshness.isStale = false
      return Definition.list(connection, settings).pipe(
        Effect.onError(() => Effect.sync(() => freshness.isStale = true)),
        Effect.tap((listed) => Effect.sync(() => listing = listed))
      )
    }))

  const call = (definition: Definition.Definition) => {
    const validate = OutputSchema.makeValidate(definition.outputSchema)
    const { digest, name } = definition
    return Effect.fn("McpTools.call", { attributes: { "mcp.server": settings.server, "mcp.tool": name } })(
      function*(input: Readonly<Record<string, unknown>>) {
        const result = yield* session.use(Effect.fnUntraced(function*(connection) {
          const { definitions } = yield* Effect.mapError(current(connection), (error) => Transport.notRun(error))
          const present = definitions.find((definition) => definition.name === name)
          if (present === undefined) {
            return yield* Transport.fail(settings.server, "tool-gone", "not-run", `it has no tool "${name}" any more`, {
              tool: name
            })
          }
          if (present.digest !== digest) {
            return yield* Transport.fail(
              settings.server,
              "tool-changed",
              "not-run",
              `it has changed the tool "${name}" since it was offered, so this call was not run`,
              { tool: name }
            )
          }
          return yield* connection.request("tools/call", { name, arguments: input }, { tool: name })
        }))
        return yield* ToolResult.read(result, name, validate, settings)
      }
    )
  }

  const toolOf = Effect.fnUntraced(function*(definition: Definition.Definition) {
    const { annotations, description, digest, inputSchema, name, title } = definition
    const tool = Tool.dynamic(ToolName.make(settings.server, name), {
      description: description ?? title,
      inputSchema: InputSchema.mend(inputSchema),
      failureMode: settings.failureMode,
      handler: call(definition)
    })
    yield* Tool.definition(tool)
    const origin = { server: settings.server, tool: name, digest, annotations, ...(title !== undefined && { title }) }
    return { ...tool, origin } satisfies AnyTool
  })

  const build = Effect.fnUntraced(function*(listed: Definition.Listing) {
    if (built?.of === listed) return built.tools
    const tools: Array<AnyTool> = []
    const without = [...listed.leftOut]
    const names = new Map<string, string>()
    for (const definition of listed.definitions) {
      const { name } = definition
      if (Result.getOrElse(Result.try(() => settings.select(name) !== true), () => true)) continue
      const made = yield* Effect.result(toolOf(definition))
      if (Result.isFailure(made)) {
        without.push({ tool: Transport.excerpt(name, 100), problem: made.failure.message })
        continue
      }
      const other = names.get(made.success.name)
      if (other !== undefined) return yield* collision(settings.server, made.success.name, other, name)
      names.set(made.success.name, name)
      tools.push(made.success)
    }
    for (const { problem, tool } of without) {
      if (leftOut.some((before) => before.tool === tool && before.problem === problem)) continue
      yield* Effect.logWarning(`MCP server "${settings.server}": the tool "${tool}" is left out: ${problem}`)
    }
    built = { of: listed, tools }
    leftOut = without
    return tools
  })

  return {
    tools: Effect.flatMap(session.use(current), build),
    invalidate: Effect.sync(() => {
      freshness.isStale = true
    }),
    leftOut: () => leftOut
  }
}

/** The error for two tools whose names would be one. */
export const collision = (server: string, name: string, one: string, other: string): McpError.McpError =>
  Transport.fail(server, "name-collision", "not-run", `"${one}" and "${other}" would both be named "${name}"`)
