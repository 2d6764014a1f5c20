/**
 * The packages that are published, and where they are.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The repository. */
export const root: string = Path.resolve(import.meta.dirname, "../../..")

/** Folders in `packages` whose manifest is not private. */
export const names: ReadonlyArray<string> = Fs.readdirSync(Path.join(root, "packages"))
  .filter((name) => {
    const path = Path.join(root, "packages", name, "package.json")
    return Fs.existsSync(path) && JSON.parse(Fs.readFileSync(path, "utf8")).private !== true
  })
  .sort()

/** The version of Effect that the workspace is tested with. */
export const effect: string =
  JSON.parse(Fs.readFileSync(Path.join(root, "packages/core/node_modules/effect/package.json"), "utf8")).version

/** Files that run in a thread of their own, by package: they are started by their path, so no manifest names them. */
export const threads: Readonly<Record<string, ReadonlyArray<string>>> = {
  documents: ["PdfThread.ts"],
  local: ["SentenceEncoderThread.ts"]
}
