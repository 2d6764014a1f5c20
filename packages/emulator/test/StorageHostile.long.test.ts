import { assert, describe, it } from "@effect/vitest"
import { Hash } from "@smithy/hash-node"
import { SignatureV4 } from "@smithy/signature-v4"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import * as Http from "node:http"
import * as Batch from "./BatchFixture.ts"
import * as Fixture from "./Fixture.ts"

const live = Fixture.emulator({ s3: { buckets: ["data"], maxBytes: 100_000_000 }, batch: { maxQueued: 1_000_000 } })

interface Given {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Any request, as bytes: what the platform's `fetch` would refuse to send is sent too. */
const send = (url: string, { body, headers, method, target }: Omit<Given, "path" | "query"> & { target: string }) =>
  Fixture.attempt(() =>
    new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const { hostname, port } = new URL(url)
      const request = Http.request({
        hostname,
        port,
        method,
        path: target,
        headers: { ...headers, "content-length": String(body.length) }
      })
      request.on("error", reject)
      request.on("response", (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("latin1") }))
      })
      request.end(body)
    })
  )

/** The same, signed for S3. */
const signed = Effect.fnUntraced(function*({ body, headers, method, path, query }: Given) {
  const { client, url } = yield* Emulator.Emulator
  const signer = new SignatureV4({
    service: "s3",
    region: client.region,
    uriEscapePath: false,
    sha256: Hash.bind(null, "sha256"),
    credentials: {
      accessKeyId: client.credentials.accessKeyId,
      secretAccessKey: Redacted.value(client.credentials.secretAccessKey)
    }
  })
  const { host, hostname, port } = new URL(url)
  const request = yield* Fixture.attempt(() =>
    signer.sign({
      method,
      path,
      query,
      hostname,
      port: Number(port),
      protocol: "http:",
      body,
      headers: {
        host,
        "x-amz-content-sha256": Crypto.createHash("sha256").update(body).digest("hex"),
        ...headers
      }
    })
  )
  const search = new URLSearchParams(query).toString().replaceAll("+", "%20")
  return yield* send(url, {
    method,
    body,
    headers: request.headers,
    target: search === "" ? path : `${path}?${search}`
  })
})

/** A generator of random values; the seed gives the same ones each time. */
const makeRandom = (seed: number) => {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  const pick = <A>(values: ReadonlyArray<A>): A => {
    const value = values[below(values.length)]
    if (value === undefined) return assert.fail("There are no values")
    return value
  }
  const list = <A>(make: () => A, most: number): ReadonlyArray<A> => Array.from({ length: below(most + 1) }, make)
  const bytes = (most: number) => Uint8Array.from(list(() => below(256), most))
  /** Of any code points, well-formed. */
  const text = (most: number) =>
    String.fromCodePoint(...list(() => below(pick([0x20, 0x80, 0x800, 0x110000])), most)).toWellFormed()
  const ascii = () => String.fromCharCode(...list(() => 0x21 + below(0x5e), 40))
  const word = () =>
    below(2) === 0
      ? text(20)
      : pick(["data", "in/a", "", ".", "..", "%", "%ff", "model", "_strata", "health", "x".repeat(1_100)])
  const path = () =>
    `/${list(word, 3).map((text) => text === "%" || text === "%ff" ? text : encodeURIComponent(text)).join("/")}`
  const value = () =>
    below(2) === 0 ? word() : pick(["2", "0", "-1", "1e9", "NaN", "url", "99999999999999999999", "/", "true"])
  const query = () => Object.fromEntries(list(() => [pick(parameters), value()] as const, 4))
  const header = () => below(2) === 0 ? ascii() : pick(headerValues)
  const headers = () => Object.fromEntries(list(() => [pick(headerNames), header()] as const, 4))
  const body = () => below(2) === 0 ? bytes(200) : new TextEncoder().encode(pick(bodies))
  const json = (depth = 3): unknown => {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0:
        return text(10)
      case 1:
        return pick([0, -1, 0.5, 1e300, 2 ** 60, 799, 800])
      case 2:
        return pick([true, false])
      case 3:
        return null
      case 4:
        return pick(["s3://data/a", "NONE", "GENERIC_INDEX", "video", ""])
      case 5:
        return undefined
      case 6:
        return list(() => json(depth - 1), 3)
      default:
        return Object.fromEntries(list(() => [pick(["recordId", "modelInput", "text", "source"]), json(depth - 1)], 3))
    }
  }
  /** JSON of a value in which one member at any depth is replaced or left out. */
  const mutated = (value: object) => {
    const copy: unknown = structuredClone(value)
    const places: Array<() => void> = []
    const visit = (node: unknown) => {
      if (typeof node !== "object" || node === null) return
      for (const key of Object.keys(node)) {
        places.push(() => Reflect.set(node, key, json()))
        visit(Reflect.get(node, key))
      }
    }
    visit(copy)
    pick(places)()
    return JSON.stringify(copy)
  }
  return { body, headers, json, list, method: () => pick(methods), mutated, path, pick, query, text, word }
}

const parameters = [
  "list-type",
  "prefix",
  "delimiter",
  "max-keys",
  "continuation-token",
  "start-after",
  "encoding-type",
  "uploads",
  "uploadId",
  "partNumber",
  "delete",
  "location",
  "max-parts",
  "max-uploads",
  "key-marker",
  "acl",
  "x-id"
]

