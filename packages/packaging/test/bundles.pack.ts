import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterAll, assert, beforeAll, describe, inject, it } from "vitest"
import * as Bundlers from "./support/Bundlers.ts"
import * as Programs from "./support/Programs.ts"
import type * as Tools from "./support/Tools.ts"

const { folder, project } = inject("setup")

/** What the programs print: the echo of the question; dimensions of two vectors, the echo, and an error. */
const answers = {
  chat: ["Why is the sky blue?"],
  others: ["1024 1024", "Why is the grass green?", "InvalidRequestError"]
}

interface Case {
  readonly name: string
  readonly tool: Tools.Name
  readonly format: Programs.Format
  readonly bundle: Programs.Bundler
}

const cases: ReadonlyArray<Case> = [
  { name: "esbuild", tool: "esbuild", format: "cjs", bundle: Bundlers.esbuild() },
  // Else esbuild takes the SDK's CommonJS, which requires modules of Node that an ES module cannot require.
  { name: "esbuild", tool: "esbuild", format: "esm", bundle: Bundlers.esbuild("--main-fields=module,main") },
  { name: "webpack", tool: "webpack", format: "cjs", bundle: Bundlers.webpack },
  { name: "webpack", tool: "webpack", format: "esm", bundle: Bundlers.webpack },
  { name: "rollup", tool: "rollup", format: "cjs", bundle: Bundlers.rollup },
  { name: "rollup", tool: "rollup", format: "esm", bundle: Bundlers.rollup },
  // Its CommonJS keeps `import.meta` of Effect's modules.
  { name: "bun", tool: "bun", format: "esm", bundle: Bundlers.bun }
]

/** The project without what is optional for `@strata/bedrock`. */
const alone = Path.join(folder, "project-without-optional")

const bundled = async ({ bundle, format, name }: Case, program: string, from = alone): Promise<string> => {
  // A folder of its own: what the bundle does not have, it does not find.
  const out = Path.join(
    Fs.mkdtempSync(Path.join(folder, "alone-")),
    `${program}.${name}.${format === "esm" ? "mjs" : "cjs"}`
  )
  await bundle(Programs.copy(program, from), out, format)
  return out
}

describe.skipIf(Programs.missing("registry") !== undefined)("A bundle", () => {
  let bedrock: Awaited<ReturnType<typeof Programs.emulator>>
  beforeAll(async () => {
    bedrock = await Programs.emulator()
    Fs.cpSync(project, alone, { recursive: true })
    for (const name of ["client-bedrock", "client-s3"]) {
      Fs.rmSync(Path.join(alone, "node_modules/@aws-sdk", name), { recursive: true })
    }
  })
  afterAll(() => bedrock.stop())

  for (const example of cases) {
    describe.skipIf(Programs.missing(example.tool) !== undefined)(`by ${example.name}, ${example.format}`, () => {
      for (const [program, lines] of Object.entries(answers)) {
        it(`runs ${program} without packages`, async () => {
          const { code, output } = await Programs.runAlone(await bundled(example, program), bedrock.env)
          for (const line of lines) assert.include(output, line)
          assert.strictEqual(code, 0)
        })
      }
    })
  }

  describe("of a project with the optional packages, which the command brings", () => {
    for (const example of cases.filter(({ format, name }) => format === "esm" || name === "esbuild")) {
      it.skipIf(Programs.missing(example.tool) !== undefined)(
        `has it, by ${example.name}, ${example.format}`,
        async () => {
          const { output } = await Programs.runAlone(await bundled(example, "others", project), bedrock.env)
          assert.include(output, "ConnectionError")
        }
      )
    }
  })
})
