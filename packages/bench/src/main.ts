/**
 * Runs benchmarks and prints their tables: `pnpm bench` for the quick ones, `pnpm bench embeddings` for one of them.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, References } from "effect"
import * as embeddings from "./embeddings.ts"
import * as firstPath from "./firstPath.ts"
import * as goodput from "./goodput.ts"
import * as imports from "./imports.ts"
import * as load from "./load.ts"
import * as resilience from "./resilience.ts"
import * as vectors from "./vectors.ts"

const benchmarks = { firstPath, embeddings, goodput, imports, load, resilience, vectors }

const isKnown = (name: string): name is keyof typeof benchmarks => name in benchmarks

const name = process.argv[2] ?? "firstPath"

const program = isKnown(name)
  ? benchmarks[name].run
  : Console.log(`Which one? ${Object.keys(benchmarks).join(", ")}`)

program.pipe(
  Effect.provideService(References.MinimumLogLevel, "Error"), // three hundred retries would hide the tables
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
