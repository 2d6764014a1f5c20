/**
 * Runs benchmarks and prints their tables: `pnpm bench` compares Strata with other clients (see `compare/compare.ts`),
 * `pnpm bench goodput` and the others named below measure what only Strata does.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, References } from "effect"
import * as Comparison from "./compare/compare.ts"
import { workloads } from "./compare/Workload.ts"
import * as embeddings from "./embeddings.ts"
import * as goodput from "./goodput.ts"
import * as imports from "./imports.ts"
import * as jobs from "./jobs/jobs.ts"
import * as kills from "./jobs/kills.ts"
import * as load from "./load.ts"
import * as pool from "./pool.ts"
import * as resilience from "./resilience.ts"
import * as vectors from "./vectors.ts"

const benchmarks = { embeddings, goodput, imports, jobs, kills, load, pool, resilience, vectors }

const isKnown = (name: string): name is keyof typeof benchmarks => Object.hasOwn(benchmarks, name)

const words = process.argv.slice(2)
const unknown = words.find((word) =>
  word !== "--quick" && !word.startsWith("--only=") && !isKnown(word) && !Object.hasOwn(workloads, word)
)

const program = Effect.gen(function*() {
  if (unknown !== undefined) {
    process.exitCode = 1
    return yield* Console.error(
      `There is no benchmark "${unknown}". To compare clients: ${
        Object.keys(workloads).join(", ")
      }, or none for all, and ` +
        `--quick. For Strata alone: ${Object.keys(benchmarks).join(", ")}.`
    )
  }
  const alone = words.filter(isKnown)
  for (const name of alone) yield* benchmarks[name].run
  if (alone.length === 0) yield* Comparison.run(words)
})

program.pipe(
  Effect.provideService(References.MinimumLogLevel, "Error"), // three hundred retries would hide the tables
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
