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

/** A module that declares, for all modules, what the names stand for that examples leave to the reader. */
export const givens = `
import { Context, Effect, Schema, Stream } from "effect"
import { Tool } from "@strata/core"

class AuditLogService extends Context.Service<AuditLogService, {
  readonly write: (entry: unknown) => Effect.Effect<void>
}>()("AuditLog") {}

class WeatherService extends Context.Service<WeatherService, {
  readonly now: (city: string) => Effect.Effect<string>
}>()("Weather") {}

const PageSchema = Schema.Struct({ url: Schema.String, title: Schema.String, text: Schema.String })

const SentimentSchema = Schema.Literals(["good", "bad"])

const RecipeSchema = Schema.Struct({ title: Schema.String, minutes: Schema.Int, steps: Schema.Array(Schema.String) })

declare global {
  const AuditLog: typeof AuditLogService
  const Weather: typeof WeatherService
  const Page: typeof PageSchema
  type Page = typeof PageSchema.Type
  interface Review {
    readonly text: string
  }
  const Sentiment: typeof SentimentSchema
  const Recipe: typeof RecipeSchema
  const model: string
  const pages: Stream.Stream<typeof PageSchema.Type>
  const passages: ReadonlyArray<{ readonly text: string }>
  const question: string
  const questions: ReadonlyArray<string>
  const transfer: Tool.Tool<"transfer", { readonly amount: number }, string>
  const url: string
${
  [
    "answer answers assert body budget callId chat client createServer credentials document documents embeddingModel embeddings",
    "emulator events fileSystem first history inRegion invalidRequest job key languageModel manual matrix messages models myLog",
    "myProfileArn nova OpenAiLanguageModel outcome pantry parse password path perTenant PgClient prices progress profileArn prompt query",
    "quota render response save session summary text texts theTest titan toolkit weather"
  ].join(" ").split(" ").map((name) => `  const ${name}: any`).join("\n")
}
}
`

/** Packages that this workspace does not have. */
const absent = /^import \{ (.*) \} from "(?:redis|ioredis)"$/

/** An example as a module, with the imports that it leaves out. */
export const toModule = (own: string, { code }: Example): string => {
  const lines = code.split("\n")
  const used = new Set(["Effect", ...code.match(/\b[A-Z]\w*\b/g) ?? []])
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
  if (used.has("Arr")) imports.set("effect", [...imports.get("effect") ?? [], "Array as Arr"])
  const head = lines.filter((line) => line.startsWith("import ")).map((line) =>
    line.replace(absent, (_, names: string) => names.split(", ").map((name) => `declare const ${name}: any`).join("; "))
  )
  const body = lines.filter((line) => !line.startsWith("import ")).join("\n")
  return [
    ...[...imports].map(([from, names]) => `import { ${names.join(", ")} } from "${from}"`),
    ...head,
    (/^(?:const .* = )?yield\*/m.test(body) || body.includes("yield*") && !body.includes("function*"))
      ? `export const example = Effect.gen(function*() {\n${body}\n})`
      : body,
    "export {}",
    ""
  ].join("\n")
}
