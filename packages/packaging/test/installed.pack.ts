import { afterAll, assert, beforeAll, describe, inject, it } from "vitest"
import * as Shell from "../src/Shell.ts"
import * as Programs from "./support/Programs.ts"

const { project } = inject("setup")

describe.skipIf(Programs.missing("registry") !== undefined)("The installed packages", () => {
  let bedrock: Awaited<ReturnType<typeof Programs.emulator>>
  beforeAll(async () => {
    bedrock = await Programs.emulator()
  })
  afterAll(() => bedrock.stop())

  const answers = {
    chat: "Why is the sky blue?",
    others: "1024 1024",
    bridges: "start start-step text-start text-delta text-end finish-step finish\nfiles__read\nConnectionError",
    local: "512"
  }
  for (const [program, answer] of Object.entries(answers)) {
    it(`run ${program}`, async () => {
      const file = Programs.copy(program, project)
      const { code, output } = await Shell.run(process.execPath, [file], { cwd: project, env: bedrock.env })
      assert.include(output, answer)
      assert.strictEqual(code, 0)
    })
  }

  it("have the page of the emulator", async () => {
    const page = await fetch(new URL("/_strata/", bedrock.env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]))
    assert.strictEqual(page.status, 200)
    assert.include(await page.text(), "<html")
  })
})
