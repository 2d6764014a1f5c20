/** The tools of a server as it lists them: every page, within limits, each definition read and digested. */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import { isObject } from "effect/Predicate"
import * as Result from "effect/Result"
import type * as McpError from "../McpError.ts"
import type * as Session from "./session.ts"
import * as Transport from "./transport.ts"

/** A tool as the server defines it. */
export interface Definition {
  readonly name: string
  readonly title: string | undefined
  readonly description: string | undefined
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly outputSchema: Readonly<Record<string, unknown>> | undefined
  readonly annotations: Readonly<Record<string, unknown>>
  readonly digest: string
}

export interface Listing {
  readonly definitions: ReadonlyArray<Definition>
  readonly leftOut: ReadonlyArray<{ readonly tool: string; readonly problem: string }>
}

/** Lists the tools. A server without the feature has none. */
export const list = (
  connection: Session.Connection,
  { server, startTimeout }: Session.Settings
): Effect.Effect<Listing, McpError.McpError> =>
  Effect.gen(function*() {
    const digest = yield* Effect.provide(Digest.Digest, Digest.layerWebCrypto)
    const definitions = new Map<string, Definition>()
    const leftOut: Array<Listing["leftOut"][number]> = []
    const leave = (tool: unknown, problem: string) => {
      if (leftOut.length < mostTools) {
        leftOut.push({ tool: typeof tool === "string" ? Transport.excerpt(tool, 100) : "(no name)", problem })
      }
    }
    if (!connection.hasTools) return { definitions: [], leftOut }
    const cursors = new Set<string>()
    let cursor: string | undefined
    for (let page = 0; page < mostPages; page++) {
      const result = yield* connection.request("tools/list", cursor === undefined ? {} : { cursor }, {
        timeout: startTimeout
      })
      const items = isObject(result) && Array.isArray(result["tools"]) ? result["tools"] : undefined
      if (items === undefined) {
        return yield* Transport.fail(server, "protocol", "answered", "its answer to `tools/list` has no `tools`")
      }
      for (const item of items) {
        const read = yield* definitionOf(item, digest)
        const name = isObject(item) ? item["name"] : undefined
        if (Result.isFailure(read)) leave(name, read.failure)
        else if (definitions.has(read.success.name)) leave(name, "the server lists another tool with this name")
        else if (definitions.size >= mostTools) leave(name, `the server has more than ${mostTools} tools`)
        else definitions.set(read.success.name, read.success)
      }
      const next = isObject(result) ? result["nextCursor"] : undefined
      if (typeof next !== "string" || cursors.has(next)) break
      cursors.add(cursor = next)
    }
    return { definitions: [...definitions.values()], leftOut }
  }).pipe(
    Effect.timeoutOrElse({
      duration: startTimeout,
      orElse: () => Effect.fail(Transport.fail(server, "timeout", "not-run", "it did not list its tools in time"))
    })
  )

const definitionOf = Effect.fnUntraced(function*(
  item: unknown,
  digest: Digest.Digest["Service"]
): Effect.fn.Return<Result.Result<Definition, string>> {
  if (!isObject(item)) return Result.fail("it is not an object")
  const { annotations, description, execution, inputSchema, name, outputSchema, title } = item
  if (typeof name !== "string" || name === "" || name.length > longestName) return Result.fail("its name is not a name")
  if (!isObject(inputSchema)) return Result.fail("its `inputSchema` is not an object")
  if (isObject(execution) && execution["taskSupport"] === "required") return Result.fail("it runs only as a task")
  const fields = {
    name,
    title: textOf(title),
    description: textOf(description),
    inputSchema,
    outputSchema: isObject(outputSchema) ? outputSchema : undefined,
    annotations: isObject(annotations) ? annotations : {}
  }
  // Messages nest 256 levels at most.
  const text = JSON.stringify(canonical(fields))
  if (text.length > longestDefinition) {
    return Result.fail(`its definition has more than ${longestDefinition} characters`)
  }
  return Result.succeed({ ...fields, digest: yield* digest.digestHex(Digest.sha256, new TextEncoder().encode(text)) })
})

/** With the members of objects in order: servers do not promise one. */
const canonical = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(canonical)
    : isObject(value)
    ? Object.fromEntries(
      Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, member]) => [key, canonical(member)])
    )
    : value

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

const mostPages = 100
const mostTools = 1000
const longestName = 256
const longestDefinition = 100_000
