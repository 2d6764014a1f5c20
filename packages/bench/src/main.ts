/**
 * Runs the benchmarks and prints their tables: `pnpm bench`.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, References } from "effect"
import * as firstPath from "./firstPath.ts"

firstPath.run.pipe(
  Effect.provideService(References.MinimumLogLevel, "Error"), // three hundred retries would hide the tables
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
