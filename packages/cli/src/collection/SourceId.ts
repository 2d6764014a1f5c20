/**
 * Ids of files in a collection: the path below its root, the same for every spelling on every system.
 */
import * as NodePath from "node:path"

/** The functions of `node:path` that a system has. */
export type Paths = Pick<typeof NodePath, "relative" | "resolve" | "sep" | "isAbsolute">

/**
 * The id of a path: relative to the root, with `/`, without `.` and `..`, in Unicode's form C. `undefined` for what is not
 * below the root; empty for the root.
 */
export const make = (root: string, path: string, paths: Paths = NodePath): string | undefined => {
  const relative = paths.relative(root, paths.resolve(root, path))
  // On Windows a path on another drive stays absolute.
  return relative === ".." || relative.startsWith(`..${paths.sep}`) || paths.isAbsolute(relative)
    ? undefined
    : relative.split(paths.sep).join("/").normalize("NFC")
}

/** Whether an id is a folder's, or below it; every id is below the root. */
export const isBelow = (id: string, folder: string): boolean =>
  folder === "" || id === folder || id.startsWith(`${folder}/`)
