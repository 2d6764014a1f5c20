/**
 * The command: plays a folder of recordings and the fixtures, or mutates them, and exits with 1 when something failed.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Url from "node:url"
import { decode } from "./decode/Decode.ts"
import { emulate } from "./emulator/Emulate.ts"
import { encode } from "./encode/Encode.ts"
import * as Fixtures from "./fixture/All.ts"
import type * as Known from "./Known.ts"
import * as Mantle from "./mantle/Mantle.ts"
import * as Mutation from "./mutate/Mutation.ts"
import * as Play from "./Play.ts"
import * as Recording from "./Recording.ts"
import * as Report from "./Report.ts"
import { roundTrip } from "./RoundTrip.ts"

/** The check of each direction. */
export const checks = {
  decode: Mantle.or(Mantle.decode, decode),
  encode: Mantle.or(Mantle.encode, encode),
  "round trip": Mantle.or(Mantle.roundTrip, roundTrip),
  emulator: emulate
} as const

/** All directions. */
export const directions = ["decode", "encode", "round trip", "emulator"] as const satisfies ReadonlyArray<
  Known.Direction
>

/** The default folder of recordings: beside the repository. */
const defaultFolder = Url.fileURLToPath(new URL("../../../../shared/captures", import.meta.url))

const folder = Argument.Directory("folder", { mustExist: true }).pipe(
  Argument.optional,
  Argument.withDescription(
    "Recordings: *.jsonl, and *.json of the emulator's --record (default: ../shared/captures, if it exists)"
  )
)

const flags = {
  direction: Flag.Literals("direction", directions).pipe(
    Flag.atLeast(0),
    Flag.withDescription("Only in this direction; may be repeated")
  ),
  only: Flag.String("only").pipe(
    Flag.withDefault(""),
    Flag.withMetavar("TEXT"),
    Flag.withDescription("Only exchanges whose id contains this text")
  ),
  most: Flag.Int("most").pipe(
    Flag.withDefault(3),
    Flag.withDescription("Maximum of printed failures per kind (3)")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print every result as JSON")
  ),
  mutate: Flag.Boolean("mutate").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Play mutated answers instead, and check for defects, wrong types and memory growth")
  ),
  streams: Flag.Int("streams").pipe(
    Flag.withDefault(100_000),
    Flag.withDescription("Number of mutated streams (100000)")
  ),
  bodies: Flag.Int("bodies").pipe(
    Flag.withDefault(20_000),
    Flag.withDescription("Number of other mutated answers (20000)")
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDefault(1),
    Flag.withDescription("The seed of the mutations (1)")
  )
}

/** The command. */
export const command = Command.make("conformance", { folder, ...flags }, (given) =>
  Effect.gen(function*() {
    const files = [Fixtures.file, ...yield* readFolder(given.folder)]
    if (given.mutate) {
      const report = yield* Mutation.run(files, given)
      yield* Console.log(given.json ? JSON.stringify(report, undefined, 2) : Mutation.toText(report, given.most))
      return yield* endWith(Mutation.isPassed(report))
    }
    const chosen = files.map((file) => ({
      ...file,
      recordings: file.recordings.filter(({ id }) => id.includes(given.only))
    }))
    const results = yield* Play.play(chosen, checks, given.direction.length > 0 ? given.direction : directions)
    yield* Console.log(given.json ? Report.toJson(results) : Report.toText(chosen, results, given.most))
    yield* endWith(Report.isPassed(chosen, results))
  })).pipe(
    Command.withDescription("Plays recorded exchanges with Amazon Bedrock to the clients and to the emulator."),
    Command.withExamples([
      { command: "conformance ../recordings", description: "Play a folder in all directions" },
      { command: "conformance --direction decode --only haiku", description: "Some answers, in one direction" },
      { command: "conformance --mutate --streams 2000 --bodies 400", description: "A short run of mutated answers" }
    ])
  )

const readFolder = Effect.fnUntraced(function*(given: Option.Option<string>) {
  const fileSystem = yield* FileSystem.FileSystem
  if (Option.isSome(given)) return yield* Recording.readFolder(given.value)
  if (yield* fileSystem.exists(defaultFolder)) return yield* Recording.readFolder(defaultFolder)
  yield* Console.error(`There is no folder ${defaultFolder}: only the fixtures are played.`)
  return []
})

const endWith = (passed: boolean) =>
  Effect.sync(() => {
    if (!passed) process.exitCode = 1
  })
