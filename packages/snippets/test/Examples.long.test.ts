import { assert, describe, it } from "@effect/vitest"
import { compile } from "../src/compile.ts"
import * as Examples from "../src/Examples.ts"
import * as Exports from "../src/Exports.ts"

const examples = Object.fromEntries(
  Exports.packages.flatMap((name) =>
    Examples.of(name).map((example, index) => [`${name}-${index + 1}`, { name, example }] as const)
  )
)

const modules = (declared: ReadonlyMap<string, ReadonlyArray<string>>) =>
  Object.fromEntries(
    Object.entries(examples).map(([file, { example, name }]) =>
      [file, Examples.toModule(name, example, declared.get(file))] as const
    )
  )

/** The name that the compiler does not find, if that is the problem. */
const missing = (message: string) =>
  /^(?:Cannot find (?:name|namespace) |No value exists in scope for the shorthand property )'(\w+)'/.exec(message)?.[1]

describe("The examples of doc comments", () => {
  it("compile, with declarations of the names that they leave to the reader", () => {
    const declared = new Map<string, Array<string>>()
    for (const { file, message } of compile(modules(declared))) {
      const name = missing(message)
      const names = declared.get(file) ?? []
      if (name !== undefined && !names.includes(name)) declared.set(file, [...names, name])
    }
    // What the language service of Effect adds is for programs, not for fragments.
    const problems = compile(modules(declared)).filter(({ code }) => !code.startsWith("TS377")).map((
      { file, line, message }
    ) => `${examples[file]?.example.place}, line ${line}: ${message}`)
    assert.deepStrictEqual(problems, [])
    assert.isAbove(Object.keys(examples).length, 100)
  }, 300_000)
})
