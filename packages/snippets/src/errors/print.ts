/**
 * Fails as a program of a user does, so that its end can be read: with the tag that is its argument, or with each error of a provider,
 * one after the other, logged as `runMain` logs them.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, References } from "effect"
import { failures } from "./ProviderFailures.ts"

const [tag] = process.argv.slice(2)

/** What the failures themselves log on the way is not of interest. */
const quietly = Effect.provideService(References.MinimumLogLevel, "None")

const each = Effect.forEach(
  Object.entries(failures),
  ([tag, failure]) =>
    Effect.andThen(Console.log(`= ${tag}`), Effect.catchCause(quietly(failure), (cause) => Effect.logError(cause))),
  { discard: true }
)

const answer = Effect.fn("answer")(function*(failure: Effect.Effect<unknown, unknown>) {
  return yield* quietly(failure)
})

NodeRuntime.runMain(tag === undefined ? each : answer(failures[tag as keyof typeof failures]))
