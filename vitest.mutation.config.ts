import { defineConfig } from "vitest/config"
import config from "./vitest.config.ts"

/** The tests that a change of policies, state or Converse is to fail: those of the packages themselves. */
export default defineConfig({
  test: { ...config.test, include: ["packages/core/test/**/*.test.ts", "packages/bedrock/test/**/*.test.ts"] }
})
