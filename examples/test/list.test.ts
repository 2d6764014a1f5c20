import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Example from "./Example.ts"

const list = Fs.readFileSync(Path.join(Example.directory, "../docs/src/content/docs/recipes/index.md"), "utf8")

describe("The list of recipes", () => {
  it("has every example", () => {
    assert.deepStrictEqual(Example.names.filter((name) => !list.includes(`/examples/${name}.ts)`)), [])
  })
})
