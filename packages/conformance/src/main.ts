/**
 * Runs the command `conformance`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Conformance from "./Command.ts"
import * as Product from "./subject/Product.ts"
import * as Wire from "./subject/Wire.ts"

const services = Layer.merge(NodeServices.layer, Product.overWire.pipe(Layer.provideMerge(Wire.layer)))

Command.run(Conformance.command, { version: "0.0.0" }).pipe(
  Product.quietly,
  Effect.provide(services),
  NodeRuntime.runMain
)
