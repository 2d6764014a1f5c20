/**
 * `strata search`: the chunks of a collection that are closest to a question.
 */
import { EmbeddingService } from "@strata/core"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Open from "../collection/Open.ts"
import * as Stamp from "../collection/Stamp.ts"
import * as Target from "../collection/Target.ts"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as ModelFlags from "../provider/ModelFlags.ts"
import * as Provider from "../provider/Provider.ts"

const question = Argument.String("question").pipe(Argument.withDescription("What to look for"))

const limit = ModelFlags.positive("limit").pipe(
  Flag.withAlias("k"),
  Flag.withDefault(5),
  Flag.withDescription("The most chunks to show (5)")
)

const under = Flag.String("under").pipe(
  Flag.withMetavar("PATH"),
  Flag.optional,
  Flag.withDescription("Only chunks of this file, or of files in this folder")
)

/** The command. */
export const command = Command.make(
  "search",
  { question, limit, under, model: ModelFlags.embeddingModel, ...Target.flags, ...Provider.flags },
  Effect.fnUntraced(function*(given) {
    const output = yield* Output
    const selected = yield* Provider.select(given, { embeddingModel: Option.getOrUndefined(given.model) })
    const collection = yield* Open.open(given)
    const stamp = Option.getOrUndefined(yield* collection.stamp)
    if (stamp === undefined) {
      return yield* CommandError.failed(
        `There is no collection "${given.collection}" in ${collection.place}: make it with \`strata embed\``
      )
    }
    const asked = Stamp.make({
      ...stamp,
      provider: selected.provider,
      model: selected.embeddingModel,
      dimensions: undefined
    })
    const change = Stamp.differenceOfQuery(stamp, asked)
    if (change !== undefined) {
      return yield* CommandError.usage(
        `The collection "${given.collection}" has other vectors: ${change}. Search it with --provider ${stamp.provider} ` +
          `--model ${stamp.model}, or embed its files again with \`strata embed --rebuild\``
      )
    }
    const { vector } = yield* EmbeddingService.embed(given.question, {
      purpose: "query",
      normalize: stamp.normalize,
      ...(stamp.dimensions !== null && { dimensions: stamp.dimensions })
    }).pipe(Effect.provide(selected.layer))
    const folder = Option.map(
      given.under,
      (path) => path.replace(/\\/g, "/").replace(/^\.\/|\/+$/g, "").normalize("NFC")
    )
    const hits = yield* collection.search({
      vector: Float32Array.from(vector),
      limit: given.limit,
      under: Option.getOrUndefined(folder)
    })
    for (const hit of hits) {
      yield* output.isJson
        ? output.json(hit)
        : output.text(
          `${hit.score.toFixed(3)}  ${hit.citation}${hit.context === "" ? "" : `  (${hit.context})`}\n${
            indent(hit.text)
          }\n\n`
        )
    }
    if (hits.length < given.limit) {
      yield* output.note(
        `${hits.length === 0 ? "No chunk matches" : `Only ${hits.length} chunks match`}: there are no others`
      )
    }
  }, Effect.scoped)
).pipe(
  Command.withDescription("Find what is closest in meaning"),
  Command.withExamples([
    { command: "strata search \"How long do refunds take?\"", description: "Search strata.db" },
    { command: "strata search refunds --under docs/legal -k 20 --json", description: "In one folder, as JSON" }
  ])
)

const indent = (text: string): string => text.split("\n").map((line) => `    ${line}`).join("\n")
