import { assert, describe, it } from "@effect/vitest"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import { SelfSigned } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Https from "node:https"
import * as Os from "node:os"
import * as Path from "node:path"
import type * as BedrockClient from "../src/BedrockClient.ts"
import { connect, request } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as LastingProgram from "./support/LastingProgram.ts"
import * as WireServer from "./support/WireServer.ts"

const converse = (server: Pick<WireServer.WireServer, "url">, options: BedrockClient.Options = {}) =>
  Effect.flatMap(connect(server, options), (client) => client.converse(request))

/** A file with this content. */
const file = (content: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "strata-"))),
      (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true }))
    ),
    (directory) => {
      const path = Path.join(directory, "bundle.pem")
      Fs.writeFileSync(path, content)
      return path
    }
  )

const broken = WireServer.certificate.replace(/[A-Za-z0-9+/]{40}/, "A".repeat(40))

describe.each(
  [
    { name: "HTTP/1.1", transport: {}, serve: WireServer.https },
    { name: "HTTP/2", transport: { http2: true }, serve: WireServer.https2 }
  ] as const
)("Certificates, over $name", ({ serve, transport }) => {
  it.live("of AWS_CA_BUNDLE are trusted", () =>
    Effect.gen(function*() {
      const server = yield* serve(WireServer.answering)
      yield* Environment.ofProcess({ AWS_CA_BUNDLE: yield* file(`# ours\n${WireServer.certificate}`) })
      yield* converse(server, { transport })
      assert.lengthOf(server.received, 1)
    }))

  it.live("of the profile's ca_bundle are trusted", () =>
    Effect.gen(function*() {
      const server = yield* serve(WireServer.answering)
      const path = yield* file(WireServer.certificate)
      yield* Environment.ofProcess(yield* Environment.files({ config: `[default]\nca_bundle = ${path}\n` }))
      yield* converse(server, { transport })
      assert.lengthOf(server.received, 1)
    }))

  it.live("of the option `ca` are trusted, whatever the environment has", () =>
    Effect.gen(function*() {
      const server = yield* serve(WireServer.answering)
      yield* Environment.ofProcess({ AWS_CA_BUNDLE: "/nonexistent/bundle.pem" })
      yield* converse(server, { transport: { ...transport, ca: WireServer.certificate } })
      yield* converse(server, { transport: { ...transport, ca: [WireServer.certificate] } })
      assert.lengthOf(server.received, 2)
    }))

  it.live("of others are refused, with the ways to trust them", () =>
    Effect.gen(function*() {
      yield* Environment.ofProcess({})
      const error = yield* Effect.flip(converse(yield* serve(WireServer.answering), { transport }))
      assert(error._tag === "InvalidRequestError")
      assert.strictEqual(error.field, "endpoint")
      assert.include(error.message, "AWS_CA_BUNDLE")
    }))
})

describe("A bundle of certificates", () => {
  it.live.each<[content: string | undefined, problem: string]>([
    [undefined, "cannot be read (ENOENT)"],
    ["", "has no certificate in PEM"],
    ["<html>login</html>", "has no certificate in PEM"],
    [broken, "has a certificate that cannot be read, number 1"],
    [`${WireServer.certificate}\n${broken}`, "has a certificate that cannot be read, number 2"]
  ])("is refused when the layer is built: %j", ([content, problem]) =>
    Effect.gen(function*() {
      const path = content === undefined ? "/nonexistent/bundle.pem" : yield* file(content)
      yield* Environment.ofProcess({ AWS_CA_BUNDLE: path })
      const ofVariable = yield* Effect.flip(connect({ url: "https://127.0.0.1:9" }))
      assert.strictEqual(ofVariable.field, "AWS_CA_BUNDLE")
      assert.include(ofVariable.message, `${path} ${problem}`)
      yield* Environment.ofProcess(yield* Environment.files({ config: `[default]\nca_bundle = ${path}\n` }))
      const ofProfile = yield* Effect.flip(connect({ url: "https://127.0.0.1:9" }))
      assert.strictEqual(ofProfile._tag, "InvalidRequestError")
      assert.include(ofProfile.message, `profile default: ${path} ${problem}`)
      if (content === undefined) return
      const given = yield* Effect.flip(connect({ url: "https://127.0.0.1:9" }, { transport: { ca: content } }))
      assert.strictEqual(given.field, "transport.ca")
    }))

  it.live("is trusted beside NODE_EXTRA_CA_CERTS", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.https2(WireServer.answering)
      const { authority } = yield* SelfSigned.make(["example.com"])
      const env = {
        ...process.env,
        AWS_CA_BUNDLE: yield* file(authority),
        NODE_EXTRA_CA_CERTS: yield* file(WireServer.certificate)
      }
      assert.strictEqual(yield* LastingProgram.run(server.url, env), 0)
      assert.lengthOf(server.received, 1)
    }))

  it.live("does not touch an agent or a handler of the program's own", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.https(WireServer.answering)
      yield* Environment.ofProcess({ AWS_CA_BUNDLE: "/nonexistent/bundle.pem", HTTPS_PROXY: "http://127.0.0.1:9" })
      const httpsAgent = new Https.Agent({ ca: WireServer.certificate })
      yield* Effect.addFinalizer(() => Effect.sync(() => httpsAgent.destroy()))
      yield* converse(server, { transport: { httpsAgent } })
      yield* converse(server, { transport: { requestHandler: new NodeHttpHandler({ httpsAgent }) } })
      assert.lengthOf(server.received, 2)
      const both = yield* Effect.flip(connect(server, { transport: { httpsAgent, ca: WireServer.certificate } }))
      assert.strictEqual(both.field, "transport")
    }))
})
