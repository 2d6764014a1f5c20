import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Zlib from "node:zlib"
import { assert, beforeAll, describe, inject, it } from "vitest"
import * as Published from "../src/Published.ts"
import * as Bundlers from "./support/Bundlers.ts"
import * as Programs from "./support/Programs.ts"

const { folder, project } = inject("setup")

/** Thousands of bytes, minified and gzipped. */
interface Size {
  readonly minified: number
  readonly gzip: number
}

/** Rows of the table in the guide to bundles: a program of `programs`, and options of esbuild. */
const rows: Readonly<Record<string, { readonly program: string; readonly options?: ReadonlyArray<string> }>> = {
  "chat, the program of the README": { program: "chat" },
  "the same with `--main-fields=module,main`": { program: "chat", options: ["--main-fields=module,main"] },
  "and with modules imported by their paths": { program: "modules", options: ["--main-fields=module,main"] },
  "embeddings": { program: "embeddings" },
  "the AWS SDK alone, one call of Converse": { program: "sdk" },
  "Effect alone, one `Console.log`": { program: "effect" }
}

/** Text that only codecs of embedding models have, and text that only those of chat have. */
const marks = { embeddings: "SINGLE_EMBEDDING", chat: "additionalProperties" }

describe.skipIf((Programs.missing("registry") ?? Programs.missing("esbuild")) !== undefined)("The size", () => {
  const sizes: Record<string, Size> = {}
  const texts: Record<string, string> = {}

  beforeAll(async () => {
    for (const [index, [row, { options = [], program }]] of Object.entries(rows).entries()) {
      const out = Path.join(folder, `size-${index}.js`)
      const format = options.length === 0 ? "cjs" : "esm"
      await Bundlers.esbuild("--minify", ...options)(Programs.copy(program, project), out, format)
      const bytes = Fs.readFileSync(out)
      sizes[row] = { minified: bytes.length / 1000, gzip: Zlib.gzipSync(bytes).length / 1000 }
      texts[row] = bytes.toString()
    }
  })

  it("of each program is what the guide to bundles says, give or take three percent", () => {
    const guide = Fs.readFileSync(Path.join(Published.root, "docs/src/content/docs/guides/bundles.md"), "utf8")
    console.log(
      Object.entries(sizes).map(([row, { gzip, minified }]) =>
        `| ${row} | ${minified.toFixed(0)} kB | ${gzip.toFixed(0)} kB |`
      ).join("\n")
    )
    for (const [row, size] of Object.entries(sizes)) {
      const cells = guide.split("\n").map((line) => line.split("|").map((cell) => cell.trim())).find((cells) =>
        cells[1] === row
      )
      assert(cells !== undefined, `the guide has no row "${row}"`)
      const said = { minified: Number.parseFloat(cells[2] ?? ""), gzip: Number.parseFloat(cells[3] ?? "") }
      for (const kind of ["minified", "gzip"] as const) {
        assert.closeTo(said[kind], size[kind], size[kind] * 0.03, `${row}, ${kind}`)
      }
    }
  })

  it("of a chat program has no part of embeddings, nor the other way round", () => {
    const [chat, , , embeddings] = Object.values(texts)
    assert.include(embeddings, marks.embeddings)
    assert.notInclude(chat, marks.embeddings)
    assert.include(chat, marks.chat)
    assert.notInclude(embeddings, marks.chat)
  })
})
