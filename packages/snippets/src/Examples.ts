/**
 * The `@example` blocks of doc comments as programs that a compiler can check: each is a fragment, whose imports are added and whose
 * other free names are declared.
 */
import * as Exports from "./Exports.ts"

/** `place`: the export and its line, for messages. */
export interface Example {
  readonly place: string
  readonly code: string
}

/** The examples of a package. */
export const of = (name: string): ReadonlyArray<Example> =>
  Exports.of(name).flatMap(({ comment = "", file, line, module, name }) =>
    comment.split(/^@example\n/m).slice(1).map((code, index) => ({
      place: `${module}.${name}${index === 0 ? "" : ` (${index + 1})`}, before ${file}:${line}`,
      code: code.split(/^@\w+/m)[0]!.trim()
    }))
  )

/** Which package exports a namespace. Of two of one name the one of the example's package is meant, or else core's. */
const namespaces = (own: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const name of [...Exports.packages.filter((name) => name !== "core" && name !== own), "core", own]) {
    for (const [module, file] of Exports.modulesOf(name)) {
      found.set(module, file.includes("/testing/") ? "@strata/core/testing" : `@strata/${name}`)
    }
  }
  return found
}

const effect =
  "Array Cause Chunk Config ConfigProvider Console Context Data Duration Effect Exit Fiber FileSystem Layer Logger Metric Option Redacted Random Ref Result Schedule Schema Scope Stream"
    .split(" ")

const others: Readonly<Record<string, string>> = {
  NodeServices: "@effect/platform-node",
  NodeRuntime: "@effect/platform-node",
  NodeHttpServer: "@effect/platform-node",
  NodeFileSystem: "@effect/platform-node",
  HttpRouter: "effect/http",
  HttpServerRequest: "effect/http",
  FetchHttpClient: "effect/http",
  LanguageModel: "effect/ai",
  EmbeddingModel: "effect/ai",
  Persistence: "effect/persistence",
  KeyValueStore: "effect/persistence",
  Redis: "effect/persistence",
  SqlClient: "effect/sql"
}

/** What names that examples leave to the reader stand for; others may be anything. */
const given: Readonly<Record<string, string>> = {
  AuditLog:
    "class AuditLog extends Context.Service<AuditLog, { readonly write: (entry: unknown) => Effect.Effect<void> }>()(\"AuditLog\") {}",
  Weather:
    "class Weather extends Context.Service<Weather, { readonly now: (city: string) => Effect.Effect<string> }>()(\"Weather\") {}",
  Page:
    "const Page = Schema.Struct({ url: Schema.String, title: Schema.String, text: Schema.String }); type Page = typeof Page.Type",
  Review: "interface Review { readonly text: string }",
  Sentiment: "const Sentiment = Schema.Literals([\"good\", \"bad\"])",
  Recipe:
    "const Recipe = Schema.Struct({ title: Schema.String, minutes: Schema.Int, steps: Schema.Array(Schema.String) })",
  model: "declare const model: string",
  pages: "declare const pages: Stream.Stream<{ readonly url: string; readonly title: string; readonly text: string }>",
  passages: "declare const passages: ReadonlyArray<{ readonly text: string }>",
  question: "declare const question: string",
  questions: "declare const questions: ReadonlyArray<string>",
  transfer: "declare const transfer: Tool.Tool<\"transfer\", { readonly amount: number }, string>",
  url: "declare const url: string"
}

/** Packages that this workspace does not have. */
const absent = /^import \{ (.*) \} from "(?:redis|ioredis)"$/

/** An example as a module; `declared` are names that neither it nor an import has, as a compiler found them. */
export const toModule = (own: string, { code }: Example, declared: ReadonlyArray<string> = []): string => {
  const givens = declared.filter((name) => name !== "Effect").map((name) =>
    given[name] ??
      (/^[A-Z]/.test(name) ? `declare const ${name}: any; type ${name} = any` : `declare const ${name}: any`)
  )
  const lines = code.split("\n")
  const used = new Set(["Effect", ...[code, ...givens].join("\n").match(/\b[A-Z]\w*\b/g) ?? []])
  const isOwn = (name: string) => new RegExp(`\\b(?:const|class|type|interface|function) ${name}\\b`).test(code)
  const imports = new Map<string, Array<string>>()
  const add = (from: string, name: string) => {
    if (used.has(name) && !isOwn(name) && !code.includes(`{ ${name}`)) {
      imports.set(from, [...imports.get(from) ?? [], name])
    }
  }
  const ours = namespaces(own)
  for (const [name, from] of ours) add(from, name)
  for (const name of effect) if (!ours.has(name)) add("effect", name)
  for (const [name, from] of Object.entries(others)) add(from, name)
  const head = lines.filter((line) => line.startsWith("import ")).map((line) =>
    line.replace(absent, (_, names: string) => names.split(", ").map((name) => `declare const ${name}: any`).join("; "))
  )
  const body = lines.filter((line) => !line.startsWith("import ")).join("\n")
  return [
    ...[...imports].map(([from, names]) => `import { ${names.join(", ")} } from "${from}"`),
    ...head,
    ...givens,
    (/^(?:const .* = )?yield\*/m.test(body) || body.includes("yield*") && !body.includes("function*"))
      ? `export const example = Effect.gen(function*() {\n${body}\n})`
      : body,
    "export {}",
    ""
  ].join("\n")
}
