/**
 * Rehearses a release: publishes every package to a registry on this machine, installs them by name in empty folders as users
 * do, and runs them. Nothing leaves the machine but requests for the packages of others: `pnpm release:rehearse`.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Published from "./Published.ts"
import * as Registry from "./Registry.ts"
import * as Shell from "./Shell.ts"

const manifest = JSON.parse(Fs.readFileSync(Path.join(Published.root, "package.json"), "utf8"))
const effect = JSON.parse(
  Fs.readFileSync(Path.join(Published.root, "packages/core/node_modules/effect/package.json"), "utf8")
).version
const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "strata-release-"))
const registry = await Registry.start()

/** With npm's settings of the registry for our scope alone, and a cache of its own: what is installed is what was published. */
const settings = [
  `@strata:registry=${registry.url}`,
  `//${registry.url.replace(/^http:\/\//, "")}:_authToken=rehearsal`,
  `cache=${Path.join(folder, "cache")}`,
  ""
].join("\n")

const timed = async <A>(what: string, work: () => Promise<A>): Promise<A> => {
  const start = performance.now()
  const result = await work()
  console.log(`${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  return result
}

/** By the command that a release uses; it publishes what the registry does not have. */
const publish = (): Promise<string> =>
  Shell.succeed("npx", [
    "--yes",
    manifest.packageManager,
    "exec",
    "env",
    `NPM_CONFIG_USERCONFIG=${Path.join(folder, ".npmrc")}`,
    // changeset asks npm, and has pnpm publish.
    `NPM_CONFIG_REGISTRY=${registry.url}`,
    `PNPM_CONFIG_REGISTRY=${registry.url}`,
    "changeset",
    "publish",
    "--no-git-tag"
  ], { cwd: Published.root })

/** An empty project in which the packages are installed, by their names. */
const install = async (name: string, packages: ReadonlyArray<string>): Promise<string> => {
  const project = Path.join(folder, name)
  Fs.mkdirSync(project)
  Fs.writeFileSync(Path.join(project, ".npmrc"), settings)
  Fs.writeFileSync(Path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  await Shell.succeed("npm", ["install", "--no-audit", "--no-fund", ...packages], { cwd: project })
  return project
}

const check = async (
  project: string,
  command: string,
  args: ReadonlyArray<string>,
  expected: RegExp
): Promise<void> => {
  const { code, output } = await Shell.run(Path.join(project, "node_modules/.bin", command), args, { cwd: project })
  if (code !== 0 || !expected.test(output)) {
    throw new Error(`${command} ${args.join(" ")} ended with ${code}, and printed\n${output}`)
  }
}

try {
  Fs.writeFileSync(Path.join(folder, ".npmrc"), settings)
  await timed(
    "Built",
    () => Shell.succeed("npx", ["--yes", manifest.packageManager, "run", "build"], { cwd: Published.root })
  )
  await timed("Published", publish)
  for (const [name, bytes] of registry.published) console.log(`  ${name}: ${(bytes / 1000).toFixed(0)} kB`)

  const wanted = Published.names.map((name) => `@strata/${name}`)
  const missing = wanted.filter((name) => !registry.published.has(name))
  if (missing.length > 0) throw new Error(`Not published: ${missing.join(", ")}`)

  await timed("Installed as the README says", async () => {
    const project = await install("readme", ["@strata/core", "@strata/bedrock", "effect", "@effect/platform-node"])
    await Shell.succeed(process.execPath, [
      "--input-type=module",
      "-e",
      `import { BedrockChat } from "@strata/bedrock"; if (typeof BedrockChat.layer !== "function") process.exit(1)`
    ], { cwd: project })
  })
  const project = await timed(
    "Installed all packages",
    () => install("all", [...wanted, `effect@${effect}`, `@effect/platform-node@${effect}`])
  )
  await timed("Imported all packages", () =>
    Shell.succeed(process.execPath, [
      "--input-type=module",
      "-e",
      wanted.map((name) => `await import("${name}")`).join("\n")
    ], { cwd: project }))
  await timed("Ran the commands", async () => {
    const version = JSON.parse(Fs.readFileSync(Path.join(Published.root, "packages/cli/package.json"), "utf8")).version
    await check(project, "strata", ["--version"], new RegExp(version.replaceAll(".", "\\.")))
    await check(project, "strata-emulator", ["--help"], /--port/)
    await check(project, "strata", ["ask", "Is this a question?"], /./)
  })
  console.log(`${wanted.length} packages can be published, installed and run.`)
} finally {
  registry.close()
  Fs.rmSync(folder, { recursive: true, force: true })
}
