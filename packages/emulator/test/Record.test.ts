import {
  ApplyGuardrailCommand,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand
} from "@aws-sdk/client-bedrock-runtime"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Emulator, Recorder, Recording, Replay, Script } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Url from "node:url"
import * as RecordingFile from "../src/record/RecordingFile.ts"
import * as Fixture from "./Fixture.ts"

const upstreamCredentials = {
  accessKeyId: "AKIAUPSTREAM234567AB",
  secretAccessKey: Redacted.make("the+secret/of+the+upstream+0123456789ABCD"),
  sessionToken: Redacted.make("the-session-token-of-the-upstream/abcdef==")
}

const script: Script.Script = {
  rules: [
    {
      when: { text: "break" },
      answer: { error: { exception: "ModelStreamErrorException", afterEvents: 1 }, text: "ab cd" }
    },
    { when: { text: "throttle" }, answer: { error: { exception: "ThrottlingException", message: "Not so fast" } } },
    {
      when: { tools: true },
      answer: { parts: ["Let me see", { tool: "get_weather", input: { city: "Oslo", days: 2 }, id: "tooluse_1" }] }
    }
  ],
  default: { chunks: ["The answer", " is ", "42."] }
}

/** Runs against a recorder in front of a second emulator, and returns the content of its file. */
const recorded = Effect.fnUntraced(function*<A, E>(
  run: Effect.Effect<A, E, Emulator.Emulator | Recorder.Recorder | Scope.Scope>,
  options?: Recorder.Options
) {
  const fileSystem = yield* FileSystem.FileSystem
  const file = `${yield* fileSystem.makeTempDirectoryScoped()}/recording.json`
  const upstream = yield* Layer.build(Script.layerEmulator(script, { credentials: [upstreamCredentials] }))
  const result = yield* Emulator.Emulator.pipe(
    Effect.provide(upstream),
    Effect.flatMap(({ url }) =>
      Effect.provide(
        run,
        Recorder.layer({ file, upstream: url, credentials: upstreamCredentials, ...options })
      )
    )
  )
  const text = yield* Effect.orElseSucceed(fileSystem.readFileString(file), () => "")
  return { result, file, text }
})

const weather = {
  tools: [{ toolSpec: { name: "get_weather", inputSchema: { json: { type: "object", properties: {} } } } }]
}

const ask = (text: string) => ({
  modelId: Fixture.modelId,
  messages: [{ role: "user" as const, content: [{ text }] }]
})

/** The responses to a conversation with every kind of block. */
const conversation = Effect.fnUntraced(function*(protocol: Fixture.Protocol) {
  const client = yield* Fixture.connect(protocol)
  const stream = (input: ConstructorParameters<typeof ConverseStreamCommand>[0]) =>
    Effect.flatMap(
      Fixture.attempt(() => client.send(new ConverseStreamCommand(input))),
      ({ stream }) => Fixture.drain(stream)
    )
  const failure = <A>(effect: Effect.Effect<A, Fixture.ClientError>) =>
    Effect.map(Effect.flip(effect), ({ message, name, status }) => ({ name, message, status }))
  const whole = yield* Fixture.attempt(() => client.send(new ConverseCommand(ask("How much?"))))
  const embedding = yield* Fixture.attempt(() =>
    client.send(
      new InvokeModelCommand({
        modelId: "amazon.titan-embed-text-v2:0",
        contentType: "application/json",
        body: JSON.stringify({ inputText: "a", dimensions: 256 })
      })
    )
  )
  const invoked = yield* Fixture.attempt(() =>
    client.send(
      new InvokeModelWithResponseStreamCommand({
        modelId: "anthropic.claude-3-haiku-20240307-v1:0",
        contentType: "application/json",
        body: JSON.stringify({
          anthropic_version: "bedrock-2023-05-31",
          max_tokens: 9,
          messages: [{ role: "user", content: "How much?" }]
        })
      })
    )
  )
  return {
    invokedAs: [invoked.contentType, invoked.$metadata.requestId],
    invoked: (yield* Fixture.drain(invoked.body)).map(({ chunk }) => new TextDecoder().decode(chunk?.bytes)),
    whole: { output: whole.output, usage: whole.usage, requestId: whole.$metadata.requestId },
    stream: yield* stream(ask("How much?")),
    tools: yield* stream({ ...ask("Weather?"), toolConfig: weather }),
    embedding: embedding.body.transformToString(),
    throttled: yield* failure(Fixture.attempt(() => client.send(new ConverseCommand(ask("throttle"))))),
    invalid: yield* failure(Fixture.attempt(() => client.send(new ConverseCommand({ ...ask("a"), messages: [] })))),
    broken: yield* failure(stream(ask("break"))),
    guardrail: yield* failure(Fixture.attempt(() =>
      client.send(
        new ApplyGuardrailCommand({
          guardrailIdentifier: "gr12345678",
          guardrailVersion: "1",
          source: "INPUT",
          content: [{ text: { text: "a" } }]
        })
      )
    ))
  }
})

