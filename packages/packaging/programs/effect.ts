// What Effect costs by itself.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console } from "effect"

Console.log("Why is the sky blue?").pipe(NodeRuntime.runMain)
