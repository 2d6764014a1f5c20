/**
 * Batch jobs by the clients of the AWS SDK: input is uploaded, a job is created and followed, its output is read.
 */
import * as Bedrock from "@aws-sdk/client-bedrock"
import * as S3 from "@aws-sdk/client-s3"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fixture from "./Fixture.ts"
import * as S3Fixture from "./S3Fixture.ts"

export const titan = "amazon.titan-embed-text-v2:0"

export const roleArn = "arn:aws:iam::123456789012:role/batch"

/** The control plane's client, without retries. */
export const control = Effect.fnUntraced(function*(config?: Bedrock.BedrockClientConfig) {
  const { client: { credentials, ...options } } = yield* Emulator.Emulator
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Bedrock.BedrockClient({
        ...options,
        credentials: {
          accessKeyId: credentials.accessKeyId,
          secretAccessKey: Redacted.value(credentials.secretAccessKey)
        },
        authSchemePreference: ["sigv4"],
        maxAttempts: 1,
        ...config
      })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
})

export const recordIdOf = (index: number) => `R${String(index).padStart(10, "0")}`

export const embeddingOf = (index: number): object => ({ inputText: `text ${index}`, dimensions: 256 })

/** Records with ids of their own. */
export const records = (count: number, inputOf: (index: number) => object = embeddingOf) =>
  Array.from({ length: count }, (_, index) => ({ recordId: recordIdOf(index), modelInput: inputOf(index) }))

export const toLines = (records: ReadonlyArray<unknown>) =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("")

/** A job over `data`, without its name. */
export const request = {
  roleArn,
  modelId: titan,
  inputDataConfig: { s3InputDataConfig: { s3Uri: "s3://data/in/a.jsonl" } },
  outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://data/out/" } }
} satisfies Partial<Bedrock.CreateModelInvocationJobCommandInput>

/** Both clients, and what the tests do with them. */
export const open = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  const bedrock = yield* control()
  const s3 = yield* S3Fixture.connect()
  const put = (Key: string, Body: string) =>
    Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket: "data", Key, Body: Buffer.from(Body) })))
  const text = (Key: string) =>
    Fixture.attempt(async () => {
      const { Body } = await s3.send(new S3.GetObjectCommand({ Bucket: "data", Key }))
      return await Body?.transformToString() ?? ""
    })
  const create = (given: Partial<Bedrock.CreateModelInvocationJobCommandInput> = {}) =>
    Fixture.attempt(() =>
      bedrock.send(new Bedrock.CreateModelInvocationJobCommand({ jobName: "job", ...request, ...given }))
    ).pipe(Effect.map(({ jobArn = "" }) => jobArn))
  const get = (jobIdentifier: string) =>
    Fixture.attempt(() => bedrock.send(new Bedrock.GetModelInvocationJobCommand({ jobIdentifier })))
  const stop = (jobIdentifier: string) =>
    Fixture.attempt(() => bedrock.send(new Bedrock.StopModelInvocationJobCommand({ jobIdentifier })))
  const list = (query: Bedrock.ListModelInvocationJobsCommandInput = {}) =>
    Fixture.attempt(() => bedrock.send(new Bedrock.ListModelInvocationJobsCommand(query)))
  const keys = (Prefix: string) =>
    Fixture.attempt(async () => {
      const { Contents = [] } = await s3.send(new S3.ListObjectsV2Command({ Bucket: "data", Prefix }))
      return Contents.map(({ Key = "" }) => Key)
    })
  /** The lines and the manifest of a job. */
  const output = Effect.fnUntraced(function*(jobArn: string, file = "a.jsonl") {
    const folder = `out/${jobArn.slice(-12)}/`
    const lines = (yield* text(`${folder}${file}.out`)).split("\n").filter((line) => line !== "")
    return {
      records: lines.map((line) => JSON.parse(line)),
      manifest: JSON.parse(yield* text(`${folder}manifest.json.out`))
    }
  })
  /** The job once it is over. */
  const over = (jobArn: string) => Effect.andThen(emulator.advance("1 hour"), get(jobArn))
  return { bedrock, s3, put, text, create, get, stop, list, keys, output, over }
})
