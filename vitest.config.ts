import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { configDefaults, defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const longest = ["/examples/", "/jobs/test/Job.test.ts", "/conformance/test/Contract.test.ts"]

/** Begins with what takes longest, so that no core is idle in the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) => longest.some((name) => moduleId.includes(name))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

export default defineConfig({
  test: {
    // The AWS SDK takes a second to load: once for each worker is enough. Tests leave nothing behind in the process.
    isolate: false,
    // Much of the time a test waits for a process, a socket or a timer: one more than there are cores.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    // The same for the processes that tests start: examples, emulators, workers.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "strata-compile-cache") },
    setupFiles: ["packages/core/test/support/modelLabels.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"],
    // They are those of vitest.long.config.ts.
    exclude: [...configDefaults.exclude, "**/*.long.test.ts"]
  }
})
