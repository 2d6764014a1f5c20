/**
 * Finds the files of folders: without links, without what `.gitignore` excludes, and counting all that is left out.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import ignore from "ignore"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import * as CommandError from "../process/CommandError.ts"
import * as Files from "../process/Files.ts"
import * as SourceId from "./SourceId.ts"

/** Why a file or a folder was left out. */
export type Skip = "ignored" | "hidden" | "link" | "special" | "too large" | "unreadable" | "empty"

/** A file; `id` as in {@link SourceId.make}. */
export interface Found {
  readonly id: string
  readonly path: string
  readonly size: number
}

/**
 * - `root`: what ids are relative to.
 * - `maxBytes`: larger files are left out. `followLinks`: also walks links; what was walked already is left out.
 * - `except`: paths of files that are not looked at, such as those of the index itself.
 */
export interface Options {
  readonly root: string
  readonly maxBytes: number
  readonly followLinks: boolean
  readonly except?: ReadonlySet<string> | undefined
}

/**
 * What a walk did so far.
 *
 * - `skipped`: how much was left out, by reason. A folder that is ignored counts once.
 * - `unreadable`: ids of what could not be read. Nothing is known of what is below them.
 */
export interface Report {
  readonly skipped: ReadonlyMap<Skip, number>
  readonly unreadable: ReadonlyArray<string>
}

/** - `files`: to be run once; `report`: complete when they have ended. */
export interface Walk {
  readonly files: Stream.Stream<Found>
  readonly report: () => Report
}

/** Walks files and folders. A file that is named itself is never ignored. Fails for a name that does not exist. */
export const make = Effect.fnUntraced(function*(
  inputs: ReadonlyArray<string>,
  options: Options
): Effect.fn.Return<Walk, CommandError.CommandError> {
  const state: State = { options, skipped: new Map(), unreadable: [], seen: new Set() }
  const starts: Array<Start> = []
  for (const input of inputs) {
    const path = Path.resolve(options.root, input)
    const id = SourceId.make(options.root, input)
    if (id === undefined) {
      return yield* CommandError.usage(
        `${input} is outside of ${Path.resolve(options.root)}, from where paths in the collection start: `
          + `run the command above the file, or give --root ${Path.dirname(path)}`
      )
    }
    const info = yield* Files.attempt(() => Fs.stat(path)).pipe(
      Effect.mapError((cause) => CommandError.usage(`${input} cannot be read: ${whyNot(cause)}`, cause))
    )
    starts.push({ id, path, isFolder: info.isDirectory(), size: info.size, rules: yield* rulesAbove(path) })
  }
  return {
    files: Stream.flatMap(Stream.fromIterable(starts), (start) => {
      if (start.isFolder) return folder(state, start)
      return Stream.fromIterable(admitted(state, start))
    }),
    report: () => ({ skipped: state.skipped, unreadable: state.unreadable })
  }
})

interface Start extends Found {
  readonly isFolder: boolean
  readonly rules: Rules
}

/** `seen`: real paths, so that nothing is walked twice, and no walk is endless. */
interface State {
  readonly options: Options
  readonly skipped: Map<Skip, number>
  readonly unreadable: Array<string>
  readonly seen: Set<string>
}

/** The rules of `.gitignore` files, the innermost one first, each for paths below its folder. */
type Rules = ReadonlyArray<{ readonly folder: string; readonly matcher: ignore.Ignore }>

const skip = (state: State, reason: Skip) => state.skipped.set(reason, (state.skipped.get(reason) ?? 0) + 1)

const unreadable = (state: State, id: string) => {
  skip(state, "unreadable")
  state.unreadable.push(id)
}

/** A file, unless its size forbids it, or it was found before. */
const admitted = (state: State, { id, path, size }: Found): ReadonlyArray<Found> => {
  if (state.seen.has(path) || state.options.except?.has(path) === true) return []
  state.seen.add(path)
  if (size > state.options.maxBytes) skip(state, "too large")
  else if (size === 0) skip(state, "empty")
  else return [{ id, path, size }]
  return []
}

