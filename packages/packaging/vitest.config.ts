import { defineConfig } from "vitest/config"

/** These take minutes and the network, so the tests of the workspace leave them out. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["test/**/*.pack.ts"],
    globalSetup: ["test/support/setup.ts"],
    reporters: ["verbose"],
    maxWorkers: "100%",
    testTimeout: 300_000,
    hookTimeout: 300_000
  }
})
