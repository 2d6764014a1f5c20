import { afterAll, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { expected } from "./support/expected.ts"
import * as Files from "./support/Files.ts"
import * as Pages from "./support/Pages.ts"
import * as Programs from "./support/Programs.ts"

describe("The programs of README.md", () => {
  const folder = Files.make("readme-programs")
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

  for (const program of Programs.of(Pages.page("README.md"))) {
    it.live(`line ${program.snippet.line} prints what the page says`, () => expected(program, folder))
  }
})
