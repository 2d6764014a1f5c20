import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as BatchRecords from "../batch-records.ts"
import * as Example from "./Example.ts"

const stopped = /Job .+ is stopped: (\d+) of (\d+) items are done\. Run it again to go on\.$/m

/** Starts an example, stops it in the middle, and lets it go on; gives how far it was and what it printed then. */
const stoppedAndResumed = Effect.fnUntraced(function*(file: string, data: string) {
  const first = yield* Example.run({ args: [file], data, interruptAt: /░ \d+\/\d+ / })
  assert.strictEqual(first.code, 130, first.output)
  const [, done = "", total = ""] = stopped.exec(first.output) ?? []
  assert.isAbove(Number(done), 0, first.output)
  assert.isBelow(Number(done), Number(total), first.output)
  const second = yield* Example.run({ args: [file], data })
  assert.strictEqual(second.code, 0, second.output)
  return { left: Number(total) - Number(done), output: second.output }
})

/** Runs an example that is done: it asks for nothing. */
const again = Effect.fnUntraced(function*(file: string, data: string) {
  const { code, output } = yield* Example.run({ args: [file], data })
  assert.strictEqual(code, 0, output)
  return output
})

const idsOf = (directory: string) =>
  Fs.readdirSync(directory)
    .flatMap((name) => Fs.readFileSync(`${directory}/${name}`, "utf8").trimEnd().split("\n"))
    .map((line): unknown => JSON.parse(line).id)

describe("an example of approval", () => {
  it.live(
    "approval runs nothing that waits until a person says yes, in another process",
    () =>
      Effect.gen(function*() {
        const [asked, copied] = [yield* Example.data, yield* Example.data]
        const run = (data: string, ...words: ReadonlyArray<string>) =>
          Effect.map(Example.run({ args: ["approval.ts", ...words], data }), ({ code, output }) => {
            assert.strictEqual(code, 0, output)
            return output
          })
        const first = yield* run(asked)
        assert.include(first, "get_balance runs")
        assert.include(first, `transfer waits: {"to":"Ada","euros":250}`)
        assert.notInclude(first, "transfer runs")
        Fs.cpSync(asked, copied, { recursive: true })
        const approved = yield* run(asked, "approve")
        assert.include(approved, "transfer runs: 250 euros to Ada")
        assert.include(approved, "Ada has her 250 euros.")
        assert.notInclude(approved, "get_balance runs")
        const denied = yield* run(copied, "deny")
        assert.notInclude(denied, "transfer runs")
        assert.include(denied, "I did not send anything")
        assert.deepStrictEqual(Fs.readdirSync(`${asked}/local/approval`), [])
      }).pipe(Effect.scoped),
    120_000
  )
})

describe("examples of durable jobs", () => {
  it.live("batch-records embeds at half the price what is not refused", () =>
    Effect.gen(function*() {
      const output = yield* Example.output(BatchRecords.main)
      assert.match(output, /^Created the job tickets-of-2026; refused: 3$/m)
      assert.match(output, /^ {2}completed$/m)
      assert.match(output, /^117 vectors, 0 failures, 0\.0000\d\d dollars$/m)
    }))

  it.live(
    "job-embed stops on Ctrl-C, and embeds only what is left when it goes on (jobs 11, 51)",
    () =>
      Effect.gen(function*() {
        const data = yield* Example.data
        const { left, output } = yield* stoppedAndResumed("job-embed.ts", data)
        const done = new RegExp(`^(\\d+) passages; this run took ${left} requests, [1-9]\\d* tokens$`, "m").exec(output)
        assert.isAbove(Number(done?.[1]), 50, output)
        assert.match(output, /^ {2}0\.\d\d {2}007-a-ledger-for-quotas\.md, lines? \d/m)
        const repeated = yield* again("job-embed.ts", data)
        assert.include(repeated, `${done?.[1]} passages; this run took 0 requests, 0 tokens\n`)
      }),
    120_000
  )

  it.live(
    "job-classify stops on Ctrl-C, goes on, and retries what did not fit the schema (jobs 11, 51)",
    () =>
      Effect.gen(function*() {
        const data = yield* Example.data
        const { left, output } = yield* stoppedAndResumed("job-classify.ts", data)
        assert.match(output, /197 done, 3 failed/)
        for (const review of ["041", "118", "173"]) {
          assert.match(
            output,
            new RegExp(`^ {2}review-${review}, tried 2 times: .*the answer does not fit the schema: .*"stars"`, "m")
          )
        }
        const requests = Number(/(\d+) requests by this run/.exec(output)?.[1])
        // Each of the three is asked about twice, and when it is retried twice again.
        assert.isAtLeast(requests, left)
        assert.isAtMost(requests, left + 9)
        const ids = idsOf(`${data}/local/job-classify/opinions`)
        assert.deepEqual([ids.length, new Set(ids).size], [200, 200])
        assert.match(yield* again("job-classify.ts", data), /^61 negative, 89 positive, .*; 0 requests by this run$/m)
      }),
    120_000
  )

  it.live("job-cluster stops on Ctrl-C, and its workflow goes on and keeps its result", () =>
    Effect.gen(function*() {
      const data = yield* Example.data
      const { left, output } = yield* stoppedAndResumed("job-cluster.ts", data)
      const requests = Number(/200 reviews done, 0 failed; (\d+) requests by this run/.exec(output)?.[1])
      assert.isAtLeast(requests, left)
      assert.isAtMost(requests, left + 3)
      assert.match(yield* again("job-cluster.ts", data), /200 reviews done, 0 failed; 0 requests by this run/)
    }), 120_000)

  it.live("batch is stopped, and collects what went on at Bedrock (jobs 27, 33)", () =>
    Effect.gen(function*() {
      const data = yield* Example.data
      const { code, output } = yield* Example.run({ args: ["batch.ts"], data })
      assert.strictEqual(code, 0, output)
      assert.match(output, /is stopped: 0 of 200 items[^]*Bedrock goes on[^]*is completed: 200 results, 0 errors/)
      // Where it was stopped before it noted the id of the batch job, it has found it by its name.
      assert.lengthOf(output.match(/of 200 items is (created|existing)/g) ?? [], 1)
      assert.match(output, /^200 answers, 2000 tokens, \$0\.001300 at a batch price that is made up$/m)
      const ids = idsOf(`${data}/local/batch/sums`)
      assert.deepEqual([ids.length, new Set(ids).size], [200, 200])
      assert.notMatch(yield* again("batch.ts", data), /created|existing|completed/)
    }), 120_000)
})
