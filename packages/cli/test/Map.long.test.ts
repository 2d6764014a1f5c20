import { assert, describe, it } from "@effect/vitest"
import { ChatRequest, Message, ProviderError } from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Shutdown from "../src/process/Shutdown.ts"
import * as Folder from "./support/Folder.ts"
import * as InProcess from "./support/InProcess.ts"

interface Options extends Omit<InProcess.Options, "services"> {
  readonly reply?: ((prompt: string, call: number) => TestChat.Reply) | undefined
}

/** Runs `map` on a file in a folder, with the store in it; `asked` are the prompts that arrived. */
const map = Effect.fnUntraced(function*(root: string, args: ReadonlyArray<string>, options: Options = {}) {
  const asked: Array<string> = []
  const { reply = (prompt: string): TestChat.Reply => `about ${prompt}` } = options
  const chat = TestChat.layer((request) => {
    const last = ChatRequest.messagesOf(request).at(-1)
    const prompt = last === undefined ? "" : Message.textOf(last)
    asked.push(prompt)
    return reply(prompt, asked.length)
  }, { model: "test" })
  const services = Layer.merge(chat, TestEmbedding.layer()).pipe(Layer.orDie)
  const paths = args.map((arg) => /^[\w-]+\.(jsonl|csv|txt)$/.test(arg) ? Path.join(root, arg) : arg)
  const ended = yield* InProcess.run(["map", ...paths, "--store", `${root}/store.db`, "-q"], { ...options, services })
  return { ...ended, asked }
})

const jobs = (root: string, ...args: ReadonlyArray<string>) =>
  InProcess.run(["jobs", ...args, "--store", `${root}/store.db`, "--json"])

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `{"n":${index + 1}}`).join("\n")

const read = (root: string, name: string) => Fs.readFileSync(`${root}/${name}`, "utf8")

