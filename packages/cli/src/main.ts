#!/usr/bin/env node
/**
 * The process of the command `strata`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Run from "./process/Run.ts"
import * as Shutdown from "./process/Shutdown.ts"
import * as Streams from "./process/Streams.ts"

const { stderr, stdin, stdout } = process

const version = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))(
  Fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")
)

const main = Effect.gen(function*() {
  const control = yield* Shutdown.make
  let signals = 0
  const onSignal = (signal: Shutdown.Signal) => {
    // The second one waits for little, the third one for nothing any more.
    if (++signals === 2) setTimeout(() => end(Shutdown.exitCodes[signal]), 1000).unref()
    if (signals > 2) process.exit(Shutdown.exitCodes[signal])
    control.signal(signal)
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  const { version: found } = yield* version
  return yield* Run.run(process.argv.slice(2), { control, version: found })
}).pipe(
  Effect.provide(Layer.merge(
    NodeServices.layer,
    Streams.layer({ stdout, stderr, terminal: process.env["TERM"] })
  ))
)

/** The process ends when everything that was written has been taken, not before. */
const end = (code: number) => {
  process.exitCode = code
  // An inherited input that was read may be open for ever.
  stdin.destroy()
  stdout.write("", () => stderr.write("", () => process.exit(code)))
}

Effect.runFork(main).addObserver((exit) => end(Exit.isSuccess(exit) ? exit.value : 1))
