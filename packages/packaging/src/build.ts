/**
 * Writes the `dist` of each published package, after the compiler has written its declarations there: `pnpm build`.
 */
import * as Path from "node:path"
import * as Bundle from "./build/Bundle.ts"
import * as Published from "./Published.ts"

for (const name of Published.names) {
  await Bundle.write(Path.join(Published.root, "packages", name), Published.threads[name])
}