describe("strata map", () => {
  it.live("writes each row as it is with its answer, in order (jobs 43, 46)", () =>
    Effect.gen(function*() {
      const rows = ["{\"id\":12345678901234567890, \"t\":\"a\u2028b\"}", "{ }", "{\"id\": 1.50,\"t\":\"c\" }"]
      const root = yield* Folder.make({
        "rows.jsonl": rows.join("\r\n"),
        "rows.csv": "id,t\n007,x\n12345678901234567890,\"y,z\""
      })
      const ended = yield* map(root, ["rows.jsonl", "--schema", "{\"type\":\"object\"}", "-o", "out.jsonl"], {
        reply: (prompt) => JSON.stringify({ length: prompt.length })
      })
      assert.deepStrictEqual([ended.code, ended.out, ended.error], [0, "", ""])
      assert.deepStrictEqual(ended.asked.toSorted(), rows.toSorted())
      assert.strictEqual(
        read(root, "out.jsonl"),
        "{\"id\":12345678901234567890, \"t\":\"a\u2028b\",\"answer\":{\"length\":38}}\n" +
          "{\"answer\":{\"length\":3}}\n" +
          "{\"id\": 1.50,\"t\":\"c\",\"answer\":{\"length\":21}}\n"
      )
      yield* map(root, ["rows.csv", "-p", "{{id}}: {{t}}", "-o", "csv.jsonl", "--as", "said"])
      assert.strictEqual(
        read(root, "csv.jsonl"),
        "{\"id\":\"007\",\"t\":\"x\",\"said\":\"about 007: x\"}\n" +
          "{\"id\":\"12345678901234567890\",\"t\":\"y,z\",\"said\":\"about 12345678901234567890: y,z\"}\n"
      )
    }))

  it.live("writes rows to standard output as they are answered, from standard input, too", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make()
      const { asked, code, out } = yield* map(root, ["-p", "{{n}}"], { input: InProcess.text(numbers(3)) })
      assert.deepStrictEqual([code, asked.toSorted()], [0, ["1", "2", "3"]])
      assert.deepStrictEqual(out.trimEnd().split("\n").toSorted(), [
        "{\"n\":1,\"answer\":\"about 1\"}",
        "{\"n\":2,\"answer\":\"about 2\"}",
        "{\"n\":3,\"answer\":\"about 3\"}"
      ])
    }))

  it.live("asks nothing while anything is wrong with a row (jobs 44, 47)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({
        "rows.jsonl": "{\"n\":1}\n{\"m\":2}",
        "broken.jsonl": "{\"n\":1}\n{\"n\":",
        "quote.csv": "n\n1\n\"2\n3\n4\n",
        "answered.jsonl": "{\"answer\":1}"
      })
      const problems = {
        "line 2: there is no column \"n\" for the prompt; there are \"m\"": ["rows.jsonl", "-p", "{{n}}"],
        "line 2: not JSON": ["broken.jsonl", "-p", "{{n}}"],
        "line 3: a quote begins here that is never closed": ["quote.csv", "-p", "{{n}}"],
        "line 1: the row has a column \"answer\" already": ["answered.jsonl", "-p", "x"],
        "line 1: the column \"id\" of --id has no text": ["rows.jsonl", "-p", "x", "--id", "id"],
        "Say what to ask about each row": ["rows.jsonl"],
        "there is no such file": ["none.jsonl", "-p", "x"]
      }
      for (const [words, args] of Object.entries(problems)) {
        const { asked, code, error, out } = yield* map(root, args)
        assert.include(error, words)
        assert.deepStrictEqual([code, asked, out], [2, [], ""])
      }
    }))

  it.live("finishes what is in flight at a signal, saves it, and asks about the rest in the next run (jobs 51)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(20) })
      const control = yield* Shutdown.make
      const args = ["rows.jsonl", "-p", "{{n}}", "-o", "out.jsonl", "--concurrency", "2"]
      const first = yield* map(root, args, {
        control,
        reply: (prompt, call) => {
          if (call === 5) control.signal("SIGTERM")
          return { content: `about ${prompt}`, delay: "20 millis" }
        }
      })
      assert.strictEqual(first.code, 143)
      const saved = read(root, "out.jsonl").trimEnd().split("\n")
      assert.strictEqual(saved.length, first.asked.length)
      assert.isBelow(saved.length, 9)
      const second = yield* map(root, args)
      assert.strictEqual(second.code, 0)
      assert.strictEqual(first.asked.length + second.asked.length, 20)
      assert.strictEqual(
        read(root, "out.jsonl"),
        numbers(20).split("\n").map((row, index) => `${row.slice(0, -1)},"answer":"about ${index + 1}"}\n`).join("")
      )
    }))

  it.live("begins no call when nobody reads any more, and goes on with what was not read (jobs 52)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(20) })
      const args = ["rows.jsonl", "-p", "{{n}}", "--concurrency", "3"]
      const first = yield* map(root, args, {
        closesAfter: 1,
        reply: (prompt) => ({ content: prompt, delay: "50 millis" })
      })
      assert.deepStrictEqual([first.code, first.error], [141, ""])
      assert.isAtMost(first.asked.length, 4)
      const second = yield* map(root, args)
      assert.strictEqual(second.code, 0)
      const lines = [first.out, second.out].join("").trimEnd().split("\n").map((line) => JSON.parse(line).n)
      assert.deepStrictEqual(lines.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index + 1))
    }))

  it.live("ends with 3 and dead letters, which can be listed and tried again (jobs 7, 54)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(5) })
      const args = ["rows.jsonl", "-p", "{{n}}", "-o", "out.jsonl", "--job", "numbers"]
      const refusal = new ProviderError.InvalidRequestError({ provider: "test", message: "No threes." })
      const first = yield* map(root, args, { reply: (prompt) => prompt === "3" ? refusal : prompt })
      assert.strictEqual(first.code, 3)
      assert.include(first.error, "1 rows have no answer: see `strata jobs dead \"numbers\"`")
      assert.strictEqual(read(root, "out.jsonl").trimEnd().split("\n").length, 4)
      const dead = yield* jobs(root, "dead", "numbers")
      const { error, id, item } = JSON.parse(dead.out)
      assert.deepStrictEqual([id, item.text, error.message], ["3", "{\"n\":3}", "No threes."])
      const listed = JSON.parse((yield* jobs(root)).out)
      assert.deepInclude(listed, { name: "numbers", state: "done", read: 5, done: 4, failed: 1, pending: 0 })
      assert.deepStrictEqual(JSON.parse((yield* jobs(root, "retry", "numbers")).out), { retried: 1 })
      const second = yield* map(root, args)
      assert.deepStrictEqual([second.code, second.asked], [0, ["3"]])
      assert.strictEqual(read(root, "out.jsonl").trimEnd().split("\n").length, 5)
      assert.strictEqual((yield* jobs(root, "remove", "numbers")).code, 0)
      assert.strictEqual((yield* jobs(root)).out, "")
      assert.strictEqual((yield* jobs(root, "dead", "numbers")).code, 2)
    }))

  it.live("pauses with 4 for credentials and budgets, and goes on (jobs 40, 49, 54)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(4) })
      const args = ["rows.jsonl", "-p", "{{n}}", "-o", "out.jsonl", "--concurrency", "1"]
      const expired = new ProviderError.AuthenticationError({ provider: "test", message: "The token is expired." })
      const first = yield* map(root, args, { reply: (prompt, call) => call > 2 ? expired : prompt })
      assert.strictEqual(first.code, 4)
      assert.include(first.error, "The token is expired.")
      assert.strictEqual(read(root, "out.jsonl").trimEnd().split("\n").length, 2)
      const second = yield* map(root, args)
      assert.deepStrictEqual([second.code, second.asked.length], [0, 2])
    }))

  it.live("refuses another prompt or model under the same name, until that is accepted or begun anew (jobs 9)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(2) })
      const args = ["rows.jsonl", "-o", "out.jsonl", "-p"]
      yield* map(root, [...args, "{{n}}"])
      const refused = yield* map(root, [...args, "Other {{n}}"])
      assert.deepStrictEqual([refused.code, refused.asked], [2, []])
      assert.match(
        refused.error,
        /^strata: `prompt` is not what the job "map .* was started with\. Say --accept-changes/
      )
      const accepted = yield* map(root, [...args, "Other {{n}}", "--accept-changes"])
      assert.deepStrictEqual([accepted.code, accepted.asked], [0, []])
      const restarted = yield* map(root, [...args, "Other {{n}}", "--restart"])
      assert.deepStrictEqual(restarted.asked.toSorted(), ["Other 1", "Other 2"])
      assert.include(read(root, "out.jsonl"), "about Other 1")
    }))

  it.live("works on rows that are new, and says which changed (jobs 54)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(2) })
      const args = ["rows.jsonl", "-p", "{{n}}", "-o", "out.jsonl"]
      yield* map(root, args)
      Folder.write(root, { "rows.jsonl": numbers(3) })
      assert.deepStrictEqual((yield* map(root, args)).asked, ["3"])
      Folder.write(root, { "rows.jsonl": "{\"n\":1}\n{\"n\":22}\n{\"n\":3}" })
      const changed = yield* map(root, args)
      assert.deepStrictEqual([changed.code, changed.asked], [3, []])
      assert.include(
        changed.error,
        "1 rows changed since the job began, or have the id of another row, and were left out: --restart"
      )
    }))

  it.live("asks for --yes where it may cost much, and only says so with --dry-run (jobs 49)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({
        "rows.jsonl": numbers(10),
        "prices.txt": "[{\"model\":\"*\",\"price\":{\"input\":1,\"output\":1000}}]"
      })
      const args = ["rows.jsonl", "-p", "{{n}}", "--provider", "bedrock", "--prices", `${root}/prices.txt`]
      const dry = yield* map(root, [...args, "--dry-run"])
      assert.match(dry.out, /^10 rows: \d+ to \d+ tokens in, 10 to 10,240 tokens out, 0\.0\d+ USD to 10\.24 USD\n$/)
      const refused = yield* map(root, args)
      assert.deepStrictEqual([refused.code, refused.asked, dry.asked], [2, [], []])
      assert.include(refused.error, "This may cost up to 10.24 USD: say --yes to begin")
      const begun = yield* map(root, [...args, "--yes", "--limit", "3"])
      assert.deepStrictEqual([begun.code, begun.asked.length], [0, 3])
    }))

  it.live("is stopped by a cancel from elsewhere, and goes on after a retry; watching ends with it (jobs 28)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.jsonl": numbers(200) })
      const args = ["rows.jsonl", "-p", "{{n}}", "-o", "out.jsonl", "--job", "numbers", "--concurrency", "2"]
      let calls = 0
      const fiber = yield* Effect.forkChild(map(root, args, {
        reply: (prompt) => {
          calls++
          return { content: prompt, delay: "50 millis" }
        }
      }))
      while (calls < 4) yield* Effect.sleep("20 millis")
      const watching = yield* Effect.forkChild(jobs(root, "watch", "numbers"))
      assert.strictEqual((yield* jobs(root, "cancel", "numbers")).code, 0)
      const cancelled = yield* Fiber.join(fiber)
      assert.isBelow(cancelled.asked.length, 200)
      const last = (yield* Fiber.join(watching)).out.trimEnd().split("\n").at(-1) ?? ""
      assert.strictEqual(JSON.parse(last).state, "cancelled")
      yield* jobs(root, "retry", "numbers")
      const rest = yield* map(root, args)
      assert.deepStrictEqual([rest.code, cancelled.asked.length + rest.asked.length], [0, 200])
    }))

  it.live("names rows by a column: they may move, equal ones are asked about once, others are told of (jobs 12)", () =>
    Effect.gen(function*() {
      const root = yield* Folder.make({ "rows.csv": "id,t\na,1\nb,2\na,1" })
      const args = ["rows.csv", "-p", "{{t}}", "--id", "id", "-o", "out.jsonl"]
      const line = (id: string, t: number) => `{"id":"${id}","t":"${t}","answer":"about ${t}"}\n`
      const first = yield* map(root, args)
      assert.deepStrictEqual([first.code, first.asked.toSorted()], [0, ["1", "2"]])
      assert.strictEqual(read(root, "out.jsonl"), line("a", 1) + line("b", 2) + line("a", 1))
      Folder.write(root, { "rows.csv": "id,t\nc,0\nb,2\na,1\nb,3" })
      const second = yield* map(root, args)
      assert.deepStrictEqual([second.code, second.asked], [3, ["0"]])
      assert.include(second.error, "1 rows changed since the job began, or have the id of another row")
      assert.strictEqual(read(root, "out.jsonl"), line("c", 0) + line("b", 2) + line("a", 1))
    }))
})
