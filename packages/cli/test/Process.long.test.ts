import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { setTimeout } from "node:timers/promises"
import { answering, bedrock } from "./support/Bedrock.ts"
import * as Folder from "./support/Folder.ts"
import * as Process from "./support/Process.ts"

const settled = <A>(promise: () => Promise<A>) => Effect.promise(promise)

const paragraphs = (count: number) =>
  Array.from({ length: count }, (_, index) => `Paragraph ${index} ${"of some text ".repeat(80)}`).join("\n\n")

const rows = (count: number) => Array.from({ length: count }, (_, index) => `{"n":${index + 1}}\n`).join("")

describe("The processes of strata", () => {
  it.live("write 5 MB of hits to a reader that is slow (jobs 50)", () =>
    Effect.gen(function*() {
      const { env } = yield* bedrock
      const root = yield* Folder.make({ "docs/a.txt": paragraphs(4600) })
      const index = ["--index", `${root}/index.db`]
      const embedded = yield* settled(() =>
        Process.run(["embed", `${root}/docs`, "--root", root, ...index, "--yes"], { env })
      )
      assert.strictEqual(embedded.code, 0, embedded.error)
      const child = Process.start(["search", "Paragraph 17", "-k", "100000", "--json", "-q", ...index], env)
      const closed = new Promise<number | null>((end) => child.on("close", end))
      const text = yield* settled(async () => {
        let text = ""
        for await (const chunk of child.stdout.setEncoding("utf8")) {
          text += chunk
          await setTimeout(1)
        }
        return text
      })
      assert.strictEqual(yield* settled(() => closed), 0)
      assert.isAbove(text.length, 5_000_000)
      const hits = text.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.strictEqual(hits.reduce((sum, { text }) => sum + text.split("Paragraph").length - 1, 0), 4600)
    }).pipe(Effect.provide(answering(() => "?"))), 180_000)

  it.live(
    "stop at a closed pipe, at a signal and at their death, and lose and repeat nothing (jobs 4, 51, 52)",
    () =>
      Effect.gen(function*() {
        const { emulator, env } = yield* bedrock
        const root = yield* Folder.make({ "rows.jsonl": rows(60) })
        const store = ["--store", `${root}/store.db`, "--concurrency", "4", "-q"]
        const args = ["map", `${root}/rows.jsonl`, "-p", "{{n}}", ...store]
        const calls = Effect.map(emulator.requests, (requests) => requests.length)

        const piped = Process.start(args, env)
        const [first, closed] = yield* settled(async () => {
          const ended = Process.ended(piped)
          const line = await new Promise<string>((resolve) => piped.stdout.once("data", resolve))
          piped.stdout.destroy()
          return [line, await ended] as const
        })
        assert.deepStrictEqual([closed.code, closed.error], [141, ""])
        const seen = first.trimEnd().split("\n").length
        assert.isAtMost(yield* calls, 4 + 2 * seen)

        const signalled = yield* settled(() => {
          const child = Process.start(args, env)
          const ended = Process.ended(child)
          child.stdout.once("data", () => child.kill("SIGINT"))
          return ended
        })
        assert.deepStrictEqual([signalled.code, signalled.error], [130, ""])

        const killed = yield* settled(() => {
          const child = Process.start(args, env)
          const ended = Process.ended(child)
          child.stdout.once("data", () => child.kill("SIGKILL"))
          return ended
        })
        assert.isNull(killed.code)

        const rest = yield* settled(() => Process.run(args, { env }))
        assert.strictEqual(rest.code, 0, rest.error)
        const lines = [first, signalled.out, killed.out, rest.out].join("").trimEnd().split("\n")
        const numbers = lines.map((line): number => JSON.parse(line).n)
        // What was in the pipe when its reader went is that reader's.
        assert.isAtLeast(new Set(numbers).size, 60 - 4)
        // What the killed process had written and not marked comes again: at most one row for each that was in flight.
        assert.isAtMost(numbers.length, 60 + 4)
      }).pipe(Effect.provide(answering(() => ({ content: "yes", delay: "100 millis" })))),
    180_000
  )

  it.live("embed on after a death, within the lease of the one that died (jobs 57, 66)", () =>
    Effect.gen(function*() {
      const { env } = yield* bedrock
      const files = Object.fromEntries(
        Array.from({ length: 300 }, (_, index) => [`docs/${index}.txt`, `File number ${index}. ${"Words ".repeat(40)}`])
      )
      const root = yield* Folder.make(files)
      const args = [
        "embed",
        `${root}/docs`,
        "--root",
        root,
        "--index",
        `${root}/index.db`,
        "--json",
        "--concurrency",
        "2"
      ]
      yield* settled(async () => {
        const child = Process.start(args, env)
        const ended = Process.ended(child)
        while (
          !Fs.existsSync(`${root}/index.db-wal`) || Fs.statSync(`${root}/index.db-wal`).size < 400_000
        ) await setTimeout(20)
        child.kill("SIGKILL")
        assert.isNull((await ended).code)
      })
      const refused = yield* settled(() => Process.run(args, { env }))
      assert.deepStrictEqual([refused.code, refused.out], [1, ""])
      const [, seconds] = /is being changed by process \d+ on \S+\. .* in (\d+) seconds/.exec(refused.error) ?? []
      assert.isAtMost(Number(seconds), 20)
      yield* settled(() => setTimeout(Number(seconds) * 1000 + 100))
      const rest = yield* settled(() => Process.run(args, { env }))
      assert.strictEqual(rest.code, 0, rest.error)
      const { embedded, unchanged } = JSON.parse(rest.out)
      assert.isAbove(unchanged, 0)
      assert.strictEqual(embedded + unchanged, 300)
      const found = yield* settled(() =>
        Process.run(["search", "File", "-k", "1000", "--json", "-q", "--index", `${root}/index.db`], { env })
      )
      assert.strictEqual(found.out.trimEnd().split("\n").length, 300)
    }).pipe(Effect.provide(answering(() => "?"))), 180_000)

  it.live("read a large file in flat memory, of JSON lines and of CSV (jobs 45)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make()
      for (
        const [name, piece, megabytes] of [
          ["rows.jsonl", `{"id":17,"text":"${"some text ".repeat(400)}"}\n`, 150],
          ["rows.csv", `17,"${"some \"\"quoted\"\" text ".repeat(3)}${"and more ".repeat(400)}"\n`, 150]
        ] as const
      ) {
        const file = Fs.openSync(`${root}/${name}`, "w")
        if (name.endsWith("csv")) Fs.writeSync(file, "id,text\n")
        const page = piece.repeat(Math.ceil(1_000_000 / piece.length))
        for (let written = 0; written < megabytes; written++) Fs.writeSync(file, page)
        Fs.closeSync(file)
        const started = performance.now()
        const ended = yield* settled(() =>
          Process.run(["map", `${root}/${name}`, "-p", "{{text}}", "--dry-run"], {
            // A file kept in memory would not fit.
            env: { NODE_OPTIONS: "--max-old-space-size=128" }
          })
        )
        assert.strictEqual(ended.code, 0, ended.error)
        assert.match(ended.out, /^[\d,]+ rows: /)
        console.log(`${name}: ${Math.round(megabytes * 1000 / (performance.now() - started))} MB/s`)
        Fs.rmSync(`${root}/${name}`)
      }
    }), 300_000)
})
