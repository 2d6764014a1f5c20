/**
 * The bundlers, each with as few options as a program for Node needs.
 */
import * as Fs from "node:fs"
import * as Module from "node:module"
import * as Path from "node:path"
import { inject } from "vitest"
import * as Shell from "../../src/Shell.ts"
import { bin, type Bundler, type Format } from "./Programs.ts"

const beside = (path: string): { readonly cwd: string } => ({ cwd: Path.dirname(path) })

/** `esbuild --bundle --platform=node`, and more options. */
export const esbuild = (...options: ReadonlyArray<string>): Bundler => (entry, out, format) =>
  Shell.succeed(
    bin("esbuild", "esbuild"),
    [entry, "--bundle", "--platform=node", `--format=${format}`, `--outfile=${out}`, "--log-level=error", ...options],
    beside(entry)
  )

export const bun: Bundler = (entry, out, format) =>
  Shell.succeed(
    bin("bun", "bun"),
    ["build", entry, "--target=node", `--format=${format}`, `--outfile=${out}`],
    beside(entry)
  )

const config = (entry: string, name: string, source: string): string => {
  const path = `${entry}.${name}`
  Fs.writeFileSync(path, source)
  return path
}

const tool = (name: string): NodeJS.Require =>
  Module.createRequire(Path.join(inject("setup").folder, "tools", name, "package.json"))

export const webpack: Bundler = (entry, out, format) => {
  const script = config(
    entry,
    `${format}.webpack.cjs`,
    `
    const webpack = require(${JSON.stringify(tool("webpack").resolve("webpack"))})
    // One file, so that it can be moved.
    const plugins = [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })]
    webpack({ ...${JSON.stringify(webpackOptions(entry, out, format))}, plugins }, (error, stats) => {
      if (error) throw error
      const { errors } = stats.toJson({ all: false, errors: true })
      for (const { message } of errors) console.error(message)
      process.exitCode = errors.length
    })`
  )
  return Shell.succeed(process.execPath, [script], beside(entry))
}

const webpackOptions = (entry: string, out: string, format: Format) => ({
  mode: "production",
  target: "node",
  entry,
  output: {
    path: Path.dirname(out),
    filename: Path.basename(out),
    ...(format === "esm" ? { module: true, library: { type: "module" } } : { library: { type: "commonjs2" } })
  },
  experiments: { outputModule: format === "esm" },
  optimization: { minimize: false },
  performance: false
})

export const rollup: Bundler = (entry, out, format) => {
  const { resolve } = tool("rollup")
  const script = config(
    entry,
    `${format}.rollup.cjs`,
    `
    const { rollup } = require(${JSON.stringify(resolve("rollup"))})
    const plugin = (path, options) => { const loaded = require(path); return (loaded.default ?? loaded)(options) }
    rollup({
      input: ${JSON.stringify(entry)},
      plugins: [
        plugin(${
      JSON.stringify(resolve("@rollup/plugin-node-resolve"))
    }, { exportConditions: ["node"], preferBuiltins: true }),
        plugin(${JSON.stringify(resolve("@rollup/plugin-commonjs"))}),
        plugin(${JSON.stringify(resolve("@rollup/plugin-json"))})
      ],
      onwarn() {}
    }).then((bundle) => bundle.write({
      file: ${JSON.stringify(out)}, format: "${format}", inlineDynamicImports: true
    })).catch((error) => { console.error(error); process.exitCode = 1 })`
  )
  return Shell.succeed(process.execPath, [script], beside(entry))
}
