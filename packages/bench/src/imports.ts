/**
 * What it costs to import the built packages, beside the SDK's client and Effect, which every program with Strata imports as
 * well: each in fresh processes, one after the other in turn, so that a busy machine is unfair to none.
 */
import { Console, Effect, FileSystem, Path, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Table from "./Table.ts"

const rounds = 11

const sdk = "@aws-sdk/client-bedrock-runtime"

const subjects = {
  "AWS SDK client": [sdk],
  "effect": ["effect"],
  "effect, AWS SDK client": ["effect", sdk],
  "@strata/core": ["@strata/core"],
  "@strata/bedrock": ["@strata/bedrock"],
  "effect, @strata/bedrock": ["effect", "@strata/bedrock"]
}

class NotBuilt extends Schema.TaggedError<NotBuilt>()("NotBuilt", { message: Schema.String }) {}

/** Milliseconds. */
const Cost = Schema.fromJsonString(Schema.Struct({ cpu: Schema.Finite, wall: Schema.Finite }))

const program = (names: ReadonlyArray<string>) => `
  const before = process.cpuUsage()
  const start = performance.now()
  ${names.map((name) => `await import("${name}")`).join("\n")}
  const wall = performance.now() - start
  const { system, user } = process.cpuUsage(before)
  console.log(JSON.stringify({ cpu: (system + user) / 1000, wall }))`

/** A folder with the packages as they are published, and what they depend on as links. */
const installed = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const packages = path.resolve(import.meta.dirname, "../..")
  const folder = yield* fs.makeTempDirectoryScoped()
  const modules = path.join(folder, "node_modules")
  for (const name of ["core", "bedrock"]) {
    const source = path.join(packages, name)
    if (!(yield* fs.exists(path.join(source, "dist/modules.js")))) {
      return yield* new NotBuilt({ message: "The packages are not built: run `pnpm build` first" })
    }
    const target = path.join(modules, "@strata", name)
    yield* fs.makeDirectory(target, { recursive: true })
    yield* fs.copy(path.join(source, "dist"), path.join(target, "dist"))
    const manifest = yield* Schema.decodeEffect(Manifest)(yield* fs.readFileString(path.join(source, "package.json")))
    const published = { ...manifest, exports: manifest.publishConfig.exports }
    yield* fs.writeFileString(path.join(target, "package.json"), JSON.stringify(published))
  }
  for (const name of ["effect", sdk, "@smithy/core", "@smithy/node-http-handler"]) {
    yield* fs.makeDirectory(path.dirname(path.join(modules, name)), { recursive: true })
    const real = yield* fs.realPath(path.join(packages, "bedrock/node_modules", name))
    yield* fs.symlink(real, path.join(modules, name))
  }
  return folder
})

const Manifest = Schema.fromJsonString(Schema.Struct({
  type: Schema.String,
  publishConfig: Schema.Struct({ exports: Schema.Record(Schema.String, Schema.Unknown) })
}))

const measure = Effect.fnUntraced(function*(names: ReadonlyArray<string>, cwd: string) {
  const child = yield* ChildProcess.make(process.execPath, ["--input-type=module", "--eval", program(names)], {
    cwd,
    stderr: "inherit"
  })
  const printed = yield* Stream.mkString(Stream.decodeText(child.stdout))
  return yield* Schema.decodeEffect(Cost)(printed.trim())
}, Effect.scoped)

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Medians, and each one's share of the SDK client's. */
export const run = Effect.gen(function*() {
  const folder = yield* installed
  const costs = new Map<string, Array<typeof Cost.Type>>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, names] of Object.entries(subjects)) {
      const cost = yield* measure(names, folder)
      costs.set(name, [...(costs.get(name) ?? []), cost])
    }
  }
  const medians = [...costs].map(([name, all]) => ({
    name,
    cpu: median(all.map(({ cpu }) => cpu)),
    wall: median(all.map(({ wall }) => wall))
  }))
  const client = medians[0]
  yield* Console.log(Table.render([
    ["import, in a fresh process", "CPU ms", "wall ms", "CPU of the client's"],
    ...medians.map(({ cpu, name, wall }) => [
      name,
      cpu.toFixed(0),
      wall.toFixed(0),
      (cpu / (client?.cpu ?? Number.NaN)).toFixed(2)
    ])
  ]))
}).pipe(Effect.scoped)
