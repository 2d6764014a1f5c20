/**
 * The names that a fragment of a page may use without importing them, and where they are from.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** A module that exports a name, and whether the name is a type only. */
export interface Origin {
  readonly module: string
  readonly type: boolean
}

/** Origins by name. */
export type Names = ReadonlyMap<string, Origin>

/** Names that several packages have are those of the first. */
const packages = [
  "core",
  "core/testing",
  "bedrock",
  "documents",
  "effect-ai",
  "jobs",
  "local",
  "mcp",
  "openai",
  "persistence",
  "ui",
  "cli",
  "emulator"
]

/** Modules of Effect that a reader knows by their names. Our packages have a `Chunk` of their own. */
const effect = [
  "Cause",
  "Clock",
  "Config",
  "ConfigProvider",
  "Console",
  "Context",
  "Data",
  "DateTime",
  "Deferred",
  "Duration",
  "Effect",
  "Equal",
  "Exit",
  "Fiber",
  "FileSystem",
  "Layer",
  "Logger",
  "ManagedRuntime",
  "Match",
  "Metric",
  "Option",
  "Path",
  "Predicate",
  "PubSub",
  "Queue",
  "Random",
  "Redacted",
  "Ref",
  "References",
  "Result",
  "Runtime",
  "Schedule",
  "Schema",
  "Scope",
  "Semaphore",
  "Sink",
  "Stream",
  "Tracer",
  "pipe"
]

const platform = ["NodeFileSystem", "NodeHttpClient", "NodeHttpServer", "NodeRedis", "NodeRuntime", "NodeServices"]

/**
 * The names for pages of the repository at `root`. A page of a package (`"emulator"`) means the names of its package first.
 */
export const of = (root: string, own?: string): Names => {
  const names = new Map<string, Origin>()
  const add = (name: string, origin: Origin): void => void (names.has(name) || names.set(name, origin))
  for (const name of own === undefined ? packages : [own, ...packages]) {
    const [folder = "", ...inner] = name.split("/")
    const index = Path.join(root, "packages", folder, "src", ...inner, "index.ts")
    if (Fs.existsSync(index)) { for (const [key, origin] of exported(index, `@strata/${name}`)) add(key, origin) }
  }
  for (const name of effect) add(name, { module: "effect", type: false })
  for (const name of platform) add(name, { module: "@effect/platform-node", type: false })
  return names
}

/** `export * as X from` and `export type { X, Y } from`. */
const exported = (file: string, module: string): ReadonlyArray<readonly [string, Origin]> => {
  const source = Fs.readFileSync(file, "utf8")
  const namespaces = [...source.matchAll(/^export \* as (\w+) from/gm)].map((match) => match[1]!)
  const types = [...source.matchAll(/^export type \{([^}]*)\} from/gm)].flatMap((match) =>
    match[1]!.split(",").map((name) => name.trim()).filter((name) => name !== "")
  )
  return [
    ...namespaces.map((name) => [name, { module, type: false }] as const),
    ...types.map((name) => [name, { module, type: true }] as const)
  ]
}
