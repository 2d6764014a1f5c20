import { assert, describe, it } from "@effect/vitest"
import * as Examples from "../src/Examples.ts"
import * as Exports from "../src/Exports.ts"
import { compile } from "./support/ModuleCompiler.ts"

const examples = Object.fromEntries(
  Exports.packages.flatMap((name) =>
    Examples.of(name).map((example, index) => [`${name}-${index + 1}`, { name, example }] as const)
  )
)

describe("The examples of doc comments", () => {
  it("compile, where a name that they leave to the reader is one of `givens`", async () => {
    const modules = Object.entries(examples).map(([file, { example, name }]) =>
      [file, Examples.toModule(name, example)] as const
    )
    assert.isAbove(modules.length, 100)
    const problems = await compile({ givens: Examples.givens, ...Object.fromEntries(modules) })
    assert.deepStrictEqual(
      problems.map(({ file, line, message }) => `${examples[file]?.example.place ?? file}, line ${line}: ${message}`),
      []
    )
  }, 300_000)
})
