/**
 * The S3 client of the AWS SDK for the running emulator.
 */
import { S3Client } from "@aws-sdk/client-s3"
import type { S3ClientConfig } from "@aws-sdk/client-s3"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fixture from "./Fixture.ts"

/** Without retries. */
export const connect = Effect.fnUntraced(function*(config?: S3ClientConfig) {
  const { client: { credentials, ...options } } = yield* Emulator.Emulator
  return yield* Effect.acquireRelease(
    Effect.sync(() =>
      new S3Client({
        ...options,
        credentials: {
          accessKeyId: credentials.accessKeyId,
          secretAccessKey: Redacted.value(credentials.secretAccessKey)
        },
        forcePathStyle: true,
        maxAttempts: 1,
        ...config
      })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
})

/** The text of a body. */
export const textOf = (body: { readonly transformToString: () => Promise<string> } | undefined) =>
  Fixture.attempt(async () => await body?.transformToString() ?? "")

/** The bytes of a body. */
export const bytesOf = (body: { readonly transformToByteArray: () => Promise<Uint8Array> } | undefined) =>
  Fixture.attempt(async () => await body?.transformToByteArray() ?? new Uint8Array(0))
