import { afterAll, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { expected } from "./support/expected.ts"
import * as Files from "./support/Files.ts"
import * as Pages from "./support/Pages.ts"
import * as Programs from "./support/Programs.ts"

const programs = Pages.all().filter(({ name }) => name !== "README.md").flatMap(Programs.of)

describe("The program", { concurrent: true }, () => {
  const folder = Files.make("programs")
  afterAll(() => Fs.rmSync(folder, { recursive: true, force: true }))

  for (const program of programs) {
    const { page, snippet } = program
    // With the time in which it waits for others.
    it.live(`${page.name}:${snippet.line} prints what the page says`, () => expected(program, folder), 600_000)
  }
})
