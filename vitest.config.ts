import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // The AWS SDK takes a second to load: once for each worker is enough. Tests leave nothing behind in the process.
    isolate: false,
    include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"]
  }
})