const folder = (state: State, { id, path, rules }: Pick<Start, "id" | "path" | "rules">): Stream.Stream<Found> =>
  Stream.unwrap(Effect.gen(function*() {
    const real = yield* Effect.orElseSucceed(Files.attempt(() => Fs.realpath(path)), () => path)
    if (state.seen.has(real)) return Stream.empty
    state.seen.add(real)
    const entries = yield* Effect.result(Files.attempt(() => Fs.readdir(path, { withFileTypes: true })))
    if (entries._tag === "Failure") {
      unreadable(state, id)
      return Stream.empty
    }
    const own = yield* rulesOf(path)
    const inner = own === undefined ? rules : [own, ...rules]
    // The same order everywhere.
    const sorted = entries.success.toSorted((a, b) => a.name < b.name ? -1 : 1)
    return Stream.flatMap(Stream.fromIterable(sorted), (entry) => {
      const at = {
        id: id === "" ? entry.name.normalize("NFC") : `${id}/${entry.name.normalize("NFC")}`,
        path: Path.join(path, entry.name)
      }
      return one(state, at, kindOf(entry), inner)
    })
  }))

type Kind = "folder" | "file" | "link" | "special"

const kindOf = (entry: {
  readonly isDirectory: () => boolean
  readonly isFile: () => boolean
  readonly isSymbolicLink: () => boolean
}): Kind => entry.isDirectory() ? "folder" : entry.isFile() ? "file" : entry.isSymbolicLink() ? "link" : "special"

const one = (
  state: State,
  { id, path }: Pick<Found, "id" | "path">,
  kind: Kind,
  rules: Rules
): Stream.Stream<Found> => {
  const left = (reason: Skip) => {
    skip(state, reason)
    return Stream.empty
  }
  const name = Path.basename(path)
  if (kind === "special") return left("special")
  if (kind === "link" && !state.options.followLinks) return left("link")
  if (name.startsWith(".")) return left("hidden")
  if (name === "node_modules" || isIgnored(rules, path, kind === "folder")) return left("ignored")
  if (kind === "folder") return folder(state, { id, path, rules })
  return Stream.unwrap(Effect.map(Effect.result(Files.attempt(() => Fs.stat(path))), (info) => {
    if (info._tag === "Failure") {
      // A link to nowhere is no file; any other one may be there again tomorrow.
      if (kind === "link") return left("link")
      unreadable(state, id)
      return Stream.empty
    }
    const { size } = info.success
    if (info.success.isDirectory()) return folder(state, { id, path, rules })
    return info.success.isFile() ? Stream.fromIterable(admitted(state, { id, path, size })) : left("special")
  }))
}

const isIgnored = (rules: Rules, path: string, isFolder: boolean): boolean => {
  for (const { folder, matcher } of rules) {
    const relative = Path.relative(folder, path).split(Path.sep).join("/")
    const { ignored, unignored } = matcher.test(isFolder ? `${relative}/` : relative)
    if (ignored || unignored) return ignored
  }
  return false
}

const rulesOf = (folder: string) =>
  Files.attempt(() => Fs.readFile(Path.join(folder, ".gitignore"), "utf8")).pipe(
    Effect.map((text) => ({ folder, matcher: ignore().add(text) })),
    Effect.orElseSucceed(() => undefined)
  )

/** The rules of the folders around a path, up to that of its repository; none outside of one. */
const rulesAbove = Effect.fnUntraced(function*(path: string) {
  const rules: Array<Rules[number]> = []
  for (let folder = Path.dirname(path);; folder = Path.dirname(folder)) {
    const own = yield* rulesOf(folder)
    if (own !== undefined) rules.push(own)
    const isRepository = yield* Files.attempt(() => Fs.stat(Path.join(folder, ".git"))).pipe(
      Effect.as(true),
      Effect.orElseSucceed(() => false)
    )
    if (isRepository) return rules
    if (Path.dirname(folder) === folder) return []
  }
})

const whyNot = ({ code, message }: Files.FileError): string =>
  code === "ENOENT" ? "there is no such file or folder" : code === "EACCES" ? "you may not read it" : message
