/**
 * What work will cost before it begins, and whether it may.
 */
import { Pricing } from "@strata/core"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as CommandError from "./CommandError.ts"
import { Output } from "./Output.ts"
import * as Progress from "./Progress.ts"

const yes = Flag.Boolean("yes").pipe(
  Flag.withAlias("y"),
  Flag.withDefault(false),
  Flag.withDescription("Begin without a question, whatever it may cost")
)

const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Only say what would be done, and what it may cost")
)

/** The flags of commands that spend much. */
export const flags = { yes, dryRun }

/** The least and the most of something. */
export interface Range {
  readonly least: number
  readonly most: number
}

/** - `model`: for its price; none for models that cost nothing. `isBatch`: whether it has the price of batch jobs. */
export interface Work {
  readonly what: string
  readonly model: string | undefined
  readonly isBatch?: boolean | undefined
  readonly input: Range
  readonly output?: Range | undefined
}

/** What may be spent without a question: dollars, and tokens where the price is not known. */
const threshold = { dollars: 1, tokens: 1_000_000 }

/** Says what work will take, and asks where that is much. `false`: it was only to be said. Fails where the answer is no. */
export const ask = Effect.fnUntraced(function*(
  work: Work,
  given: { readonly yes: boolean; readonly dryRun: boolean }
) {
  const output = yield* Output
  const { isRedrawable, note, warn } = output
  const cost = yield* costOf(work)
  const tokens = work.output === undefined
    ? tokensOf(work.input)
    : `${tokensOf(work.input)} in, ${tokensOf(work.output)} out`
  const price = work.model === undefined
    ? "no cost"
    : cost === undefined
    ? `cost unknown: give the price of ${work.model} with --prices`
    : between(cost, Progress.dollars)
  const line = `${work.what}: ${tokens}, ${price}`
  if (given.dryRun) {
    yield* output.isJson
      ? output.json({
        what: work.what,
        input: work.input,
        ...(work.output && { output: work.output }),
        ...(cost && { cost })
      })
      : output.text(`${line}\n`)
    return false
  }
  yield* note(line)
  const isMuch = work.model !== undefined && (cost === undefined
    ? work.input.most + (work.output?.most ?? 0) > threshold.tokens
    : cost.most > threshold.dollars)
  if (!isMuch || given.yes) return true
  const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
  if (!isRedrawable || !(yield* stdinIsTerminal)) {
    return yield* CommandError.usage(
      `This may cost ${cost === undefined ? "any amount" : `up to ${Progress.dollars(cost.most)}`}: ` +
        "say --yes to begin, or --max-cost to set a limit"
    )
  }
  yield* warn("Begin? [y/N]")
  const answer = yield* stdin.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.take(1),
    Stream.runCollect,
    Effect.orElseSucceed((): ReadonlyArray<string> => [])
  )
  if (/^\s*y(es)?\s*$/i.test(answer[0] ?? "")) return true
  return yield* CommandError.failed("Nothing was sent")
})

const costOf = Effect.fnUntraced(function*({ input, isBatch = false, model, output }: Work) {
  const price = model === undefined ? undefined : yield* Pricing.of(model, "aws.bedrock")
  const factor = isBatch ? price?.batch : 1
  if (price === undefined || factor === undefined) return undefined
  const perToken = (tokens: number, dollars = 0) => factor * tokens * dollars / 1_000_000
  return {
    least: perToken(input.least, price.input) + perToken(output?.least ?? 0, price.output),
    most: perToken(input.most, price.input) + perToken(output?.most ?? 0, price.output)
  }
})

const tokensOf = (range: Range) => `${between(range, (count) => Progress.number(Math.round(count)))} tokens`

const between = ({ least, most }: Range, format: (amount: number) => string): string =>
  format(least) === format(most) ? format(most) : `${format(least)} to ${format(most)}`

/** The tokens of a text: no model has fewer or more of ordinary text. */
export const tokens = (text: string): Range => {
  const bytes = Buffer.byteLength(text)
  return { least: bytes / 5, most: bytes / 2 }
}

/** The sum of two ranges. */
export const add = (self: Range, that: Range): Range => ({
  least: self.least + that.least,
  most: self.most + that.most
})
