import { configDefaults, defineConfig } from "vitest/config"
import config from "./vitest.config.ts"

/** What takes long by its nature: volume, processes, browsers, waits. */
export default defineConfig({
  test: {
    ...config.test,
    include: ["packages/*/test/**/*.long.test.ts", "examples/test/**/*.long.test.ts"],
    exclude: configDefaults.exclude,
    // Some of them load all cores by themselves.
    maxWorkers: "100%"
  }
})
