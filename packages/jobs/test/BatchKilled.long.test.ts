import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Emulator } from "@strata/emulator"
import { Job } from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import * as Fixture from "./support/Fixture.ts"
import * as RunnerProcess from "./support/RunnerProcess.ts"

const emulator = Emulator.layer({
  credentials: [{ accessKeyId: "a", secretAccessKey: RunnerProcess.secret }],
  s3: { buckets: ["data"] },
  batch: { processing: "2 seconds" }
}).pipe(Layer.provide([TestEmbedding.layer({ dimensions: 1024 }), TestChat.layer(() => "yes")]))

/** Waits for the emulator to have got so many requests to create a batch job, answered. */
const created = Effect.fnUntraced(function*(count: number) {
  const { requests } = yield* Emulator.Emulator
  while (true) {
    const found = (yield* requests).filter(({ operation, status }) =>
      operation === "CreateModelInvocationJob" && status !== undefined
    )
    if (found.length >= count) return found.length
    yield* Effect.sleep(5)
  }
})

describe("A process that is killed while its batch job runs (jobs 27)", () => {
  for (const batch of ["embedding", "chat"] as const) {
    it.live(
      `is followed by one that collects: 1,000 records of ${batch}, some of which fail`,
      () =>
        Effect.gen(function*() {
          const { inject, url } = yield* Emulator.Emulator
          yield* inject({ type: "recordErrors", fraction: 0.05, errorCode: 400, errorMessage: "Malformed input" })
          const options = new RunnerProcess.Options({
            database: join(yield* Fixture.directory, "jobs.db"),
            endpoint: url,
            items: 1000,
            poison: [],
            requestsPerSecond: 1000,
            batch
          })
          const first = yield* RunnerProcess.start(options)
          yield* created(1)
          // Before it can have noted the answer, or soon after.
          yield* first.kill({ killSignal: "SIGKILL" })
          const second = yield* RunnerProcess.start(options)
          yield* Effect.sleep(1500)
          yield* second.kill({ killSignal: "SIGKILL" })
          const third = yield* RunnerProcess.start(options)
          assert.strictEqual(yield* third.exitCode, 0)
          yield* Effect.gen(function*() {
            const status = yield* Job.status("docs")
            assert.deepInclude(status, { state: "done", read: 1000, done: 950, failed: 50, pending: 0 })
            const dead = (yield* Stream.runCollect(Job.deadLetters("docs"))).map(({ id }) => id)
            const written = yield* Fixture.written
            assert.deepEqual([...written, ...dead].sort(), Fixture.idsOf(Fixture.docs(1000)))
          }).pipe(Effect.provide(RunnerProcess.store(options.database)))
          const { requests } = yield* Emulator.Emulator
          const jobs = (yield* requests).filter(({ operation }) => operation === "CreateModelInvocationJob")
          assert.isAtMost(jobs.length, 2) // the second time it is told that there is one
        }).pipe(Effect.scoped, Effect.provide([emulator, NodeServices.layer])),
      60_000
    )
  }
})
