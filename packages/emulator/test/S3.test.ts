import * as S3 from "@aws-sdk/client-s3"
import { assert, describe, it } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Stream from "node:stream"
import * as Upload from "../src/s3/Upload.ts"
import * as Fixture from "./Fixture.ts"
import * as S3Fixture from "./S3Fixture.ts"

const live = Fixture.emulator({ s3: { buckets: ["data"] } })

const Bucket = "data"

describe("S3", () => {
  it.effect("creates, finds, lists and deletes buckets", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      yield* Fixture.attempt(() => s3.send(new S3.CreateBucketCommand({ Bucket: "more" })))
      yield* Fixture.attempt(() => s3.send(new S3.CreateBucketCommand({ Bucket: "more" })))
      const head = yield* Fixture.attempt(() => s3.send(new S3.HeadBucketCommand({ Bucket: "more" })))
      assert.strictEqual(head.BucketRegion, "us-east-1")
      const location = yield* Fixture.attempt(() => s3.send(new S3.GetBucketLocationCommand({ Bucket: "more" })))
      assert.isUndefined(location.LocationConstraint)
      const { Buckets } = yield* Fixture.attempt(() => s3.send(new S3.ListBucketsCommand({})))
      assert.deepStrictEqual(Buckets?.map(({ Name }) => Name), ["data", "more"])
      yield* Fixture.attempt(() => s3.send(new S3.DeleteBucketCommand({ Bucket: "more" })))
      const gone = yield* Effect.flip(Fixture.attempt(() => s3.send(new S3.HeadBucketCommand({ Bucket: "more" }))))
      assert.strictEqual(gone.status, 404)
      const wrong = yield* Effect.flip(
        Fixture.attempt(() => s3.send(new S3.CreateBucketCommand({ Bucket: "Not_A_Name" })))
      )
      assert.strictEqual(wrong.name, "InvalidBucketName")
    }).pipe(Effect.provide(live)))

  it.effect("keeps an object with its type, its metadata and its checksum", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const Key = "a b/ü+&%/ð.jsonl"
      const put = yield* Fixture.attempt(() =>
        s3.send(
          new S3.PutObjectCommand({ Bucket, Key, Body: "Hello", ContentType: "text/plain", Metadata: { job: "7" } })
        )
      )
      assert.strictEqual(put.ETag, `"${Crypto.createHash("md5").update("Hello").digest("hex")}"`)
      assert.isString(put.ChecksumCRC32)
      const got = yield* Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key })))
      assert.strictEqual(yield* S3Fixture.textOf(got.Body), "Hello")
      assert.deepInclude(got, { ContentType: "text/plain", Metadata: { job: "7" }, ContentLength: 5 })
      assert.strictEqual(got.ChecksumCRC32, put.ChecksumCRC32)
      const head = yield* Fixture.attempt(() => s3.send(new S3.HeadObjectCommand({ Bucket, Key })))
      assert.include(head, { ContentLength: 5, ETag: put.ETag })
      yield* Fixture.attempt(() => s3.send(new S3.DeleteObjectCommand({ Bucket, Key })))
      const missing = yield* Effect.flip(Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key }))))
      assert.strictEqual(missing.name, "NoSuchKey")
      assert.instanceOf(missing.error, S3.NoSuchKey)
      const noHead = yield* Effect.flip(Fixture.attempt(() => s3.send(new S3.HeadObjectCommand({ Bucket, Key }))))
      assert.strictEqual(noHead.name, "NotFound")
    }).pipe(Effect.provide(live)))

  it.effect("takes a stream with its checksum in the trailer, by each algorithm", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const bytes = Crypto.createHash("shake256", { outputLength: 300_000 }).update("seed").digest()
      for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"] as const) {
        const put = yield* Fixture.attempt(() =>
          s3.send(
            new S3.PutObjectCommand({
              Bucket,
              Key: ChecksumAlgorithm,
              Body: Stream.Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]),
              ContentLength: bytes.length,
              ChecksumAlgorithm
            })
          )
        )
        assert.isString(put[`Checksum${ChecksumAlgorithm}`])
        const got = yield* Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key: ChecksumAlgorithm })))
        assert.isUndefined(got.ContentEncoding)
        assert.isTrue(Buffer.from(yield* S3Fixture.bytesOf(got.Body)).equals(bytes))
      }
    }).pipe(Effect.provide(live)))

  it.effect("refuses content with another checksum, in a header or in a trailer", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const wrong = (command: S3.PutObjectCommand) => Effect.flip(Fixture.attempt(() => s3.send(command)))
      for (
        const input of [
          { ChecksumCRC32: "AAAAAA==" },
          { ChecksumCRC64NVME: "AAAAAAAAAAA=" },
          { ChecksumSHA256: Buffer.alloc(32).toString("base64") },
          { ContentMD5: Buffer.alloc(16).toString("base64") }
        ]
      ) {
        const refused = yield* wrong(new S3.PutObjectCommand({ Bucket, Key: "x", Body: "Hello", ...input }))
        assert.deepInclude(refused, { name: "BadDigest", status: 400 })
      }
      const right = yield* Fixture.attempt(() =>
        s3.send(
          new S3.PutObjectCommand({ Bucket, Key: "x", Body: "123456789", ChecksumCRC64NVME: "rosUhgp5mIg=" })
        )
      )
      assert.strictEqual(right.ChecksumCRC64NVME, "rosUhgp5mIg=")
    }).pipe(Effect.provide(live)))

  it("takes chunks that are signed, and refuses what is cut, malformed or of another length", () => {
    const decode = (text: string, length: number) =>
      Upload.decode(
        {
          "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
          "x-amz-decoded-content-length": String(length)
        },
        Buffer.from(text)
      )
    const whole = "5;chunk-signature=ab\r\nHello\r\n3;chunk-signature=cd\r\nyou\r\n0;chunk-signature=ef\r\n\r\n"
    const { bytes } = Result.getOrThrow(decode(whole, 8))
    assert.strictEqual(Buffer.from(bytes).toString(), "Helloyou")
    assert.isTrue(Result.isFailure(decode(whole, 9)))
    for (let length = 0; length < whole.indexOf("0;chunk"); length++) {
      assert.isTrue(Result.isFailure(decode(whole.slice(0, length), 8)))
    }
    assert.isTrue(Result.isFailure(decode(whole.replace("3;", "z;"), 8)))
    assert.isTrue(Result.isFailure(decode(whole.replace("3;", "4;"), 8)))
  })

  it.effect("completes an upload once, whoever asks at the same time", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const Key = "twice"
      const { UploadId } = yield* Fixture.attempt(() => s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key })))
      const { ETag } = yield* Fixture.attempt(() =>
        s3.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "x" }))
      )
      const complete = new S3.CompleteMultipartUploadCommand({
        Bucket,
        Key,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] }
      })
      const both = yield* Effect.all(
        [1, 2].map(() => Effect.result(Fixture.attempt(() => s3.send(complete)))),
        { concurrency: 2 }
      )
      assert.strictEqual(both.filter(Result.isSuccess).length, 1)
      assert.deepStrictEqual(both.filter(Result.isFailure).map(({ failure }) => failure.name), ["NoSuchUpload"])
    }).pipe(Effect.provide(live)))

  it.effect("gives ranges, and conditions on the entity tag", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const { ETag } = yield* Fixture.attempt(() =>
        s3.send(new S3.PutObjectCommand({ Bucket, Key: "r", Body: "0123456789" }))
      )
      const range = (Range: string) =>
        Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key: "r", Range })))
      for (
        const [asked, text, told] of [
          ["bytes=2-4", "234", "bytes 2-4/10"],
          ["bytes=7-", "789", "bytes 7-9/10"],
          ["bytes=-2", "89", "bytes 8-9/10"],
          ["bytes=5-500", "56789", "bytes 5-9/10"]
        ] as const
      ) {
        const got = yield* range(asked)
        assert.strictEqual(yield* S3Fixture.textOf(got.Body), text)
        assert.strictEqual(got.ContentRange, told)
        assert.strictEqual(got.$metadata.httpStatusCode, 206)
      }
      assert.deepInclude(yield* Effect.flip(range("bytes=10-")), { name: "InvalidRange", status: 416 })
      const whole = yield* range("lines=1-2")
      assert.strictEqual(yield* S3Fixture.textOf(whole.Body), "0123456789")
      const once = yield* Effect.flip(
        Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket, Key: "r", Body: "x", IfNoneMatch: "*" })))
      )
      assert.strictEqual(once.name, "PreconditionFailed")
      const same = yield* Effect.flip(
        Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key: "r", IfNoneMatch: ETag })))
      )
      assert.strictEqual(same.status, 304)
    }).pipe(Effect.provide(live)))

  it.effect("lists by prefix and delimiter, page by page, in the order of bytes", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const keys = ["in/1.jsonl", "in/2.jsonl", "in/sub/a", "in/sub/b", "in/\u{1f600}", "in/\uffee", "other"]
      for (const Key of keys) yield* Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: "" })))
      const list = (input: Partial<S3.ListObjectsV2CommandInput>) =>
        Fixture.attempt(() => s3.send(new S3.ListObjectsV2Command({ Bucket, ...input })))
      const all: Array<string | undefined> = []
      let ContinuationToken: string | undefined
      do {
        const page = yield* list({ Prefix: "in/", MaxKeys: 2, ...(ContinuationToken && { ContinuationToken }) })
        assert.isAtMost(page.KeyCount ?? 0, 2)
        all.push(...(page.Contents ?? []).map(({ Key }) => Key))
        ContinuationToken = page.NextContinuationToken
      } while (ContinuationToken !== undefined)
      assert.deepStrictEqual(all, ["in/1.jsonl", "in/2.jsonl", "in/sub/a", "in/sub/b", "in/\uffee", "in/\u{1f600}"])
      const folders = yield* list({ Prefix: "in/", Delimiter: "/" })
      assert.deepStrictEqual(folders.CommonPrefixes, [{ Prefix: "in/sub/" }])
      assert.strictEqual(folders.KeyCount, 5)
      const later = yield* list({ StartAfter: "in/sub/b" })
      assert.deepStrictEqual(later.Contents?.map(({ Key }) => Key), ["in/\uffee", "in/\u{1f600}", "other"])
      const inside = yield* list({ StartAfter: "in/sub/a", Delimiter: "/", Prefix: "in/" })
      assert.deepStrictEqual(inside.CommonPrefixes, [{ Prefix: "in/sub/" }])
      const first = yield* list({ Delimiter: "/", Prefix: "in/", MaxKeys: 3 })
      assert.deepStrictEqual(first.CommonPrefixes, [{ Prefix: "in/sub/" }])
      const behind = yield* list({ Delimiter: "/", Prefix: "in/", ContinuationToken: first.NextContinuationToken })
      assert.isUndefined(behind.CommonPrefixes)
      assert.strictEqual(behind.KeyCount, 2)
      const deleted = yield* Fixture.attempt(() =>
        s3.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }))
      )
      assert.strictEqual(deleted.Deleted?.length, keys.length)
      assert.strictEqual((yield* list({})).KeyCount, 0)
    }).pipe(Effect.provide(live)))

  it.effect("uploads 20 MB in parts, lists them, and completes them (jobs 41)", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const Key = "in/big.jsonl"
      const bytes = Buffer.alloc(20_000_000, "0123456789abcdef")
      const { UploadId } = yield* Fixture.attempt(() => s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key })))
      const size = 6_000_000
      const Parts: Array<S3.CompletedPart> = []
      for (let at = 0; at < bytes.length; at += size) {
        const PartNumber = at / size + 1
        const part = yield* Fixture.attempt(() =>
          s3.send(
            new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: bytes.subarray(at, at + size) })
          )
        )
        Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 })
      }
      const open = yield* Fixture.attempt(() => s3.send(new S3.ListMultipartUploadsCommand({ Bucket })))
      assert.deepStrictEqual(open.Uploads?.map((upload) => [upload.Key, upload.UploadId]), [[Key, UploadId]])
      const listed = yield* Fixture.attempt(() => s3.send(new S3.ListPartsCommand({ Bucket, Key, UploadId })))
      assert.deepStrictEqual(listed.Parts?.map((part) => part.Size), [6_000_000, 6_000_000, 6_000_000, 2_000_000])
      const bad = yield* Effect.flip(Fixture.attempt(() =>
        s3.send(
          new S3.CompleteMultipartUploadCommand({
            Bucket,
            Key,
            UploadId,
            MultipartUpload: { Parts: [{ PartNumber: 9, ETag: "\"x\"" }] }
          })
        )
      ))
      assert.strictEqual(bad.name, "InvalidPart")
      const done = yield* Fixture.attempt(() =>
        s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }))
      )
      assert.match(done.ETag ?? "", /-4"$/)
      const got = yield* Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key })))
      assert.isTrue(Buffer.from(yield* S3Fixture.bytesOf(got.Body)).equals(bytes))
      const after = yield* Fixture.attempt(() => s3.send(new S3.ListMultipartUploadsCommand({ Bucket })))
      assert.isUndefined(after.Uploads)
    }).pipe(Effect.provide(live)))

  it.effect("forgets an aborted upload, and refuses its parts (jobs 41)", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const Key = "in/aborted"
      const { UploadId } = yield* Fixture.attempt(() => s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key })))
      yield* Fixture.attempt(() => s3.send(new S3.AbortMultipartUploadCommand({ Bucket, Key, UploadId })))
      const late = yield* Effect.flip(
        Fixture.attempt(() => s3.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "x" })))
      )
      assert.strictEqual(late.name, "NoSuchUpload")
      const listed = yield* Fixture.attempt(() => s3.send(new S3.ListObjectsV2Command({ Bucket, Prefix: Key })))
      assert.strictEqual(listed.KeyCount, 0)
    }).pipe(Effect.provide(live)))

  it.effect("tells the region of a bucket that is elsewhere, and denies one without access (jobs 34)", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const Key = "x"
      const elsewhere = yield* Effect.flip(
        Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket: "elsewhere", Key })))
      )
      assert.deepInclude(elsewhere, { name: "PermanentRedirect", status: 301 })
      const location = yield* Fixture.attempt(() => s3.send(new S3.GetBucketLocationCommand({ Bucket: "elsewhere" })))
      assert.strictEqual(location.LocationConstraint, "us-west-2")
      const denied = yield* Effect.flip(
        Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket: "secret", Key, Body: "" })))
      )
      assert.deepInclude(denied, { name: "AccessDenied", status: 403 })
      const owned = yield* Effect.flip(
        Fixture.attempt(() =>
          s3.send(new S3.GetObjectCommand({ Bucket: "data", Key, ExpectedBucketOwner: "999999999999" }))
        )
      )
      assert.strictEqual(owned.name, "AccessDenied")
    }).pipe(Effect.provide(Fixture.emulator({
      regions: ["us-east-1", "us-west-2"],
      s3: { buckets: ["data", { name: "elsewhere", region: "us-west-2" }, { name: "secret", access: "denied" }] }
    }))))

  it.effect("refuses wrong keys, regions and signatures with the codes of S3", () =>
    Effect.gen(function*() {
      const head = Effect.fnUntraced(function*(config: S3.S3ClientConfig) {
        const s3 = yield* S3Fixture.connect(config)
        return yield* Effect.flip(Fixture.attempt(() => s3.send(new S3.ListObjectsV2Command({ Bucket }))))
      })
      const unknown = yield* head({ credentials: { accessKeyId: "AKIAUNKNOWN", secretAccessKey: "x" } })
      assert.deepInclude(unknown, { name: "InvalidAccessKeyId", status: 403 })
      const wrong = yield* head({ credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" } })
      assert.deepInclude(wrong, { name: "SignatureDoesNotMatch", status: 403 })
      assert.strictEqual((yield* head({ region: "eu-west-1" })).status, 403)
    }).pipe(Effect.provide(live)))

  it.effect("bounds what it keeps, and takes more once something is deleted", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Fixture.connect()
      const put = (Key: string, size: number) =>
        Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(size) })))
      yield* put("a", 60_000)
      const full = yield* Effect.flip(put("b", 60_000))
      assert.strictEqual(full.name, "EntityTooLarge")
      assert.include(full.message, "s3.maxBytes")
      assert.strictEqual((yield* Effect.flip(put("c", 200_000))).name, "EntityTooLarge")
      assert.strictEqual((yield* Effect.flip(put("c", 50_000_000))).name, "EntityTooLarge")
      yield* put("a", 1_000)
      yield* put("b", 60_000)
    }).pipe(Effect.provide(Fixture.emulator({ s3: { buckets: ["data"], maxBytes: 100_000 } }))))

  it.effect("strikes with the faults of requests: throttling, a download that ends early (jobs 32)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const s3 = yield* S3Fixture.connect()
      yield* Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket, Key: "f", Body: "0123456789" })))
      const get = Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key: "f" })))
      yield* emulator.inject({ type: "throttle", operation: "GetObject" })
      assert.deepInclude(yield* Effect.flip(get), { name: "SlowDown", status: 503 })
      yield* emulator.inject({ type: "exception", exception: "ServiceUnavailableException", text: "other" })
      yield* emulator.inject({ type: "half", operation: "GetObject", framed: false })
      const cut = yield* Effect.flip(Effect.flatMap(get, ({ Body }) => S3Fixture.textOf(Body)))
      assert.include(cut.message, "aborted")
      assert.strictEqual(yield* S3Fixture.textOf((yield* get).Body), "0123456789")
    }).pipe(Effect.provide(live)))

  it.effect("keeps objects in a directory, where the next emulator finds them", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "strata-s3-"))),
        (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
      )
      const during = <A, E>(run: (s3: S3.S3Client) => Effect.Effect<A, E>) =>
        Effect.flatMap(S3Fixture.connect(), run).pipe(
          Effect.scoped,
          Effect.provide(Fixture.emulator({ s3: { directory, buckets: ["data"] } }))
        )
      const Key = "../../../etc/a\u0000b"
      yield* during((s3) =>
        Effect.gen(function*() {
          yield* Fixture.attempt(() => s3.send(new S3.CreateBucketCommand({ Bucket: "kept" })))
          for (const Body of ["old", "0123456789"]) {
            yield* Fixture.attempt(() => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body, Metadata: { a: "b" } })))
          }
        })
      )
      yield* during((s3) =>
        Effect.gen(function*() {
          const got = yield* Fixture.attempt(() => s3.send(new S3.GetObjectCommand({ Bucket, Key, Range: "bytes=3-" })))
          assert.strictEqual(yield* S3Fixture.textOf(got.Body), "3456789")
          assert.deepStrictEqual(got.Metadata, { a: "b" })
          const { Buckets } = yield* Fixture.attempt(() => s3.send(new S3.ListBucketsCommand({})))
          assert.deepStrictEqual(Buckets?.map(({ Name }) => Name), ["data", "kept"])
          yield* Fixture.attempt(() => s3.send(new S3.DeleteObjectCommand({ Bucket, Key })))
        })
      )
      const files = yield* Effect.promise(() => Fs.readdir(Path.join(directory, Bucket)))
      assert.deepStrictEqual(files, ["bucket.json"])
    }))
})
