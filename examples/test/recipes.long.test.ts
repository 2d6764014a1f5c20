import { assert, describe, layer } from "@effect/vitest"
import { Emulator, Script } from "@strata/emulator"
import { Effect, Redacted } from "effect"
import { ChildProcess } from "effect/process"
import { build } from "esbuild"
import * as Fs from "node:fs"
import * as BulkClassify from "../bulk-classify.ts"
import * as RagFolder from "../rag-folder.ts"
import * as Provider from "../src/Provider.ts"
import * as Example from "./Example.ts"

describe("recipes", () => {
  layer(Provider.local, { excludeTestServices: true })((it) => {
    it.effect("rag-folder answers with file, heading, and line or page", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(RagFolder.main)
        const [returns, delivery, breakfast] = output.split("\n? ").slice(1)
        assert.match(
          returns!,
          /within thirty days.*\[1\][^]*\[1\] returns\.md, lines 1-5 > Returns > How long you have/
        )
        assert.match(
          delivery!,
          /Delivery is free for orders above fifty euros\. \[(\d)\][^]*\[\1\] delivery\.md, lines 7-9/
        )
        assert.match(breakfast!, /\[1\] travel-policy\.pdf, page 1/)
      }))

    it.effect("bulk-classify refuses nothing, and keeps failures as values", () =>
      Effect.gen(function*() {
        const output = yield* Example.output(BulkClassify.main)
        assert.match(output, /600\/600/)
        assert.match(output, /^ +9 failed, such as$/m)
        assert.match(output, /review-\d+: StructuredOutputError$/m)
        const counts = Array.from(output.matchAll(/^ +(\d+) \w+/gm), ([, count]) => Number(count))
        assert.strictEqual(counts.reduce((sum, count) => sum + count, 0), 600)
      }))
  })

  layer(
    Script.layerEmulator({
      rules: [{ when: { text: "slow" }, answer: { text: "late", delay: "20 seconds" } }],
      default: "I am a model."
    }),
    { excludeTestServices: true }
  )("the handler of lambda", (it) => {
    const program = `
      const { handler } = await import(process.argv[1])
      const invoke = (question, left) => {
        const end = Date.now() + left
        return handler({ question }, { getRemainingTimeInMillis: () => end - Date.now() })
      }
      const start = Date.now()
      const answers = [await invoke("one", 30000), await invoke("two", 30000), await invoke("slow", 2500)]
      console.log(JSON.stringify({ answers, seconds: (Date.now() - start) / 1000 }))
      process.exit(0)
    `

    it.effect.each(["cjs", "esm"] as const)(
      "is one file of %s, which answers by one client, and before its time is over",
      (format) =>
        Effect.gen(function*() {
          const { client: { credentials, endpoint, region }, statistics } = yield* Emulator.Emulator
          const { connections } = yield* statistics
          const folder = yield* Example.data
          const outfile = `${folder}/index.${format === "cjs" ? "cjs" : "mjs"}`
          yield* Effect.promise(() =>
            build({
              entryPoints: [`${Example.directory}/src/lambda/handler.ts`],
              bundle: true,
              minify: true,
              platform: "node",
              target: "node22",
              format,
              mainFields: format === "esm" ? ["module", "main"] : undefined!,
              outfile,
              logLevel: "silent"
            })
          )
          assert.deepStrictEqual(Fs.readdirSync(folder), [outfile.slice(folder.length + 1)])
          // As on Lambda: no `node_modules` to be found, and nothing in the environment but what Lambda sets.
          const printed = yield* ChildProcess.make(
            process.execPath,
            ["--input-type=module", "--eval", program, outfile],
            {
              cwd: folder,
              env: {
                AWS_REGION: region,
                AWS_ACCESS_KEY_ID: credentials.accessKeyId,
                AWS_SECRET_ACCESS_KEY: Redacted.value(credentials.secretAccessKey),
                AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint
              },
              extendEnv: false
            }
          ).pipe(Example.text)
          const { answers, seconds } = JSON.parse(printed)
          assert.deepStrictEqual(answers.slice(0, 2), Array(2).fill({ statusCode: 200, body: "I am a model." }))
          assert.deepInclude(answers[2], { statusCode: 504 })
          assert.isBelow(seconds, 15)
          assert.strictEqual((yield* statistics).connections - connections, 1)
        }).pipe(Effect.scoped),
      60_000
    )
  })
})
