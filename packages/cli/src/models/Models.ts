/**
 * `strata models`: what the catalogue knows of the models of Amazon Bedrock.
 */
import { Pricing } from "@strata/core"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"
import { Output } from "../process/Output.ts"
import * as Provider from "../provider/Provider.ts"

const pattern = Argument.String("name").pipe(
  Argument.optional,
  Argument.withDescription("Only models with this in their id; or the id of any model")
)

/** The command. */
export const command = Command.make(
  "models",
  { pattern, prices: Provider.flags.prices },
  Effect.fnUntraced(function*({ pattern, prices }) {
    const output = yield* Output
    const known = yield* Effect.provide(describe(Option.getOrUndefined(pattern)), yield* Provider.pricesOf(prices))
    if (known.length === 0) {
      return yield* CommandError.failed(`No model is known by "${Option.getOrElse(pattern, () => "")}"`)
    }
    if (output.isJson) return yield* Effect.forEach(known, output.json, { discard: true })
    const widths = columns.map((column) => Math.max(column.length, ...known.map((model) => cell(model, column).length)))
    const line = (cells: ReadonlyArray<string>) =>
      output.text(`${cells.map((text, index) => text.padEnd(widths[index] ?? 0)).join("  ").trimEnd()}\n`)
    yield* line(columns)
    for (const model of known) yield* line(columns.map((column) => cell(model, column)))
    yield* output.note("The catalogue ages: what a model can do here is what was known when this version was made.")
  })
).pipe(
  Command.withDescription("What the catalogue knows of models"),
  Command.withExamples([
    { command: "strata models", description: "All of them" },
    { command: "strata models claude --json", description: "What is known of each Claude" }
  ])
)

/** What is known of a model. `can` are the features of a chat model; unknown ones are left out. */
interface Known {
  readonly id: string
  readonly kind: "chat" | "embedding" | "rerank" | "unknown"
  readonly profiles: ReadonlyArray<string>
  readonly can: ReadonlyArray<string>
  readonly maxOutputTokens?: number | undefined
  readonly price?: Pricing.PriceInForce | undefined
  readonly capabilities?: object | undefined
}

const columns = ["id", "kind", "profiles", "can", "output", "price"] as const

const cell = (model: Known, column: (typeof columns)[number]): string => {
  switch (column) {
    case "id":
    case "kind":
      return model[column]
    case "profiles":
    case "can":
      return model[column].join(",") || "-"
    case "output":
      return `${model.maxOutputTokens ?? "-"}`
    case "price":
      return model.price === undefined ? "-" : `${model.price.input}/${model.price.output ?? 0}`
  }
}

const describe = Effect.fnUntraced(function*(pattern: string | undefined) {
  const [{ ModelCatalog, ModelId }, { Model }] = yield* Effect.promise(() =>
    Promise.all([import("@strata/bedrock"), import("@strata/emulator")])
  )
  const catalog = yield* ModelCatalog.ModelCatalog
  const of = Effect.fnUntraced(function*(id: string, listed: Pick<Known, "kind" | "profiles">) {
    const price = yield* Pricing.of(id, "aws.bedrock")
    if (listed.kind !== "chat" && listed.kind !== "unknown") return { id, ...listed, can: [], price }
    const capabilities = ModelCatalog.lookup(id, { catalog })
    const { documentInput, imageInput, maxOutputTokens, nativeJson, reasoning, streaming, tools, videoInput } =
      capabilities
    const can = Object.entries({
      stream: streaming,
      images: imageInput,
      documents: documentInput,
      video: videoInput,
      tools,
      json: nativeJson,
      reasoning: reasoning && reasoning.control !== "none"
    }).flatMap(([name, value]) => value === true ? [name] : [])
    return { id, ...listed, can, maxOutputTokens, price, capabilities }
  })
  const listed = Model.defaults.filter(({ id }) => pattern === undefined || id.includes(pattern))
  const named = pattern === undefined || listed.length > 0 ? undefined : ModelId.parse(pattern)
  const known: Array<Known> = []
  for (const { id, inferenceProfiles, kind } of listed) {
    known.push(yield* of(id, { kind, profiles: inferenceProfiles }))
  }
  // Of an id that is new, its family may be known.
  if (pattern !== undefined && named !== undefined && named.kind !== "unknown") {
    const base = Model.defaults.find(({ id }) => id === named.baseId)
    known.push(yield* of(pattern, { kind: base?.kind ?? "unknown", profiles: base?.inferenceProfiles ?? [] }))
  }
  return known
})
