/**
 * `strata batch submit`: rows as jobs of Amazon Bedrock, answered within a day at a lower price.
 */
import { type Batch, BatchService } from "@strata/core"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Crypto from "node:crypto"
import * as Path from "node:path"
import * as AnswerSchema from "../ask/AnswerSchema.ts"
import * as MapFlags from "../map/Flags.ts"
import * as Input from "../map/Input.ts"
import type * as Mapping from "../map/Mapping.ts"
import * as CommandError from "../process/CommandError.ts"
import * as Confirmation from "../process/Confirmation.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import * as Provider from "../provider/Provider.ts"
import * as Manifest from "./Manifest.ts"
import * as Records from "./Records.ts"
import * as Service from "./Service.ts"

const file = Flag.String("batch").pipe(
  Flag.withMetavar("FILE"),
  Flag.optional,
  Flag.withDescription("The file that stands for the batch from then on (that of the rows with .batch.json)")
)

const hours = Flag.Int("timeout-hours").pipe(
  Flag.optional,
  Flag.withDescription("When Bedrock gives up: 24 to 168 hours (24)")
)

/** The command. */
export const command = Command.make(
  "submit",
  {
    ...MapFlags.request,
    file,
    hours,
    ...Input.flags,
    ...Service.flags,
    region: Provider.flags.region,
    profile: Provider.flags.profile,
    prices: Provider.flags.prices,
    ...Confirmation.flags
  },
  Effect.fnUntraced(function*(given) {
    const output = yield* Output
    const prompt = yield* MapFlags.promptOf(given.prompt)
    if (prompt === undefined && Option.isNone(given.schema)) {
      return yield* CommandError.usage("Say what to ask about each row: --prompt, --schema, or both")
    }
    if (given.input === "-") {
      return yield* CommandError.usage("The rows of a batch are needed again when it is collected: give a file")
    }
    const model = Option.getOrElse(given.model, () => undefined) ?? (yield* Provider.chatModel)
    const schema = Option.getOrUndefined(given.schema)
    const mapping: Mapping.Options = {
      provider: "bedrock",
      prompt,
      system: Option.getOrUndefined(given.system),
      schema: schema === undefined ? undefined : yield* AnswerSchema.read(schema),
      maxTokens: given.maxTokens,
      temperature: Option.getOrUndefined(given.temperature)
    }
    const options = {
      ...Input.optionsOf(given),
      as: given.as,
      id: undefined,
      limit: Option.getOrUndefined(given.limit)
    }
    const input = yield* Input.open(given.input, options)
    const scan = yield* Input.scan(input, mapping)
    const prices = yield* Provider.pricesOf(given.prices)
    const begins = yield* Effect.provide(
      Confirmation.ask({
        what: `${Progress.number(scan.rows)} rows as batch jobs`,
        model,
        isBatch: true,
        input: scan.tokens,
        output: { least: scan.rows, most: scan.rows * given.maxTokens }
      }, given),
      prices
    )
    if (!begins) return
    const place: Service.Place = {
      input: given.s3Input,
      output: given.s3Output,
      roleArn: given.role,
      region: Option.getOrUndefined(given.region),
      profile: Option.getOrUndefined(given.profile)
    }
    const source = yield* Service.Source
    yield* Effect.gen(function*() {
      yield* preflight
      const limits = yield* BatchService.limits()
      const plan = yield* Records.plan(input, mapping, limits)
      for (const { error, line } of plan.refused) yield* output.warn(`left out: line ${line}: ${error.message}`)
      if (plan.records < limits.minRecords) {
        return yield* CommandError.usage(
          `A batch job has ${limits.minRecords} records at least, and there are ${plan.records}: use \`strata map\``
        )
      }
      const digest = yield* digestOf(given.input)
      const described = {
        strata: "batch" as const,
        rows: Path.resolve(given.input),
        digest,
        format: options.format,
        delimiter: options.delimiter,
        maxField: given.maxField,
        limit: options.limit,
        as: given.as,
        model,
        prompt,
        system: mapping.system,
        schema: mapping.schema === undefined ? undefined : JSON.stringify(mapping.schema.format.schema),
        maxTokens: given.maxTokens,
        temperature: mapping.temperature,
        place
      }
      const manifest: Manifest.Manifest = { ...described, parts: partsOf(described, plan) }
      const target = Option.getOrElse(given.file, () => `${given.input}.batch.json`)
      yield* Manifest.write(target, manifest)
      for (const part of manifest.parts) {
        const { job, outcome } = yield* BatchService.submit({
          name: part.name,
          kind: "chat",
          lines: Records.lines(input, mapping, part),
          ...(Option.isSome(given.hours) && { timeout: Duration.hours(given.hours.value) })
        })
        yield* output.note(
          `${part.name}: ${Progress.number(part.records)} records, ${
            outcome === "created" ? "submitted" : `is there already, ${job.state}`
          }`
        )
      }
      if (output.isJson) yield* output.json({ batch: target, jobs: manifest.parts, leftOut: plan.left })
      else yield* output.text(`${target}\n`)
      yield* output.note(`Next: strata batch wait ${target}`)
    }).pipe(Effect.provide(source(place, model)))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Submit rows as batch jobs"),
  Command.withExamples([
    {
      command:
        "strata batch submit reviews.csv -p \"Is this review positive? {{text}}\" --s3-input s3://b/in/ --s3-output " +
        "s3://b/out/ --role arn:aws:iam::123456789012:role/batch",
      description: "Writes reviews.csv.batch.json, which names the jobs"
    }
  ])
)

/** Everything that would make jobs fail, at once and before the upload. */
const preflight = Effect.gen(function*() {
  const obstacles: ReadonlyArray<Batch.Obstacle> = yield* BatchService.preflight()
  if (obstacles.length === 0) return
  const lines = obstacles.map(({ action, principal, problem, remedy, resource, statement }) =>
    [
      `${action} on ${resource}${principal === undefined ? "" : ` as ${principal}`}: ${problem}. ${remedy}.`,
      ...(statement === undefined ? [] : [statement])
    ].join("\n")
  )
  return yield* CommandError.failed(["Jobs would fail, so none was submitted:", ...lines].join("\n"))
})

/** Names that are the same for the same rows and the same request, so that nothing is submitted twice. */
const partsOf = (
  described: object & { readonly rows: string },
  { parts }: Records.Plan
): ReadonlyArray<Manifest.Part> => {
  const digest = Crypto.createHash("sha256").update(JSON.stringify(described)).digest("hex").slice(0, 12)
  const slug = Path.basename(described.rows).replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 30) ||
    "rows"
  let first = 0
  return parts.map((records, index) => {
    const part = { name: `strata-${slug}-${digest}-${index + 1}`, first, records }
    first += records
    return part
  })
}

/** The digest of a file. */
export const digestOf = Effect.fnUntraced(function*(file: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const hash = Crypto.createHash("sha256")
  yield* Stream.runForEach(fileSystem.stream(file), (chunk) => Effect.sync(() => hash.update(chunk))).pipe(
    Effect.mapError((cause) => CommandError.usage(`${file} cannot be read: ${CommandError.whyNot(cause)}`, cause))
  )
  return hash.digest("hex")
})
