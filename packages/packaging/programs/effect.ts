// What Effect costs by itself.
import { NodeRuntime } from "@effect/platform-node"
import { Console } from "effect"

Console.log("Why is the sky blue?").pipe(NodeRuntime.runMain)
