/**
 * `strata embed`: the files of folders into a collection, of which only what changed is embedded.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CommandError from "../process/CommandError.ts"
import * as Confirmation from "../process/Confirmation.ts"
import { Output } from "../process/Output.ts"
import * as Progress from "../process/Progress.ts"
import * as Spending from "../process/Spending.ts"
import * as ModelFlags from "../provider/ModelFlags.ts"
import * as Provider from "../provider/Provider.ts"
import * as Embedding from "./Embedding.ts"
import * as Open from "./Open.ts"
import * as Prune from "./Prune.ts"
import * as Scan from "./Scan.ts"
import * as Stamp from "./Stamp.ts"
import * as Target from "./Target.ts"

const inputs = Argument.String("file").pipe(
  Argument.variadic({ min: 1 }),
  Argument.withDescription("Files and folders: Markdown, text, PDF, HTML")
)

const dimensions = ModelFlags.positive("dimensions").pipe(
  Flag.optional,
  Flag.withDescription("Numbers in a vector; the model's own when missing")
)

const maxTokens = ModelFlags.positive("chunk-tokens").pipe(
  Flag.optional,
  Flag.withDescription("The most tokens of a chunk (512; 100 offline)")
)

const overlapTokens = Flag.Int("overlap-tokens").pipe(
  Flag.withDefault(0),
  Flag.withDescription("What a chunk repeats of the one before it (0)")
)

const root = Flag.String("root").pipe(
  Flag.withDefault("."),
  Flag.withDescription("What the names of files are relative to (the working directory)")
)

const maxMegabytes = ModelFlags.positive("max-megabytes").pipe(
  Flag.withDefault(32),
  Flag.withDescription("Larger files are left out (32)")
)

const concurrency = ModelFlags.positive("concurrency").pipe(
  Flag.withDefault(8),
  Flag.withDescription("Files that are embedded at the same time (8)")
)

const followLinks = Flag.Boolean("follow-links").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Also follow symbolic links")
)

const prune = Flag.Boolean("prune").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Forget files that are gone, however many; more than a fifth of them are kept otherwise")
)

const force = Flag.Boolean("force").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Embed every chunk again")
)

const rebuild = Flag.Boolean("rebuild").pipe(
  Flag.withDefault(false),
  Flag.withDescription("Make the collection anew with other settings; the old one is searched until that is complete")
)

/** The command. */
export const command = Command.make(
  "embed",
  {
    inputs,
    model: ModelFlags.embeddingModel,
    dimensions,
    maxTokens,
    overlapTokens,
    root,
    maxMegabytes,
    concurrency,
    followLinks,
    prune,
    force,
    rebuild,
    ...Target.flags,
    ...Provider.flags,
    ...Confirmation.flags
  },
  Effect.fnUntraced(function*(given) {
    const selected = yield* Provider.select(given, { embeddingModel: Option.getOrUndefined(given.model) })
    const isLocal = selected.provider === "local"
    const stamp = Stamp.make({
      provider: selected.provider,
      model: selected.embeddingModel,
      dimensions: Option.getOrUndefined(given.dimensions),
      // The sentence encoder reads 128.
      maxTokens: Option.getOrElse(given.maxTokens, () => isLocal ? 100 : 512),
      overlapTokens: given.overlapTokens
    })
    const collection = yield* Open.open(given)
    const writer = yield* collection.write(stamp, { rebuild: given.rebuild })
    const scan = yield* Scan.scan({
      inputs: given.inputs,
      walk: {
        root: given.root,
        maxBytes: given.maxMegabytes * 1_000_000,
        followLinks: given.followLinks,
        except: Target.filesOf(given.index)
      },
      writer,
      stamp,
      isForced: given.force
    })
    const gone = yield* Prune.plan(scan, { writer, inputs: given.inputs, root: given.root, isForced: given.prune })
    const begins = yield* Effect.provide(
      Confirmation.ask({
        what: Scan.summary(scan, collection.place),
        model: isLocal ? undefined : selected.embeddingModel,
        // The splitter's estimate is rather too high.
        input: { least: scan.tokens / 2, most: scan.tokens }
      }, given),
      selected.prices
    )
    if (!begins) return
    // A model that is not needed is not loaded.
    const done = scan.changed.length === 0
      ? Embedding.nothing
      : yield* Embedding.embed({ scan, writer, stamp, ...given }).pipe(
        Effect.provide(Layer.provideMerge(selected.layer, Spending.layer))
      )
    if (!done.isStopped) {
      yield* writer.remove(gone)
      yield* writer.finish
    }
    yield* report({ scan, done, removed: done.isStopped ? 0 : gone.length })
  }, Effect.scoped)
).pipe(
  Command.withDescription("Embed files into a collection; only what changed is embedded again"),
  Command.withExamples([
    { command: "strata embed docs", description: "Embed a folder into strata.db" },
    {
      command: "strata embed docs README.md --index postgres://localhost/app --provider bedrock",
      description: "Into PostgreSQL with pgvector, by Amazon Bedrock"
    },
    { command: "strata embed . --dry-run", description: "Say what would be embedded, and what it may cost" }
  ])
)

const report = Effect.fnUntraced(function*({ done, removed, scan }: {
  readonly scan: Scan.Scan
  readonly done: Embedding.Done
  readonly removed: number
}) {
  const output = yield* Output
  const failed = [...scan.failed, ...done.failed]
  for (const { message, source } of failed) yield* output.warn(`failed: ${source}: ${message}`)
  for (const { emptyPages, source } of scan.partial) {
    yield* output.warn(`${source}: no text on ${emptyPages.length === 1 ? "page" : "pages"} ${emptyPages.join(", ")}`)
  }
  const { cost, requests, tokens } = done.spent
  if (output.isJson) {
    yield* output.json({
      embedded: done.files,
      chunks: done.chunks,
      unchanged: scan.unchanged,
      removed,
      failed,
      pagesWithoutText: scan.partial,
      skipped: Object.fromEntries(scan.skipped),
      requests,
      tokens,
      ...(cost !== undefined && { cost })
    })
  } else {
    const parts = [
      `${Progress.number(done.files)} files embedded (${Progress.number(done.chunks)} chunks)`,
      `${Progress.number(scan.unchanged)} unchanged`,
      ...(removed > 0 ? [`${Progress.number(removed)} removed`] : []),
      ...(failed.length > 0 ? [`${Progress.number(failed.length)} failed`] : []),
      ...(done.left > 0 ? [`${Progress.number(done.left)} not begun`] : [])
    ]
    yield* output.text(`${parts.join(", ")}\n`)
  }
  if (failed.length > 0) {
    return yield* new CommandError.CommandError({
      reason: "deadLetters",
      message: `${Progress.number(failed.length)} files are not in the collection as they are now: see above`
    })
  }
})
