import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // The AWS SDK takes a second to load: once for each worker is enough. Tests leave nothing behind in the process.
    isolate: false,
    // Much of the time a test waits for a process, a socket or a timer.
    maxWorkers: "100%",
    // The same for the processes that tests start: examples, emulators, workers.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "strata-compile-cache") },
    include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"]
  }
})
