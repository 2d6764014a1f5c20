/**
 * The commands of a `sh` block: that scripts and options which they name exist.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Pages from "./Pages.ts"

/** What is wrong with the commands of a block. */
export const problems = (code: string): ReadonlyArray<string> =>
  code.replaceAll(/\\\n/g, " ").split("\n").flatMap((line) => commands(words(line))).flatMap(problem)

/** The words of a line, without quotes, up to a comment. Operators of the shell are words. */
const words = (line: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const [token] of line.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'|&;])+|[|&;]+/g)) {
    if (token.startsWith("#")) break
    found.push(token.replaceAll(/["']/g, ""))
  }
  return found
}

const commands = (line: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const found: Array<Array<string>> = [[]]
  for (const word of line) {
    if (/^[|&;]+$/.test(word)) found.push([])
    else if (found.at(-1)!.length > 0 || !/^\w+=/.test(word)) found.at(-1)!.push(word)
  }
  return found.filter((command) => command.length > 0)
}

const problem = (command: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [name = "", ...rest] = command
  const args = rest.filter((word, index) => name !== "npx" || index > 0 || !["--yes", "-y"].includes(word))
  if (name === "npx") {
    return problem([(args[0] ?? "").replace(/^pnpm@.*/, (it) => it === pnpm ? "pnpm" : it), ...args.slice(1)])
  }
  if (name === "pnpm") return script(args)
  if (name === "node") return args.flatMap((file) => /^[\w./-]+\.ts$/.test(file) ? missing(file) : [])
  if (["strata-emulator", "@strata/emulator"].includes(name)) return options(args, emulator)
  if (["strata", "@strata/cli"].includes(name)) return [...subcommand(args), ...options(args, cli)]
  return known.has(name) ? [] : [`unknown command: ${name}`]
}

/** Commands of others, whose options are theirs. */
const known = new Set(
  "aws cat cd curl docker esbuild export git head jq kill mkdir npm pip python3 redis-cli redis-server tsc unset vitest wait-on"
    .split(" ")
)

const read = (file: string): string => Fs.readFileSync(Path.join(Pages.root, file), "utf8")

const manifest: { readonly packageManager: string; readonly scripts: Record<string, string> } = JSON.parse(
  read("package.json")
)
const pnpm = manifest.packageManager

/** `pnpm docs` is a command of pnpm itself, unlike `pnpm run docs`. */
const script = ([first = "", second = ""]: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (["add", "exec", "install"].includes(first)) return []
  const name = first === "run" ? second : first
  return name in manifest.scripts && first !== "docs" ? [] : [`no script: ${name}`]
}

const missing = (file: string): ReadonlyArray<string> =>
  file.includes("/") && !Fs.existsSync(Path.join(Pages.root, file)) ? [`no file: ${file}`] : []

interface Command {
  readonly flags: ReadonlySet<string>
  readonly names: ReadonlySet<string>
}

/** Flags and subcommands that the sources of a command declare. */
const declared = (folder: string): Command => {
  const source = Fs.globSync("**/*.ts", { cwd: Path.join(Pages.root, folder) }).map((file) => read(`${folder}/${file}`))
  const all = (pattern: RegExp) => source.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1]!))
  return {
    flags: new Set([
      ...all(/\bFlag\.[A-Z]\w*\(\s*"([\w-]+)"/g).flatMap((name) => [`--${name}`, `--no-${name}`]),
      ...all(/\bFlag\.withAlias\("(\w+)"/g).map((name) => `-${name}`),
      "--help",
      "--version",
      "--completions"
    ]),
    names: new Set(all(/(?:\bCommand\.make\(|\bname:)\s*"([\w-]+)"/g))
  }
}

const emulator = declared("packages/emulator/src/cli")
const cli: Command = (({ flags, names }) => ({ flags: new Set([...flags, ...emulator.flags]), names }))(
  declared("packages/cli/src")
)

const options = (args: ReadonlyArray<string>, { flags }: Command): ReadonlyArray<string> =>
  args.filter((word) => /^--?[a-z]/.test(word) && !flags.has(word.replace(/=.*/, ""))).map((word) =>
    `no option: ${word}`
  )

const subcommand = ([name = "--help"]: ReadonlyArray<string>): ReadonlyArray<string> =>
  name.startsWith("-") || cli.names.has(name) ? [] : [`no command: strata ${name}`]
