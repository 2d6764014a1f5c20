// Embeds a text on this machine, in a thread that the package starts from a file of its own.
import { NodeRuntime } from "@effect/platform-node"
import { EmbeddingService } from "@strata/core"
import { LocalEmbedding } from "@strata/local"
import { Console, Effect } from "effect"

EmbeddingService.embed("a river").pipe(
  Effect.flatMap(({ vector }) => Console.log(vector.length)),
  Effect.provide(LocalEmbedding.layer()),
  NodeRuntime.runMain
)
