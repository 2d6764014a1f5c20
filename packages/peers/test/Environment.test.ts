import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Bedrock from "./support/Bedrock.ts"

const keys = { AWS_ACCESS_KEY_ID: Bedrock.keys.accessKeyId, AWS_SECRET_ACCESS_KEY: Bedrock.keys.secretAccessKey }

/** LangChain reads the region from another variable than AWS's own client. */
const region = { AWS_REGION: Bedrock.region, AWS_DEFAULT_REGION: Bedrock.region }

/** Runs a program without an endpoint of its own, with these environment variables only. */
const run = Effect.fnUntraced(function*(program: string, env: Readonly<Record<string, string>>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const path = `${import.meta.dirname}/programs/${program}.ts`
  return yield* spawner.string(
    ChildProcess.make(process.execPath, [path], { env: { ...region, ...env }, stderr: "inherit" })
  )
})

/** The time for a program to start and end on a busy machine, in milliseconds. */
const patience = 30_000

const clearText = Layer.merge(Bedrock.layer(), NodeServices.layer)

layer(clearText)("A program configured by its environment", (it) => {
  it.effect.each(["awsSdk", "aiSdk", "langChain"])("reaches the emulator: %s", (program) =>
    Effect.gen(function*() {
      const { requests, url } = yield* Emulator.Emulator
      assert.strictEqual(yield* run(program, { ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url }), "Hello there")
      assert.strictEqual((yield* requests).at(-1)?.scheme, "sigv4")
    }), patience)

  it.effect("authenticates with the API key of the environment", () =>
    Effect.gen(function*() {
      const { apiKey, requests, url } = yield* Emulator.Emulator
      const env = { AWS_BEARER_TOKEN_BEDROCK: Redacted.value(apiKey), AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url }
      assert.strictEqual(yield* run("awsSdk", env), "Hello there")
      assert.strictEqual((yield* requests).at(-1)?.scheme, "bearer")
    }), patience)
})

layer(Layer.merge(Bedrock.layer({ tls: "self-signed" }), NodeServices.layer))("A program that requires TLS", (it) => {
  it.effect("trusts the emulator's certificate", () =>
    Effect.gen(function*() {
      const { certificate = "", url } = yield* Emulator.Emulator
      const fileSystem = yield* FileSystem.FileSystem
      const path = `${yield* fileSystem.makeTempDirectoryScoped()}/emulator.pem`
      yield* fileSystem.writeFileString(path, certificate)
      const env = { ...keys, NODE_EXTRA_CA_CERTS: path, BEDROCK_HOST: new URL(url).host }
      assert.strictEqual(yield* run("langChainTls", env), "Hello there")
    }), patience)
})
