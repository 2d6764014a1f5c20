import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const sources = join(import.meta.dirname, "../src")
const effect = join(dirname(fileURLToPath(import.meta.resolve("effect/package.json"))), "src")

/** What Effect says of a module, such as `effect/persistence/Redis`. */
const stabilityOf = (module: string) => {
  const file = join(effect, module.replace(/^effect\//, ""))
  const source = [`${file}.ts`, join(file, "index.ts")].find((file) => existsSync(file))
  return source && /@stability (\w+)/.exec(readFileSync(source, "utf8"))?.[1]
}

describe("The public modules of core", () => {
  it("name none of Effect's modules that a minor release may change", () => {
    assert.strictEqual(stabilityOf("effect/persistence/Redis"), "unstable")
    const named = globSync("**/*.ts", { cwd: sources })
      .filter((file) => !file.includes("internal/"))
      .flatMap((file) =>
        Array.from(
          readFileSync(join(sources, file), "utf8").matchAll(/ from "(effect\/[^"]+)"/g),
          ([, module]) => `${file}: ${module} is ${stabilityOf(module!)}`
        )
      )
    assert.isAbove(named.length, 50)
    assert.deepStrictEqual(named.filter((use) => !use.endsWith(" is stable")), [])
  })
})
