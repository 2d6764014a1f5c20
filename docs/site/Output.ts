/**
 * Looks at what was built. Astro logs the error of a page that it cannot render, and publishes the page empty.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"

/** Fails if a page has no content. */
export const verify = (output: URL): void => {
  const folder = fileURLToPath(output)
  const empty = Fs.globSync("**/*.html", { cwd: folder }).filter((file) => {
    const html = Fs.readFileSync(Path.join(folder, file), "utf8")
    const content = /class="sl-markdown-content"[^>]*>([\s\S]*?)<\/main>/.exec(html)?.[1] ?? ""
    return file !== "404.html" && content.replaceAll(/<[^>]*>/g, "").trim() === ""
  })
  if (empty.length > 0) throw new Error(`Pages without content, see the errors above:\n${empty.join("\n")}`)
}
