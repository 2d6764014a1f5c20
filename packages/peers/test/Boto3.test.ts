import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Process from "node:child_process"
import * as Bedrock from "./support/Bedrock.ts"

const python = process.env["PYTHON"] ?? "python3"

const probe = Process.spawnSync(python, ["-c", "import boto3; print(boto3.__version__)"], { encoding: "utf8" })

const isInstalled = probe.status === 0

if (!isInstalled) {
  const reason = probe.error?.message ?? probe.stderr.trim().split("\n").at(-1)
  console.warn(`Skipped: boto3. ${python}, which PYTHON can replace, does not import it: ${reason}`)
}

/** What the program printed: by call, its result or its exception. */
class Results extends Context.Service<Results, Readonly<Record<string, unknown>>>()("@strata/peers/test/Boto3") {}

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** One process for all tests: it takes two seconds to load boto3. */
const results = Layer.effect(
  Results,
  Effect.gen(function*() {
    const { url } = yield* Emulator.Emulator
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const output = yield* spawner.string(ChildProcess.make(python, [`${import.meta.dirname}/programs/boto.py`], {
      env: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        AWS_CONFIG_FILE: "/nonexistent",
        AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
        AWS_ACCESS_KEY_ID: Bedrock.keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: Bedrock.keys.secretAccessKey,
        AWS_DEFAULT_REGION: Bedrock.region,
        AWS_ENDPOINT_URL: url,
        EMULATOR: url
      },
      stderr: "inherit"
    }))
    return yield* decode(output)
  })
).pipe(
  Layer.provideMerge(Bedrock.layer({ regions: [Bedrock.region, "us-west-2"] })),
  Layer.provide(NodeServices.layer),
  Layer.orDie
)

const suite = isInstalled ? describe : describe.skip

suite("boto3", () => {
  layer(results, { timeout: "60 seconds" })((it) => {
    const resultOf = (call: string) => Effect.map(Results, (results) => results[call])

    const hello = { content: [{ text: "Hello there" }], stop: "end_turn" }

    it.effect.each(["converse", "converse by profile", "converse by ARN", "converse in another region"])(
      "gets an answer, its usage and a request id: %s",
      (call) =>
        Effect.gen(function*() {
          const result = Object(yield* resultOf(call))
          assert.deepInclude(result, hello)
          assert.deepInclude(result.usage, { inputTokens: 7, outputTokens: 3, totalTokens: 10 })
          assert.match(result.id, /^[0-9a-f-]{36}$/)
        })
    )

    it.effect("runs a tool and sends its result", () =>
      Effect.gen(function*() {
        assert.deepInclude(Object(yield* resultOf("tool")), { content: [{ text: "It is 20 degrees in Paris." }] })
      }))

    it.effect("reads ConverseStream", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* resultOf("stream"), {
          text: "Hello there",
          kinds: ["contentBlockDelta", "contentBlockStop", "messageStart", "messageStop", "metadata"]
        })
      }))

    it.effect("raises an exception inside a stream as EventStreamError", () =>
      Effect.gen(function*() {
        assert.include(Object(yield* resultOf("in stream")), { type: "EventStreamError", code: "throttlingException" })
      }))

    it.effect("reads InvokeModel and InvokeModelWithResponseStream", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* resultOf("embedding"), 256)
        assert.deepStrictEqual(yield* resultOf("invoke stream"), {
          text: "Hello there",
          first: "message_start",
          last: "message_stop"
        })
      }))

    it.effect("counts tokens and applies guardrails", () =>
      Effect.gen(function*() {
        assert.isAbove(Number(yield* resultOf("count tokens")), 0)
        assert.strictEqual(yield* resultOf("guardrail"), "GUARDRAIL_INTERVENED")
      }))

    it.effect.each<readonly [call: string, type: string, status: number, message: RegExp]>([
      ["invalid", "ValidationException", 400, /messages\.0\.content\.0/],
      ["unknown model", "ValidationException", 400, /^The provided model identifier is invalid\.$/],
      ["an ARN of another region", "ValidationException", 400, /^The provided model identifier is invalid\.$/],
      ["a region that is not served", "InvalidSignatureException", 403, /not 'ap-south-1'/],
      ["wrong key", "UnrecognizedClientException", 403, /security token/],
      ["unknown profile", "ResourceNotFoundException", 404, /us\.no\.such/]
    ])(
      "raises a refusal with its code, status and message: %s",
      ([call, code, status, message]) =>
        Effect.gen(function*() {
          const result = Object(yield* resultOf(call))
          assert.include(result, { code, status })
          assert.match(result.message, message)
          // exceptions that are not in the operation's service model are raised as ClientError
          assert.include([code, "ClientError"], result.type)
        })
    )

    it.effect.each<readonly [exception: string, status: number]>([
      ["AccessDeniedException", 403],
      ["InternalServerException", 500],
      ["ModelErrorException", 424],
      ["ModelNotReadyException", 429],
      ["ModelTimeoutException", 408],
      ["ResourceNotFoundException", 404],
      ["ServiceUnavailableException", 503],
      ["ThrottlingException", 429],
      ["ValidationException", 400]
    ])("raises client.exceptions.%s with status %s", ([exception, status]) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* resultOf(exception), { status, code: exception })
      }))

    it.effect("lists and describes models and inference profiles", () =>
      Effect.gen(function*() {
        assert.include(Object(yield* resultOf("models")), Bedrock.nova)
        assert.strictEqual(
          yield* resultOf("model"),
          `arn:aws:bedrock:${Bedrock.region}::foundation-model/${Bedrock.nova}`
        )
        const profiles = Object(yield* resultOf("profiles"))
        assert.isTrue(profiles.pages)
        assert.include(profiles.ids, Bedrock.claude)
        assert.strictEqual(new Set(profiles.ids).size, profiles.ids.length)
        assert.strictEqual(yield* resultOf("profile"), Bedrock.claude)
      }))
  })
})