const headerNames = [
  "range",
  "if-match",
  "if-none-match",
  "content-md5",
  "content-type",
  "content-encoding",
  "x-amz-checksum-crc32",
  "x-amz-checksum-sha256",
  "x-amz-checksum-algorithm",
  "x-amz-copy-source",
  "x-amz-decoded-content-length",
  "x-amz-expected-bucket-owner",
  "x-amz-content-sha256",
  "x-amz-meta-a"
]

const headerValues = [
  "bytes=0-",
  "bytes=-0",
  "bytes=9-1",
  "*",
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "AAAAAA==",
  "CRC32",
  "-1"
]

const bodies = [
  "<Delete><Object><Key>a</Key></Object></Delete>",
  "<Delete><Object></Key></Object></Delete>",
  "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&b;</Key></Object></Delete>",
  "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
  "<a>".repeat(2_000),
  "5\r\nHello\r\n0\r\n\r\n",
  "ffffffff\r\nHello\r\n0\r\n\r\n",
  "0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
]

const methods = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"]

const isAnswer = ({ status, text }: { readonly status: number; readonly text: string }, given: unknown) => {
  assert.isTrue(status >= 200 && status < 500, `${status} for ${JSON.stringify(given)}: ${text}`)
}

const runs = Number(process.env["HOSTILE_RUNS"] ?? 300)

const seed = Number(process.env["HOSTILE_SEED"] ?? 1)

const nova = {
  modelId: "amazon.nova-2-multimodal-embeddings-v1:0",
  modelInput: {
    taskType: "SEGMENTED_EMBEDDING",
    segmentedEmbeddingParams: {
      embeddingPurpose: "GENERIC_INDEX",
      text: { truncationMode: "NONE", value: "a", segmentationConfig: { maxLengthChars: 800 } }
    }
  },
  outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://data/out" } }
}

const marengo = {
  modelId: "twelvelabs.marengo-embed-3-0-v1:0",
  modelInput: {
    inputType: "video",
    video: { mediaSource: { s3Location: { uri: "s3://data/a" } }, startSec: 1, embeddingScope: ["clip"] }
  },
  outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://data/out" } }
}

const job = { jobName: "a", ...Batch.request, timeoutDurationInHours: 24, clientRequestToken: "t" }

describe("Hostile requests", () => {
  it.effect("get an answer of S3, whatever they are", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const random = makeRandom(seed)
      for (let run = 0; run < runs; run++) {
        const request = {
          method: random.method(),
          path: random.path(),
          query: random.query(),
          headers: random.headers(),
          body: random.body()
        }
        isAnswer(yield* signed(request), request)
      }
      const { byStatus, failed } = yield* emulator.statistics
      assert.strictEqual(failed, 0)
      assert.isAbove(byStatus["200"] ?? 0, 0)
    }).pipe(Effect.provide(live)))

  it.effect("get an answer of the control plane and of asynchronous invocations", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const random = makeRandom(seed)
      const encode = (text: string | undefined) => new TextEncoder().encode(text ?? "null")
      const authorization = {
        authorization: `Bearer ${Redacted.value(emulator.apiKey)}`,
        "content-type": "application/json"
      }
      for (let run = 0; run < runs; run++) {
        const id = random.pick(["", random.word()])
        const target = [
          random.pick(["/model-invocation-job", "/model-invocation-jobs", "/async-invoke"]),
          id === "" ? "" : `/${encodeURIComponent(id)}`,
          random.pick(["", "/stop", "?maxResults=x", "?nextToken=after-abcdefghijkl", "?submitTimeAfter=2020-99"])
        ].join("")
        const request = { method: random.method(), target, body: random.body(), headers: authorization }
        isAnswer(yield* send(emulator.url, request), request)
        for (
          const [target, text] of [
            ["/model-invocation-job", random.mutated(job)],
            ["/async-invoke", random.mutated(nova)],
            ["/async-invoke", random.mutated(marengo)],
            [random.pick(["/async-invoke", "/model-invocation-job"]), JSON.stringify(random.json())]
          ] as const
        ) {
          isAnswer(
            yield* send(emulator.url, { method: "POST", target, body: encode(text), headers: authorization }),
            { target, text }
          )
        }
      }
      yield* emulator.advance("2 days")
      assert.strictEqual((yield* emulator.statistics).failed, 0)
    }).pipe(Effect.provide(live)))

  it.effect("get an answer of batch jobs: any bytes are a valid object, and at most a failed job", () =>
    Effect.gen(function*() {
      const { create, over, put } = yield* Batch.open
      const random = makeRandom(seed)
      const [record = {}] = Batch.records(1)
      const line = () =>
        random.pick([
          JSON.stringify(random.json()) ?? "",
          random.mutated(record),
          JSON.stringify(record),
          random.text(30)
        ])
      for (let run = 0; run < runs / 5; run++) {
        yield* put("in/a.jsonl", random.list(line, 6).join("\n"))
        const job = yield* over(yield* create({ jobName: `job-${run}` }))
        assert.include(["Failed", "Completed"], job.status)
        assert.notInclude(job.message ?? "", "unexpected error")
      }
    }).pipe(Effect.provide(Fixture.emulator({ s3: { buckets: ["data"] }, batch: { minRecords: 0 } }))))
})
