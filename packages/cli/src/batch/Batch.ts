/**
 * `strata batch`: what `strata map` does, by batch jobs of Amazon Bedrock: within a day, at a lower price.
 */
import { BatchService } from "@strata/core"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Store from "../jobs/Store.ts"
import * as Flags from "../map/Flags.ts"
import * as Input from "../map/Input.ts"
import * as Reading from "../map/Reading.ts"
import * as Running from "../map/Running.ts"
import * as CommandError from "../process/CommandError.ts"
import * as Confirmation from "../process/Confirmation.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import * as Provider from "../provider/Provider.ts"
import * as Service from "./Service.ts"

const timeout = Flag.Int("timeout-hours").pipe(
  Flag.optional,
  Flag.withDescription("When Bedrock ends a job: 24 to 168 hours (24). What is not answered goes to the next one")
)

const polling = Flag.Finite("poll-seconds").pipe(
  Flag.filter((seconds) => seconds > 0, () => "--poll-seconds must be above 0"),
  Flag.withDefault(30),
  Flag.withDescription("The first pause between two looks at a job; it grows (30)")
)

const onlyBatch = Flag.Boolean("only-batch").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Ask nothing by single calls, also where rows are too few for a batch job")
)

/** The command. */
export const command = Command.make(
  "batch",
  {
    ...Flags.request,
    ...Flags.durable,
    timeout,
    polling,
    onlyBatch,
    ...Service.flags,
    ...Input.flags,
    ...Store.flags,
    region: Provider.flags.region,
    profile: Provider.flags.profile,
    prices: Provider.flags.prices,
    ...Confirmation.flags
  },
  Effect.fnUntraced(function*(given) {
    const { note } = yield* Output
    const selected = yield* Provider.select({ ...given, provider: "bedrock", maxCost: Option.none() }, {
      chatModel: Option.getOrUndefined(given.model)
    })
    const read = yield* Reading.read(given, selected.provider)
    const source = yield* Service.Source
    const services = Layer.merge(
      selected.layer,
      source({
        input: given.s3Input,
        output: given.s3Output,
        roleArn: given.role,
        region: Option.getOrUndefined(given.region),
        profile: Option.getOrUndefined(given.profile)
      }, selected.chatModel).pipe(Layer.provide(selected.prices))
    )
    yield* Effect.gen(function*() {
      const { minRecords } = yield* BatchService.limits()
      const { rows } = read.scan
      const isBatch = rows >= minRecords
      if (!isBatch && given.onlyBatch) {
        return yield* CommandError.usage(`A batch job has ${minRecords} records at least, and there are ${rows} rows`)
      }
      if (!isBatch) yield* note(`A batch job has ${minRecords} records at least: single calls ask about ${rows} rows`)
      const begins = yield* Confirmation.ask({
        what: `${Progress.number(rows)} rows${isBatch ? " by batch jobs" : ""}`,
        model: selected.chatModel,
        isBatch,
        ...Reading.tokensOf(read)
      }, given).pipe(Effect.provide(selected.prices))
      if (!begins) return
      yield* preflight
      yield* Running.run({
        ...read,
        ...Running.optionsOf("batch", given),
        concurrency: 8,
        isPaid: true,
        batch: {
          service: yield* BatchService.BatchService,
          live: !given.onlyBatch,
          polling: Duration.seconds(given.polling),
          timeout: Option.getOrUndefined(Option.map(given.timeout, Duration.hours))
        }
      }).pipe(Effect.provide(Store.layer(given.store)))
    }).pipe(Effect.provide(services))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Answer rows by batch jobs of Amazon Bedrock: within a day, at a lower price"),
  Command.withExamples([
    {
      command:
        "strata batch reviews.csv -p \"Is this review positive? {{text}}\" -o labels.jsonl --s3-input s3://b/in/ " +
        "--s3-output s3://b/out/ --role arn:aws:iam::123456789012:role/batch",
      description: "Submit, wait and collect; stopped and run again it goes on"
    }
  ])
)

/** Everything that would make jobs fail, at once and before the upload. */
const preflight = Effect.gen(function*() {
  const obstacles = yield* BatchService.preflight()
  if (obstacles.length === 0) return
  const lines = obstacles.map(({ action, principal, problem, remedy, resource, statement }) =>
    [
      `${action} on ${resource}${principal === undefined ? "" : ` as ${principal}`}: ${problem}. ${remedy}.`,
      ...(statement === undefined ? [] : [statement])
    ].join("\n")
  )
  return yield* CommandError.failed(["Jobs would fail, so none was submitted:", ...lines].join("\n"))
})
