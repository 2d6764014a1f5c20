import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import { NodeHttpHandler } from "@smithy/node-http-handler"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BedrockClient from "../src/BedrockClient.ts"
import { connect, credentials, request } from "./support/Client.ts"
import * as Environment from "./support/Environment.ts"
import * as WireServer from "./support/WireServer.ts"

/** The region a request was signed for. */
const regionOf = (received: WireServer.Received | undefined) =>
  /Credential=[^/]+\/\d+\/([^/]+)\/bedrock\//.exec(received?.headers.authorization ?? "")?.[1]

const nothing = Environment.provided({})

describe("BedrockClient", () => {
  describe("region", () => {
    const arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abcdefghijkl"

    const signedRegion = (options: BedrockClient.Options, modelId = request.modelId) =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* BedrockClient.make({ endpoint: server.url, credentials, ...options })
        yield* client.converse({ ...request, modelId })
        return regionOf(server.received[0])
      })

    it.live.each<[string, string, BedrockClient.Options, Record<string, string>]>([
      ["the option", "us-west-2", { region: "us-west-2" }, {
        AWS_REGION: "eu-west-3",
        AWS_DEFAULT_REGION: "eu-north-1"
      }],
      ["AWS_REGION", "eu-west-3", {}, { AWS_REGION: "eu-west-3", AWS_DEFAULT_REGION: "eu-north-1" }],
      ["AWS_DEFAULT_REGION", "eu-north-1", {}, { AWS_REGION: "", AWS_DEFAULT_REGION: "eu-north-1" }]
    ])("is that of %s", ([_, region, options, variables]) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* signedRegion(options), region)
      }).pipe(Effect.provide(Environment.provided(variables))))

    it.live("is that of the profile when neither is set", () =>
      Effect.gen(function*() {
        const variables = yield* Environment.files({ config: "[default]\nregion = ap-southeast-2\n" })
        yield* Environment.ofProcess(variables)
        assert.strictEqual(yield* signedRegion({}), "ap-southeast-2")
      }).pipe(Effect.provide(nothing)))

    it.live("is that of the ARN a model is named by, over the same connection", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* connect(server)
        for (const modelId of [request.modelId, arn, request.modelId, arn]) {
          yield* client.converse({ ...request, modelId })
        }
        assert.deepStrictEqual(server.received.map(regionOf), ["us-east-1", "eu-west-1", "us-east-1", "eu-west-1"])
        assert.strictEqual(server.connections(), 1)
      }))

    it.live("is that of its ARN also after more regions than clients are kept for, over the same connection", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* connect(server)
        const regions = Array.from({ length: 40 }, (_, index) => `us-east-${index + 2}`)
        const asked = [...regions, ...regions.slice(0, 2), "us-east-1"]
        for (const region of asked) {
          yield* client.converse({ ...request, modelId: arn.replace("eu-west-1", region) })
        }
        assert.deepStrictEqual(server.received.map(regionOf), asked)
        assert.strictEqual(server.connections(), 1)
      }))

    it.live("decides the host", () =>
      Effect.gen(function*() {
        const server = yield* WireServer.http1(WireServer.answering)
        const hosts: Array<string> = []
        class Redirecting extends NodeHttpHandler {
          override handle(...[outgoing, options]: Parameters<NodeHttpHandler["handle"]>) {
            hosts.push(outgoing.hostname)
            Object.assign(outgoing, {
              protocol: "http:",
              hostname: "127.0.0.1",
              port: Number(new URL(server.url).port)
            })
            return super.handle(outgoing, options)
          }
        }
        yield* Environment.ofProcess({})
        const client = yield* BedrockClient.make({
          region: "us-east-1",
          credentials,
          transport: { requestHandler: new Redirecting() }
        })
        yield* client.converse(request)
        yield* client.converse({ ...request, modelId: arn })
        assert.deepStrictEqual(hosts, [
          "bedrock-runtime.us-east-1.amazonaws.com",
          "bedrock-runtime.eu-west-1.amazonaws.com"
        ])
      }))

    it.live("may be unknown as long as every model is named by an ARN", () =>
      Effect.gen(function*() {
        yield* Environment.ofProcess({})
        const server = yield* WireServer.http1(WireServer.answering)
        const client = yield* BedrockClient.make({ endpoint: server.url, credentials })
        yield* client.converse({ ...request, modelId: arn })
        assert.strictEqual(regionOf(server.received[0]), "eu-west-1")
        const error = yield* Effect.flip(client.converse(request))
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "region")
        assert.include(error.message, "AWS_REGION")
        assert.lengthOf(server.received, 1)
      }).pipe(Effect.provide(nothing)))

    it.effect("must be one", () =>
      Effect.gen(function*() {
        for (const region of ["us east 1", "evil.example.com/", ""]) {
          const error = yield* Effect.flip(BedrockClient.make({ region, credentials }))
          assert.strictEqual(error._tag, "InvalidRequestError")
          assert.strictEqual(error.field, "region")
        }
        const client = yield* BedrockClient.make({ region: "us-east-1", credentials })
        const error = yield* Effect.flip(
          client.converse({ ...request, modelId: "arn:aws:bedrock:evil.example.com/:123456789012:foundation-model/x" })
        )
        assert(error._tag === "InvalidRequestError")
        assert.strictEqual(error.field, "region")
      }))
  })

  it.live("reads its endpoint from AWS_ENDPOINT_URL_BEDROCK_RUNTIME", () =>
    Effect.gen(function*() {
      const server = yield* WireServer.http1(WireServer.answering)
      yield* Environment.ofProcess({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: server.url })
      const client = yield* BedrockClient.make({ region: "us-east-1", credentials })
      yield* client.converse(request)
      assert.lengthOf(server.received, 1)
    }))

  it.live("hands out the SDK's client", () =>
    Effect.gen(function*() {
      const client = yield* connect(yield* WireServer.http1(WireServer.answering))
      assert.instanceOf(client.sdk, BedrockRuntimeClient)
    }))

  it.live("is one client for all that is built on its layer, destroyed with it", () =>
    Effect.gen(function*() {
      let destroyed = 0
      const destroy = BedrockRuntimeClient.prototype.destroy
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          BedrockRuntimeClient.prototype.destroy = function() {
            destroyed++
            destroy.call(this)
          }
        }),
        () => Effect.sync(() => BedrockRuntimeClient.prototype.destroy = destroy)
      )
      const seen: Array<unknown> = []
      const user = Layer.effectDiscard(
        Effect.map(BedrockClient.BedrockClient, (client) => seen.push(client))
      )
      const client = BedrockClient.layer({ region: "us-east-1", credentials })
      yield* Effect.scoped(Layer.build(Layer.merge(user, Layer.fresh(user)).pipe(Layer.provide(client))))
      assert.lengthOf(seen, 2)
      assert.strictEqual(seen[0], seen[1])
      assert.strictEqual(destroyed, 1)
    }))
})
