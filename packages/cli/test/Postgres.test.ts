import { assert } from "@effect/vitest"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Postgres from "../../persistence/test/support/Postgres.ts"
import * as Folder from "./support/Folder.ts"
import * as InProcess from "./support/InProcess.ts"

Postgres.suite("strata with PostgreSQL", (it) => {
  it.effect("keeps jobs there, and results until they are a file (jobs 21)", () =>
    Effect.gen(function*() {
      const { url } = yield* Postgres.Postgres
      const root = yield* Folder.make({ "rows.jsonl": "{\"n\":1}\n{\"n\":2}\n{\"n\":3}" })
      const services = Layer.merge(TestChat.layer(() => "yes \u0000", { model: "test" }), TestEmbedding.layer()).pipe(
        Layer.orDie
      )
      const args = [
        "map",
        `${root}/rows.jsonl`,
        "-p",
        "{{n}}",
        "-o",
        `${root}/out.jsonl`,
        "--store",
        url,
        "--job",
        "numbers"
      ]
      const ended = yield* InProcess.run(args, { services })
      assert.strictEqual(ended.code, 0, ended.error)
      assert.deepStrictEqual(
        Fs.readFileSync(`${root}/out.jsonl`, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line)),
        [1, 2, 3].map((n) => ({ n, answer: "yes \u0000" }))
      )
      const listed = yield* InProcess.run(["jobs", "--store", url, "--json"])
      assert.deepInclude(JSON.parse(listed.out), { name: "numbers", state: "done", done: 3 })
    }))

  it.effect("says what a database lacks, without the password of its address", () =>
    Effect.gen(function*() {
      const { port } = yield* Postgres.Postgres
      const url = `postgres://postgres:secret@127.0.0.1:${port}/postgres`
      const root = yield* Folder.make({ "a.txt": "text" })
      const ended = yield* InProcess.run(["embed", root, "--root", root, "--index", url])
      assert.strictEqual(ended.code, 1)
      assert.match(ended.error, /127\.0\.0\.1:\d+\/postgres: making its tables: .*vector/)
      assert.notInclude(ended.error, "secret")
      const nobody = yield* InProcess.run(["jobs", "--store", "postgres://me:secret@127.0.0.1:1/x"])
      assert.strictEqual(nobody.code, 1)
      assert.notInclude(nobody.error, "secret")
    }))
})
