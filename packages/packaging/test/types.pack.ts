import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, beforeAll, describe, inject, it } from "vitest"
import * as Shell from "../src/Shell.ts"
import * as Modules from "./support/Modules.ts"
import * as Programs from "./support/Programs.ts"
import type * as Tools from "./support/Tools.ts"

const { folder, project } = inject("setup")

const compilers: ReadonlyArray<Tools.Name> = ["typescript-5.9", "typescript-newest"]

const resolutions = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" }
}

describe.skipIf(Programs.missing("registry") !== undefined)("Types", () => {
  const checked = Path.join(project, "types")
  beforeAll(() => {
    Fs.mkdirSync(checked)
    for (const program of ["chat", "others", "bridges"]) Programs.copy(program, checked, ".ts")
    Fs.writeFileSync(
      Path.join(checked, "modules.ts"),
      Modules.exported().map((name, index) => `export * as module${index} from "${name}"`).join("\n")
    )
    Fs.writeFileSync(
      Path.join(checked, "commonjs.cts"),
      "import core = require(\"@strata/core\")\nexport const policy: core.Policy.Policy = core.Policy.standard\n"
    )
    for (const [name, options] of Object.entries(resolutions)) {
      Fs.writeFileSync(
        Path.join(checked, `${name}.json`),
        JSON.stringify({
          compilerOptions: {
            ...options,
            target: "es2023",
            lib: ["es2023"],
            types: ["node"],
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: false,
            noEmit: true
          },
          files: ["chat.ts", "others.ts", "modules.ts", ...(name === "nodenext" ? ["commonjs.cts"] : [])]
        })
      )
    }
  })

  for (const compiler of compilers) {
    for (const resolution of Object.keys(resolutions)) {
      it.skipIf(Programs.missing(compiler) !== undefined)(
        `of every export, and of the libraries, by ${compiler} with ${resolution}`,
        async () => {
          const tsc = Path.join(folder, "tools", compiler, "node_modules/typescript/bin/tsc")
          const { output } = await Shell.run(process.execPath, [tsc, "-p", `${resolution}.json`, "--pretty", "false"], {
            cwd: checked
          })
          const errors = output.split("\n").filter((line) => line.includes("error TS"))
          const ours = errors.filter((line) =>
            !line.includes("node_modules/") || line.includes("node_modules/@strata/")
          )
          assert.deepStrictEqual(ours, [])
          if (errors.length > 0) console.warn(`In declarations of others:\n${errors.join("\n")}`)
          // A compiler that did not start has no errors either.
          assert.notInclude(output, "Cannot find module")
        }
      )
    }
  }
})
