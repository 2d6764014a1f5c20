import { afterAll, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Snippet from "../src/Snippet.ts"
import { expected } from "./support/expected.ts"
import * as Files from "./support/Files.ts"
import * as Programs from "./support/Programs.ts"

// Those of README.md are in Run.test.ts, and those that need a server in examples/test/pages.long.test.ts.
const programs = Programs.needing(undefined).filter(({ page }) => page.name !== "README.md")

if (!Programs.hasCurl) console.warn("Skipped, for want of curl: programs of pages that serve")

describe("The program", { concurrent: true }, () => {
  const folder = Files.make("programs")
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

  for (const program of programs) {
    const { page, snippet } = program
    // With the time in which it waits for others.
    it.live.skipIf(Snippet.isServer(snippet) && !Programs.hasCurl)(
      `${page.name}:${snippet.line} ${Snippet.isServer(snippet) ? "answers" : "prints"} what the page says`,
      () => expected(program, folder),
      600_000
    )
  }
})
