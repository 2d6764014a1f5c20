/**
 * `strata map`: a model asked about each row of a file, as a job that goes on where it stopped.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Store from "../jobs/Store.ts"
import * as Confirmation from "../process/Confirmation.ts"
import * as Progress from "../process/Progress.ts"
import * as ModelFlags from "../provider/ModelFlags.ts"
import * as Provider from "../provider/Provider.ts"
import * as Flags from "./Flags.ts"
import * as Input from "./Input.ts"
import * as Reading from "./Reading.ts"
import * as Running from "./Running.ts"

const concurrency = ModelFlags.positive("concurrency").pipe(
  Flag.withDefault(8),
  Flag.withDescription("Rows that are asked about at the same time (8)")
)

/** The command. */
export const command = Command.make(
  "map",
  {
    ...Flags.request,
    ...Flags.durable,
    concurrency,
    ...Input.flags,
    ...Store.flags,
    ...Provider.flags,
    ...Confirmation.flags
  },
  Effect.fnUntraced(function*(given) {
    const selected = yield* Provider.select(given, {
      chatModel: Option.getOrUndefined(given.model),
      concurrency: given.concurrency
    })
    const read = yield* Reading.read(given, selected.provider)
    const begins = yield* Effect.provide(
      Confirmation.ask({
        what: `${Progress.number(read.scan.rows)} rows`,
        model: selected.provider === "local" ? undefined : selected.chatModel,
        ...Reading.tokensOf(read)
      }, given),
      selected.prices
    )
    if (!begins) return
    yield* Running.run({
      ...read,
      ...Running.optionsOf("map", given),
      concurrency: given.concurrency,
      isPaid: selected.provider !== "local"
    }).pipe(Effect.provide(Layer.merge(selected.layer, Store.layer(given.store))))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Ask a model about each row of a file; a run that is stopped goes on where it was"),
  Command.withExamples([
    {
      command: "strata map reviews.csv -p \"Is this review positive? {{text}}\" -o labels.jsonl",
      description: "Classify"
    },
    { command: "strata map letters.jsonl --schema contact.json -o contacts.jsonl", description: "Extract" },
    {
      command: "strata map texts.jsonl -p \"Translate into French: {{text}}\" --as french > french.jsonl",
      description: "Translate, as the answers come"
    }
  ])
)
