/**
 * Compares requests that this package makes by itself with those of the SDK for the same random input.
 */
import {
  ApplyGuardrail$,
  ApplyGuardrailCommand,
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  Converse$,
  ConverseCommand,
  ConverseStream$,
  ConverseStreamCommand,
  CountTokens$,
  CountTokensCommand,
  InvokeModel$,
  InvokeModelCommand,
  InvokeModelWithResponseStream$,
  InvokeModelWithResponseStreamCommand
} from "@aws-sdk/client-bedrock-runtime"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Readable } from "node:stream"
import { vi } from "vitest"
import * as DirectRequests from "../../src/client/directRequests.ts"
import * as Exchange from "../../src/wire/Exchange.ts"
import * as SdkSchema from "../support/SdkSchema.ts"

type Sent = Exchange.Request

/** A handler that keeps what it is given; `h2` where it says that it speaks HTTP/2. */
const handler = (sent: Array<Sent>, protocol: string) => ({
  metadata: { handlerProtocol: protocol },
  handle: (request: Sent) => {
    sent.push(request)
    return Promise.resolve({ response: { statusCode: 200, headers: {}, body: Readable.from([Buffer.from("{}")]) } })
  },
  updateHttpClientConfig: () => {},
  httpHandlerConfigs: () => ({})
})

const operations = [
  { name: "converse", schema: Converse$, send: DirectRequests.converse, command: ConverseCommand },
  {
    name: "converseStream",
    schema: ConverseStream$,
    send: DirectRequests.converseStream,
    command: ConverseStreamCommand
  },
  { name: "invokeModel", schema: InvokeModel$, send: DirectRequests.invokeModel, command: InvokeModelCommand },
  {
    name: "invokeModelStream",
    schema: InvokeModelWithResponseStream$,
    send: DirectRequests.invokeModelStream,
    command: InvokeModelWithResponseStreamCommand
  },
  { name: "countTokens", schema: CountTokens$, send: DirectRequests.countTokens, command: CountTokensCommand },
  {
    name: "applyGuardrail",
    schema: ApplyGuardrail$,
    send: DirectRequests.applyGuardrail,
    command: ApplyGuardrailCommand
  }
] as const

const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a/secret+key" }

/** Ways to reach the service and to prove who one is. */
const configs: ReadonlyArray<readonly [name: string, config: BedrockRuntimeClientConfig, protocol?: string]> = [
  ["keys", { region: "us-east-1", credentials: keys }],
  ["keys of a session, FIPS", {
    region: "us-gov-west-1",
    credentials: { ...keys, sessionToken: "to/ken==" },
    useFipsEndpoint: true
  }],
  ["an endpoint with a path and a port, over HTTP/2", {
    region: "eu-central-1",
    credentials: keys,
    endpoint: "https://gateway.example:8443/a%20b/c"
  }, "h2"],
  ["an API key", {
    region: "us-west-2",
    token: { token: "an-api-key" },
    authSchemePreference: ["httpBearerAuth"],
    customUserAgent: "test/1"
  }]
]

/** The same numbers in each run. */
const numbers = (seed: number) => () => {
  seed = seed + 0x6d2b79f5 | 0
  let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed)
  mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
  return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
}

const ids = [
  "amazon.nova-lite-v1:0",
  "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x",
  "a b/ü(1)*'!~",
  "."
]

const input = (schema: typeof Converse$, next: () => number): never => {
  const fields = SdkSchema.random(schema[4], next) as Record<string, unknown>
  const id = ids[Math.floor(next() * ids.length)]!
  const header = "a  header of\tspaces "
  return {
    ...fields,
    modelId: id,
    ...(schema === ApplyGuardrail$ || "guardrailIdentifier" in fields ? { guardrailIdentifier: id } : undefined),
    ...(schema === ApplyGuardrail$ || "guardrailVersion" in fields ? { guardrailVersion: "7" } : undefined),
    ...("contentType" in fields ? { contentType: header } : undefined),
    ...("accept" in fields ? { accept: header } : undefined),
    ...("trace" in fields ? { trace: "ENABLED" } : undefined)
    // the SDK checks it
  } as never
}

const shape = ({ body, headers, hostname, method, path, port, protocol, query }: Sent) => ({
  method,
  url: [protocol, hostname, port, path],
  query,
  headers: Object.entries(headers),
  body: typeof body === "string" || body === undefined
    ? body
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1")
})

const exchange = (): Exchange.Exchange => ({
  abort: new Exchange.Abort(),
  isEventStream: false,
  address: undefined,
  response: undefined
})

/** The tests: so many requests for each way to reach the service. */
export const suite = (requests: number) =>
  describe("A request made without the SDK's middleware", () => {
    beforeAll(() => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 28, 23, 59, 58) })
    })
    afterAll(() => {
      vi.useRealTimers()
    })

    for (const [name, config, protocol = "http/1.1"] of configs) {
      it(`is that of the SDK, byte for byte and signature for signature: ${name}`, async () => {
        const [own, bySdk]: [Array<Sent>, Array<Sent>] = [[], []]
        const client = new BedrockRuntimeClient({ ...config, requestHandler: handler(own, protocol) })
        Exchange.install(client)
        let throughSdk = 0
        client.middlewareStack.add((next) => (args) => {
          throughSdk++
          return next(args)
        }, { step: "initialize" })
        const sdk = new BedrockRuntimeClient({ ...config, maxAttempts: 1, requestHandler: handler(bySdk, protocol) })
        let id = ""
        const asBefore =
          <Args extends { readonly request: unknown }, A>(next: (args: Args) => A) => (args: Args): A => {
            // requests of any operation have headers
            const { headers } = args.request as Sent
            headers["amz-sdk-invocation-id"] = id
            headers["amz-sdk-request"] = "attempt=1; max=3"
            return next(args)
          }
        sdk.middlewareStack.addRelativeTo(asBefore, { relation: "after", toMiddleware: "retryMiddleware" })

        const next = numbers(20_261_128)
        for (let index = 0; index < requests; index++) {
          vi.setSystemTime(Date.now() + 977)
          const { command, schema, send } = operations[index % operations.length]!
          const given: object = input(schema, next)
          const attached = { ...given } as never
          Exchange.attach(attached, exchange())
          const tried = await send(client, attached).then(() => undefined, (error: Error) => error.message)
          id = own.at(-1)?.headers["amz-sdk-invocation-id"] ?? ""
          // each command takes the input of its operation
          const reference = new (command as typeof ConverseCommand)(given as never)
          const expected = await sdk.send(reference).then(() => undefined, (error: Error) => error.message)
          if (tried !== undefined) {
            assert.strictEqual(tried, expected)
            continue
          }
          assert.strictEqual(own.length, bySdk.length)
          assert.deepStrictEqual(shape(own.at(-1)!), shape(bySdk.at(-1)!))
        }
        assert.isAbove(own.length, 0.8 * requests)
        assert.strictEqual(throughSdk, 1)
      })
    }
  })
