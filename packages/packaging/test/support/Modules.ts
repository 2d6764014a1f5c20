/**
 * What can be imported from the packages.
 */
import * as Path from "node:path"
import * as Entries from "../../src/build/Entries.ts"
import * as Published from "../../src/Published.ts"

/** Every specifier that a manifest exports: those of the packages, and of the modules they export by a pattern. */
export const exported = (): ReadonlyArray<string> =>
  Published.names.flatMap((name) =>
    Entries.read(Path.join(Published.root, "packages", name)).exported.map((file) =>
      Path.posix.join("@strata", name, file.replace(/(\/|^)index\.ts$/, "").replace(/\.ts$/, ""))
    )
  )
