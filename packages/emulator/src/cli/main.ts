#!/usr/bin/env node
/**
 * Runs the command `strata-emulator`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Url from "node:url"
import * as Serve from "./Serve.ts"

const main = Effect.gen(function*() {
  const { version } = yield* readManifest(Url.fileURLToPath(new URL("../../package.json", import.meta.url)))
  yield* Command.run(Serve.command, { version })
})

const readManifest = Effect.fnUntraced(function*(file: string) {
  const fileSystem = yield* FileSystem.FileSystem
  return yield* decodeManifest(yield* fileSystem.readFileString(file))
})

const decodeManifest = Schema.decodeEffect(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))

/** Shows the problem of a flag without the full help. */
const brief = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
        [...event.errors.map(({ message }) => message), "\nSee strata-emulator --help"].join("\n")
      )
      : CliOutput.defaultPresenter.present(event)
})

NodeRuntime.runMain(Effect.provide(main, Layer.merge(NodeServices.layer, brief)))
