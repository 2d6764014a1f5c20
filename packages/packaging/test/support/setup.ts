/**
 * Builds and packs every package, and installs the tarballs with npm in an empty project outside of the repository.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { TestProject } from "vitest/node"
import * as Published from "../../src/Published.ts"
import * as Shell from "../../src/Shell.ts"
import * as Tools from "./Tools.ts"

/**
 * - `folder`: holds everything, removed in the end.
 * - `project`: has the packages installed, and no optional peer.
 * - `tarballs`: of each package.
 * - `missing`: the tools that could not be installed, and why; all of them without a registry.
 */
export interface Setup {
  readonly folder: string
  readonly project: string
  readonly tarballs: Readonly<Record<string, string>>
  readonly missing: Partial<Record<Tools.Name | "registry", string>>
}

declare module "vitest" {
  interface ProvidedContext {
    readonly setup: Setup
  }
}

export default async (vitest: TestProject): Promise<() => void> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "strata-packages-"))
  const project = Path.join(folder, "project")
  const tarballs = await pack(folder)
  const registry = await Shell.run("npm", ["view", "effect", "version"], { cwd: folder })
  const missing = registry.code === 0
    ? (await installProject(project, Object.values(tarballs)), await Tools.install(Path.join(folder, "tools")))
    : { registry: "no package registry can be reached" }
  for (const [name, reason] of Object.entries(missing)) console.warn(`Skipped: what needs ${name}. ${reason}`)
  vitest.provide("setup", { folder, project, tarballs, missing })
  return () => Fs.rmSync(folder, { recursive: true, force: true })
}

const manifest = JSON.parse(Fs.readFileSync(Path.join(Published.root, "package.json"), "utf8"))

const pnpm = (args: ReadonlyArray<string>, cwd: string): Promise<string> =>
  Shell.succeed("npx", ["--yes", manifest.packageManager, ...args], { cwd })

const pack = async (folder: string): Promise<Record<string, string>> => {
  await pnpm(["run", "build"], Published.root)
  const tarballs: Record<string, string> = {}
  for (const name of Published.names) {
    await pnpm(["pack", "--pack-destination", folder], Path.join(Published.root, "packages", name))
    tarballs[name] = Path.join(folder, Fs.readdirSync(folder).find((file) => file.startsWith(`strata-${name}-`))!)
  }
  return tarballs
}

const installProject = async (project: string, tarballs: ReadonlyArray<string>): Promise<void> => {
  const { effect } = Published
  Fs.mkdirSync(project)
  Fs.writeFileSync(Path.join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  await Shell.succeed("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    ...tarballs,
    `effect@${effect}`,
    `@effect/platform-node@${effect}`,
    "@types/node@24"
  ], { cwd: project })
}
