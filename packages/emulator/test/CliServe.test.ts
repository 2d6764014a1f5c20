import * as Bedrock from "@aws-sdk/client-bedrock"
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import * as S3 from "@aws-sdk/client-s3"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Command from "effect/cli/Command"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import { TestConsole } from "effect/testing"
import * as Os from "node:os"
import * as Serve from "../src/cli/Serve.ts"
import * as Fixture from "./Fixture.ts"

const run = Command.runWith(Serve.command, { version: "1.2.3" })

/** Runs the command on any port during `talk`, with a client configured by its output; returns what it printed. */
const serving = Effect.fnUntraced(function*<R>(
  flags: ReadonlyArray<string>,
  talk: (client: BedrockRuntimeClient, url: string) => Effect.Effect<unknown, unknown, R>
) {
  const before = (yield* TestConsole.logLines).length
  const printed = Effect.map(TestConsole.logLines, (lines) => lines.slice(before).map(String))
  const command = yield* Effect.forkChild(run(["--port", "0", ...flags]))
  yield* Fixture.eventually(
    Effect.zip(printed, Effect.sync(() => command.pollUnsafe())),
    ([lines, exit]) => exit !== undefined || lines.some((line) => line.startsWith("time"))
  )
  if (command.pollUnsafe() !== undefined) yield* Fiber.join(command)
  const url = /RUNTIME=(.*)/.exec((yield* printed).join("\n"))?.[1] ?? ""
  const client = new BedrockRuntimeClient({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1 })
  yield* talk(client, url)
  client.destroy()
  yield* Fiber.interrupt(command)
  return yield* printed
})

const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
}

const adminToken = "token-of-the-test"

const tooManyRequests = "Too many requests, please wait before trying again."

const environment = ConfigProvider.layer(ConfigProvider.fromEnv({
  env: {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey
  }
}))

const says = (client: BedrockRuntimeClient, text: string, modelId = Fixture.modelId) =>
  Effect.map(
    Fixture.attempt((abortSignal) =>
      client.send(new ConverseCommand({ modelId, messages: [{ role: "user", content: [{ text }] }] }), { abortSignal })
    ),
    ({ output }) => output?.message?.content?.[0]?.text
  )

const file = Effect.fnUntraced(function*(name: string, content?: unknown) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = `${yield* fileSystem.makeTempDirectoryScoped()}/${name}`
  if (content !== undefined) yield* fileSystem.writeFileString(path, JSON.stringify(content))
  return path
})

const complaint = (...flags: ReadonlyArray<string>) =>
  Effect.map(
    Effect.flip(run(flags)),
    (error) => "errors" in error && Array.isArray(error.errors) ? String(error.errors[0]?.message) : error.message
  )