describe("Recorder", () => {
  describe.each(Fixture.protocols)("over HTTP/%s", (protocol) => {
    it.effect("forwards answers, and Replay returns the same ones", () =>
      Effect.gen(function*() {
        const { file, result, text } = yield* recorded(conversation(protocol))
        assert.deepStrictEqual(result.whole.output?.message?.content, [{ text: "The answer is 42." }])
        assert.strictEqual(result.throttled.name, "ThrottlingException")
        assert.strictEqual(result.broken.name, "ModelStreamErrorException")
        assert.strictEqual(text.match(/"request":/g)?.length, 9)
        assert.match(text, /"chunk": \{ "type": "content_block_delta", .*" is "/)
        yield* Effect.gen(function*() {
          const replay = yield* Replay.Replay
          assert.deepStrictEqual(yield* conversation(protocol), result)
          assert.deepStrictEqual(yield* replay.unused, [])
          assert.deepStrictEqual(yield* replay.unmatched, [])
        }).pipe(Effect.provide(Replay.layer({ file })))
      }).pipe(Effect.provide(NodeFileSystem.layer)))
  })

  it.effect("records no credentials, not even those repeated in an answer", () =>
    Effect.gen(function*() {
      const { text } = yield* recorded(Effect.gen(function*() {
        const { client: { credentials } } = yield* Emulator.Emulator
        const client = yield* Fixture.connect("1.1")
        const secrets = [
          Redacted.value(upstreamCredentials.secretAccessKey),
          Redacted.value(upstreamCredentials.sessionToken),
          upstreamCredentials.accessKeyId,
          "https://s3.test/a?X-Amz-Credential=AKIAI44QH8DHBEXAMPLE%2F2026&X-Amz-Signature=0123abcd&X-Amz-Security-Token=tok+en",
          "Authorization: Bearer abcdefghijkl0123456"
        ]
        yield* Fixture.attempt(() => client.send(new ConverseCommand(ask(secrets.join(" ")))))
        yield* Fixture.post(
          `/model/${Fixture.modelId}/converse?X-Amz-Signature=0123abcd&key=key-in-the-query`,
          JSON.stringify(ask("Hi")),
          { cookie: "session=cookie-of-the-client", "x-amz-security-token": "token-of-the-client" }
        )
        return credentials.accessKeyId
      }))
      const written = [
        Redacted.value(upstreamCredentials.secretAccessKey),
        Redacted.value(upstreamCredentials.sessionToken),
        upstreamCredentials.accessKeyId,
        Redacted.value(Emulator.defaultApiKey),
        Emulator.defaultCredentials.accessKeyId,
        "AKIAI44QH8DHBEXAMPLE",
        "0123abcd",
        "tok+en",
        "abcdefghijkl",
        "cookie-of-the-client",
        "key-in-the-query",
        "token-of-the-client",
        "AWS4-HMAC-SHA256"
      ].filter((secret) => text.includes(secret))
      assert.deepStrictEqual(written, [])
      assert.strictEqual(text.match(/"request":/g)?.length, 2)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("forwards an API key when it has no credentials, and refuses a signature", () =>
    Effect.gen(function*() {
      const { result } = yield* recorded(
        Effect.gen(function*() {
          const client = yield* Fixture.connect("1.1")
          return {
            key: yield* Fixture.converse({ messages: ask("Hi").messages }),
            signed: yield* Effect.flip(Fixture.attempt(() => client.send(new ConverseCommand(ask("Hi")))))
          }
        }),
        { credentials: undefined }
      )
      assert.strictEqual(result.key.status, 200)
      assert.strictEqual(result.signed.name, "AccessDeniedException")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("signs forwarded requests with its own credentials", () =>
    Effect.gen(function*() {
      const upstream = yield* Layer.build(Script.layerEmulator(script))
      const { url } = yield* Effect.provide(Emulator.Emulator, upstream)
      const { result } = yield* recorded(
        Fixture.post(`/model/${Fixture.modelId}/converse`, JSON.stringify({ messages: ask("Hi").messages }), {
          "x-amz-security-token": "token-of-the-client"
        }),
        { upstream: url, credentials: Emulator.defaultCredentials }
      )
      assert.strictEqual(result.status, 200)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("answers ServiceUnavailableException without an upstream, and records nothing", () =>
    Effect.gen(function*() {
      const { result, text } = yield* recorded(
        Fixture.converse({ messages: ask("Hi").messages }),
        { upstream: "http://127.0.0.1:1" }
      )
      assert.strictEqual(result.status, 503)
      assert.match(result.headers["x-amzn-errortype"] ?? "", /^ServiceUnavailableException/)
      assert.match(result.text, /No response from http:\/\/127\.0\.0\.1:1/)
      assert.strictEqual(text, "")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("forwards events without buffering, and the client's abort", () =>
    Effect.gen(function*() {
      const upstream = yield* Layer.build(Script.layerEmulator(script, {
        credentials: [upstreamCredentials],
        faults: [{ type: "stall", afterEvents: 2 }]
      }))
      const { statistics, url } = yield* Effect.provide(Emulator.Emulator, upstream)
      const { result } = yield* recorded(
        Effect.gen(function*() {
          const { exchanges } = yield* Recorder.Recorder
          const client = yield* Fixture.connect("1.1")
          const { stream } = yield* Fixture.attempt(() => client.send(new ConverseStreamCommand(ask("Hi"))))
          const events = yield* Fixture.attempt(async () => {
            const events: Array<unknown> = []
            for await (const event of stream ?? []) {
              events.push(event)
              if (events.length === 2) break
            }
            return events
          })
          assert.lengthOf(events, 2)
          client.destroy()
          return yield* Fixture.eventually(exchanges, ({ length }) => length === 1)
        }),
        { upstream: url }
      )
      assert.strictEqual(result[0]?.response.end, "abandoned")
      assert.lengthOf(result[0]?.response.events ?? [], 2)
      yield* Fixture.eventually(statistics, ({ aborted }) => aborted === 1)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("replaces texts by placeholders that match when they are sent back", () =>
    Effect.gen(function*() {
      const turns = Effect.gen(function*() {
        const client = yield* Fixture.connect("1.1")
        const { stream } = yield* Fixture.attempt(() =>
          client.send(new ConverseStreamCommand({ ...ask("Weather in Oslo?"), toolConfig: weather }))
        )
        const events = yield* Fixture.drain(stream)
        const said = events.map(({ contentBlockDelta }) => contentBlockDelta?.delta?.text ?? "").join("")
        const input = events.map(({ contentBlockDelta }) => contentBlockDelta?.delta?.toolUse?.input ?? "").join("")
        yield* Fixture.attempt(() =>
          client.send(
            new ConverseCommand({
              ...ask(""),
              messages: [
                ...ask("Weather in Oslo?").messages,
                {
                  role: "assistant",
                  content: [{ text: said }, {
                    toolUse: { toolUseId: "tooluse_1", name: "get_weather", input: JSON.parse(input) }
                  }]
                },
                { role: "user", content: [{ toolResult: { toolUseId: "tooluse_1", content: [{ text: "Rain" }] } }] }
              ],
              toolConfig: weather
            })
          )
        )
        return input
      })
      const { file, result, text } = yield* recorded(turns, { redact: true })
      assert.deepStrictEqual(JSON.parse(result), { city: "Oslo", days: 2 })
      assert.deepStrictEqual(["Oslo", "Rain", "Let me"].filter((word) => text.includes(word)), [])
      const again = yield* Effect.provide(turns, Replay.layer({ file }))
      assert.match(JSON.parse(again).city, /^<redacted 4 [0-9a-f]{16}>$/)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("appends to a file on request", () =>
    Effect.gen(function*() {
      const { file } = yield* recorded(Fixture.converse({ messages: ask("one").messages }))
      const again = Effect.gen(function*() {
        const upstream = yield* Layer.build(Script.layerEmulator(script))
        const { url } = yield* Effect.provide(Emulator.Emulator, upstream)
        yield* Effect.provide(
          Fixture.converse({ messages: ask("two").messages }),
          Recorder.layer({ file, upstream: url, append: true })
        )
        return yield* Recording.read(file)
      })
      assert.lengthOf((yield* again).exchanges, 2)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("fails to start with an unwritable file or an invalid URL", () =>
    Effect.gen(function*() {
      const failing = (options: Recorder.FileOptions) => Effect.flip(Layer.build(Recorder.layer(options)))
      assert.strictEqual((yield* failing({ file: "/nowhere/at/all.json" }))._tag, "JsonFileError")
      const fileSystem = yield* FileSystem.FileSystem
      const directory = yield* fileSystem.makeTempDirectoryScoped()
      const error = yield* failing({ file: `${directory}/a.json`, upstream: "bedrock" })
      assert.match(error.message, /"bedrock" is not a URL/)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect(
    "leaves a readable file when its process is killed",
    () =>
      Effect.gen(function*() {
        const fileSystem = yield* FileSystem.FileSystem
        const file = `${yield* fileSystem.makeTempDirectoryScoped()}/recording.json`
        const upstream = yield* Emulator.Emulator.pipe(
          Effect.provide(yield* Layer.build(Script.layerEmulator(script)))
        )
        const { secretAccessKey, accessKeyId } = upstream.client.credentials
        const flags = ["--port", "0", "--record", file, "--upstream", upstream.url]
        const recorder = yield* Effect.acquireRelease(
          Effect.sync(() =>
            ChildProcess.spawn(process.execPath, [main, ...flags], {
              env: {
                ...process.env,
                AWS_ACCESS_KEY_ID: accessKeyId,
                AWS_SECRET_ACCESS_KEY: Redacted.value(secretAccessKey)
              }
            })
          ),
          (recorder) => Effect.sync(() => recorder.kill("SIGKILL"))
        )
        const url = yield* Effect.callback<string>((resume) => {
          let printed = ""
          recorder.stdout.on("data", (chunk) => {
            const [, url] = /RUNTIME=(\S+)\n/.exec(printed += String(chunk)) ?? []
            if (url !== undefined) resume(Effect.succeed(url))
          })
        })
        const say = (text: string) =>
          Fixture.attempt(() =>
            fetch(`${url}/model/${Fixture.modelId}/converse`, {
              method: "POST",
              headers: { authorization: `Bearer ${Redacted.value(Emulator.defaultApiKey)}` },
              body: JSON.stringify({ messages: ask(text).messages })
            })
          )
        const recordedSoFar = Effect.orElseSucceed(
          Effect.map(Recording.read(file), ({ exchanges }) => exchanges.length),
          () => 0
        )
        yield* say("one")
        yield* Fixture.eventually(recordedSoFar, (count) => count === 1)
        yield* say("two")
        yield* Fixture.eventually(recordedSoFar, (count) => count === 2)
        yield* say("three")
        recorder.kill("SIGKILL")
        yield* Effect.callback<void>((resume) => void recorder.on("close", () => resume(Effect.void)))
        assert.isAtLeast(yield* recordedSoFar, 2)
      }).pipe(Effect.provide(NodeFileSystem.layer)),
    60_000
  )
})

const exchange = (text: string): Recording.Exchange => ({
  request: {
    method: "POST",
    path: "/model/a/converse",
    operation: "Converse",
    modelId: "a",
    headers: {},
    body: { text }
  },
  response: { status: 200, at: 1, headers: {}, body: { said: text.repeat(50) } }
})

describe("RecordingFile", () => {
  const opened = Effect.fnUntraced(function*(...before: ReadonlyArray<Recording.Exchange>) {
    const fileSystem = yield* FileSystem.FileSystem
    const file = `${yield* fileSystem.makeTempDirectoryScoped()}/recording.json`
    return {
      file,
      recording: yield* RecordingFile.make(file, before),
      text: fileSystem.readFileString(file),
      inode: Effect.map(fileSystem.stat(file), ({ ino }) => ino)
    }
  })

  it.effect("appends to a file without rewriting it", () =>
    Effect.gen(function*() {
      const { inode, recording, text } = yield* opened(exchange("before"))
      recording.add(0, exchange("a"))
      yield* recording.save
      const first = yield* inode
      for (const [place, name] of ["b", "c", "d"].entries()) {
        recording.add(place + 1, exchange(name))
        if (name !== "c") yield* recording.save
        if (name !== "b") continue
        assert.strictEqual(yield* text, Recording.toText(["before", "a", "b"].map(exchange)))
      }
      yield* recording.finish
      assert.strictEqual(yield* text, Recording.toText(["before", "a", "b", "c", "d"].map(exchange)))
      assert.deepStrictEqual(yield* inode, first, "the file was not replaced")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("writes nothing without exchanges", () =>
    Effect.gen(function*() {
      const { recording, text } = yield* opened(exchange("before"))
      yield* recording.save
      yield* recording.finish
      assert.strictEqual((yield* Effect.flip(text))._tag, "PlatformError")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("sorts exchanges by their requests at the end", () =>
    Effect.gen(function*() {
      const { recording, text } = yield* opened()
      for (const [place, name] of [[2, "c"], [0, "a"], [1, "b"]] as const) recording.add(place, exchange(name))
      yield* recording.save
      assert.strictEqual(yield* text, Recording.toText(["c", "a", "b"].map(exchange)))
      yield* recording.finish
      assert.strictEqual(yield* text, Recording.toText(["a", "b", "c"].map(exchange)))
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("rewrites the file when it was changed or removed", () =>
    Effect.gen(function*() {
      const fileSystem = yield* FileSystem.FileSystem
      const { file, recording, text } = yield* opened()
      recording.add(0, exchange("a"))
      yield* recording.save
      yield* fileSystem.writeFileString(file, "not ours")
      recording.add(1, exchange("b"))
      yield* recording.save
      assert.strictEqual(yield* text, Recording.toText(["a", "b"].map(exchange)))
      yield* fileSystem.remove(file)
      recording.add(2, exchange("c"))
      yield* recording.save
      assert.strictEqual(yield* text, Recording.toText(["a", "b", "c"].map(exchange)))
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})

const main = Url.fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))
