/**
 * Runs the command with arguments, from its flags to its exit code.
 */
import * as Cause from "effect/Cause"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Strata from "../Strata.ts"
import * as CommandError from "./CommandError.ts"
import { erase, visible } from "./Output.ts"
import * as Shutdown from "./Shutdown.ts"
import * as Streams from "./Streams.ts"

/** Runs the command; the result is the exit code. What went wrong is on standard error by then. */
export const run = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  { control, version }: { readonly control: Shutdown.Control; readonly version: string }
) {
  const streams = yield* Streams.Streams
  const command = Command.runWith(Strata.command, { version })(args).pipe(
    Effect.provideService(Shutdown.Shutdown, control.shutdown),
    Effect.provide(Layer.mergeAll(presenter, plain, logger(streams)))
  )
  const exit = yield* Effect.exit(control.run(command))
  const received = yield* control.shutdown.received
  const signal = Option.isSome(received) ? Shutdown.exitCodes[received.value] : undefined
  if (Exit.isSuccess(exit)) return signal ?? 0
  const { code, message } = CommandError.ending(exit.cause)
  if (message !== undefined) yield* streams.error(`strata: ${visible(message)}\n`)
  if (yield* isDebugging) yield* streams.error(`${Cause.pretty(exit.cause)}\n`)
  return signal ?? code
})

const isDebugging = Effect.orElseSucceed(
  Config.withDefault(Config.Boolean("STRATA_DEBUG"), false),
  () => true
)

/** The problem of a flag, without the whole help. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
        [
          ...event.errors.map(({ message }) => `strata: ${visible(message)}`),
          `See ${event.commandPath.join(" ")} --help`
        ].join("\n")
      )
      : CliOutput.defaultPresenter.present(event)
})

/** No colours: standard output may be a file one day, and help is as readable without. */
const plain = Layer.succeed(
  TerminalCapabilities.TerminalCapabilities,
  { canColor: false, canAnimate: false, canPrompt: false }
)

/** What the libraries log, for people and never on standard output; from warnings on, unless `--log-level` says more. */
const logger = (streams: Streams.Streams["Service"]) =>
  Layer.merge(
    Logger.layer([
      Logger.make(({ logLevel, message }) => {
        const texts = Array.isArray(message) ? message : [message]
        const erased = streams.isRedrawable ? erase : ""
        // A logger is no effect; the write ends by itself.
        Effect.runFork(streams.error(`${erased}${logLevel.toLowerCase()}: ${visible(texts.map(String).join(" "))}\n`))
      })
    ]),
    Layer.succeed(References.MinimumLogLevel, "Warn")
  )