describe("the command", () => {
  it.effect("answers with an echo, and prints its settings and requests", () =>
    Effect.gen(function*() {
      const lines = yield* serving([], (client) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* says(client, "Hello out there"), "Hello out there")
        }))
      assert.match(lines[0] ?? "", /^Bedrock Runtime on http:\/\/127\.0\.0\.1:\d+, answered by an echo/)
      assert.include(lines.at(-1), "Converse        amazon.nova-lite-v1:0")
      assert.notInclude(lines.join("\n"), "Hello out there")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("answers from a script", () =>
    Effect.gen(function*() {
      const script = yield* file("script.json", { rules: [], default: "As written" })
      yield* serving(["--script", script], (client) =>
        Effect.map(says(client, "?"), (text) => assert.strictEqual(text, "As written")))
      assert.include(yield* complaint("--script", yield* file("wrong.json", { rulez: [] })), "wrong.json")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("speaks OpenAI's dialect like the server that a flag names", () =>
    Effect.gen(function*() {
      const lines = yield* serving(["--openai", "ollama"], (_, url) =>
        Effect.gen(function*() {
          const answer = yield* Fixture.attempt((signal) =>
            fetch(`${url}/v1/chat/completions`, {
              method: "POST",
              headers: { authorization: `Bearer ${Redacted.value(Emulator.defaultApiKey)}` },
              body: JSON.stringify({ model: "llama3.2", messages: [{ role: "user", content: "Hi" }], num_ctx: 4096 }),
              signal
            })
          )
          assert.strictEqual(answer.status, 200)
          assert.include(yield* Fixture.attempt(() => answer.text()), "\"content\":\"Hi\"")
        }))
      assert.include(lines.join("\n"), "/openai/v1")
      assert.include(yield* complaint("--openai", "olama"), "--openai: Expected ollama, vllm, lm-studio, azure")
      assert.include(yield* complaint("--openai", "{\"quirks\":[\"odd\"]}"), "--openai: quirks[0]")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("records another service with the keys of the environment, and replays it", () =>
    Effect.gen(function*() {
      const recording = yield* file("chat.json")
      const script = yield* file("script.json", ["Recorded"])
      yield* serving(
        ["--script", script],
        (_, upstream) =>
          serving(
            ["--record", recording, "--upstream", upstream],
            (client) => Effect.map(says(client, "?"), (text) => assert.strictEqual(text, "Recorded"))
          )
      )
      yield* serving(
        ["--replay", recording],
        (client) => Effect.map(says(client, "?"), (text) => assert.strictEqual(text, "Recorded"))
      )
      assert.include(
        yield* complaint("--record", recording).pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} })))
        ),
        "AWS_ACCESS_KEY_ID"
      )
    }).pipe(Effect.provide([environment, NodeServices.layer])))

  it.effect("serves S3 and batch jobs with the buckets and the times of flags", () =>
    Effect.gen(function*() {
      const directory = (yield* file("unused")).replace(/\/unused$/, "")
      const flags = ["--bucket", "data", "--s3-directory", directory, "--batch", "{\"minRecords\": 1}"]
      const lines = yield* serving(flags, (_, endpoint) =>
        Effect.gen(function*() {
          const options = { endpoint, region: "us-east-1", credentials, maxAttempts: 1 }
          const s3 = new S3.S3Client(options)
          const bedrock = new Bedrock.BedrockClient(options)
          const [Bucket, Key] = ["data", "in/a.jsonl"]
          const Body = Buffer.from("{\"modelInput\": {\"inputText\": \"Hello\"}}")
          yield* Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body })))
          const { jobArn: jobIdentifier } = yield* Fixture.attempt(() =>
            bedrock.send(
              new Bedrock.CreateModelInvocationJobCommand({
                jobName: "job",
                roleArn: "arn:aws:iam::123456789012:role/batch",
                modelId: "amazon.titan-embed-text-v2:0",
                inputDataConfig: { s3InputDataConfig: { s3Uri: "s3://data/in/a.jsonl" } },
                outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://data/out" } }
              })
            )
          )
          yield* Fixture.attempt(() =>
            fetch(`${endpoint}/_strata/clock`, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: "{\"advance\": \"1 hour\"}"
            })
          )
          const { status } = yield* Fixture.attempt(() =>
            bedrock.send(new Bedrock.GetModelInvocationJobCommand({ jobIdentifier }))
          )
          assert.strictEqual(status, "Completed")
          s3.destroy()
          bedrock.destroy()
        }))
      assert.include(lines.join("\n"), "batch inference")
      assert.include(yield* complaint("--batch", "{\"minRecord\": 1}"), "minRecord")
      assert.include(yield* complaint("--bucket", "Not_A_Name"), "s3: buckets[0]")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("applies the models of a file, and the quotas and faults of flags", () =>
    Effect.gen(function*() {
      const models = yield* file("models.json", [
        { kind: "chat", id: "acme.tiny-v1", system: false, contextTokens: 100 },
        { kind: "embedding", id: "acme.embed-v1", family: "titan-v2" },
        { kind: "rerank", id: "acme.rerank-v1", family: "cohere" }
      ])
      const flags = ["--models", models, "--quota", "acme.tiny-v1=50", "--fault", "ModelTimeoutException"]
      yield* serving(flags, (client) =>
        Effect.gen(function*() {
          const failed = yield* Effect.flip(says(client, "?"))
          assert.strictEqual(failed.name, "ModelTimeoutException")
          const throttled = yield* Effect.flip(says(client, "?", "acme.tiny-v1"))
          assert.strictEqual(throttled.name, "ThrottlingException")
          const tooLong = yield* Effect.flip(says(client, "x".repeat(1000), "acme.tiny-v1"))
          assert.strictEqual(tooLong.name, "ValidationException")
        }))
      const wrong = yield* file("models.json", [{ kind: "embedding", id: "acme.embed-v1", family: "titan-v9" }])
      assert.include(yield* complaint("--models", wrong), "[0].family")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("serves several regions, admits by a token of the environment, and prints no token", () =>
    Effect.gen(function*() {
      const flags = ["--region", "us-east-1,us-west-2", "--cors", "https://app.example", "--quota", "us-west-2/*=1rpm"]
      const lines = yield* serving(flags, (client, url) =>
        Effect.gen(function*() {
          const west = new BedrockRuntimeClient({ endpoint: url, region: "us-west-2", credentials, maxAttempts: 1 })
          assert.strictEqual(yield* says(west, "?"), "?")
          assert.strictEqual((yield* Effect.flip(says(west, "?"))).message, tooManyRequests)
          assert.strictEqual(yield* says(client, "?"), "?")
          west.destroy()
          const headers = { authorization: `Bearer ${adminToken}`, origin: "https://app.example" }
          const ask = (headers: Record<string, string>) =>
            Fixture.attempt(() => fetch(`${url}/_strata/statistics`, { headers }).then(({ status }) => status))
          assert.deepStrictEqual([yield* ask({ authorization: headers.authorization }), yield* ask(headers)], [
            200,
            403
          ])
        }))
      assert.include(lines.find((line) => line.includes(" 429 ")), `ThrottlingException: ${tooManyRequests}`)
      assert.notInclude(lines.join("\n"), adminToken)
    }).pipe(Effect.provide([
      ConfigProvider.layer(ConfigProvider.fromEnv({ env: { STRATA_ADMIN_TOKEN: adminToken } })),
      NodeServices.layer
    ])))

  it.effect("reports a port in use, and names another one", () =>
    Effect.gen(function*() {
      const { url } = yield* Emulator.Emulator
      const { port } = new URL(url)
      const message = yield* complaint("--port", port)
      assert.match(message, new RegExp(`Port ${port} of 127.0.0.1 is in use[^]+--port ${Number(port) + 1}`))
    }).pipe(Effect.provide([Fixture.emulator(), NodeServices.layer])))

  it.effect("reports invalid flags", () =>
    Effect.gen(function*() {
      assert.include(yield* complaint("--replay", "a.json", "--script", "b.json"), "only one of")
      assert.include(yield* complaint("--redact"), "require --record")
      for (const port of ["70000", "x", "-1", "80.5", "1e3", ""]) {
        assert.include(yield* complaint("--port", port), `${JSON.stringify(port)} is not a port: use 0 to 65535`)
      }
      assert.include(yield* complaint("--latency", "soon"), "250ms")
      assert.include(yield* complaint("--replay", "nowhere.json"), "nowhere.json: There is no such file")
      assert.include(yield* complaint("--models", Os.tmpdir()), `${Os.tmpdir()}: This is no file`)
      for (const quota of ["abc", "*=-5", "*=1.5", "*=50k", "=5", "*=5rpm,"]) {
        assert.include(yield* complaint("--quota", quota), `--quota ${quota}: neither a quota nor a file`)
      }
      assert.include(yield* complaint("--quota", "{\"*\": {\"requestsPerMinute\": -1}}"), "requestsPerMinute")
      assert.include(yield* complaint("--quota", "{\"*\": {}}"), "Expected a quota")
      assert.include(yield* complaint("--quota", "{"), "--quota: Not valid JSON")
      assert.include(yield* complaint("--fault", "{"), "--fault: Not valid JSON")
      assert.include(yield* complaint("--region", "us-east-1,moon"), "\"moon\" is not a region")
      assert.include(yield* complaint("--cors", "example.com"), "--cors example.com: not an origin")
      assert.include(yield* complaint("--admin-cors", "http://a/b"), "--admin-cors http://a/b: not an origin")
      assert.include(yield* complaint("--admin-token", " "), "admin token is empty")
      assert.include(yield* complaint("--region", "us-east-1,us-west-2", "--record", "a.json"), "one --region")
      assert.include(yield* complaint("--prot", "1"), "Unrecognized flag: --prot")
      const broken = yield* (yield* FileSystem.FileSystem).makeTempFileScoped()
      yield* (yield* FileSystem.FileSystem).writeFileString(broken, "{\n not json\n")
      assert.match(yield* complaint("--script", broken), /^[^\n]+: Not valid JSON: [^\n]+$/)
      assert.include(yield* complaint("--host", "203.0.113.7"), "no address 203.0.113.7")
    }).pipe(Effect.provide(NodeServices.layer)))
})
