/**
 * What Strata does, in half a minute: documents flow in under a quota, the service throttles and fails, money is counted,
 * and questions are answered as a stream with their sources.
 *
 * Everything goes through the AWS SDK and HTTP: to an emulator on this machine, or to Bedrock with
 * `STRATA_PROVIDER=bedrock` and AWS credentials, where nothing is broken on purpose. `--plain` prints lines only.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Clock, Effect, References } from "effect"
import * as Answers from "./src/demo/Answers.ts"
import * as Bedrock from "./src/demo/Bedrock.ts"
import * as Costs from "./src/demo/Costs.ts"
import * as Indexing from "./src/demo/Indexing.ts"
import * as Screen from "./src/demo/Screen.ts"
import * as Summary from "./src/demo/Summary.ts"
import * as Troubles from "./src/demo/Troubles.ts"

/** The acts, in order. */
export const program = Effect.gen(function*() {
  const start = yield* Clock.currentTimeMillis
  const { server } = yield* Bedrock.Bedrock
  yield* Screen.print(
    server === undefined
      ? "Strata on Amazon Bedrock, through the AWS SDK"
      : `Strata on an emulated Bedrock at ${server.url}, through the AWS SDK.\n` +
        "No language model is asked: a sentence encoder on this machine embeds, and answers are\n" +
        "quoted from the documents."
  )

  const index = yield* Indexing.index
  yield* Troubles.burst
  yield* Troubles.outage
  yield* Costs.costs
  yield* Answers.answers(index)
  yield* Summary.summary((yield* Clock.currentTimeMillis) - start)

  const { isLive } = yield* Screen.Screen
  if (isLive && process.stdin.isTTY) yield* Answers.converse(index)
})

/** Without the warnings of Strata: the screen shows what they say. */
export const quiet = Effect.provideService(References.MinimumLogLevel, "Error")

export const main = quiet(program).pipe(Effect.provide([Bedrock.layer, Screen.layer]))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
