import { assert, describe, it } from "@effect/vitest"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import type * as Storage from "../../src/storage/Storage.ts"
import * as BatchDouble from "../support/BatchDouble.ts"
import { lost } from "../support/MemoryStorage.ts"

const denied = (providerMessage = "Access Denied") =>
  new ProviderError.PermissionDeniedError({
    provider: "aws.bedrock",
    message: `s3://the-bucket: "${providerMessage}".`,
    providerMessage
  })

const refusing = (call: keyof Storage.Storage, error: ProviderError.CallError = denied()) =>
  BatchDouble.make({ storage: { fault: (name) => name === call ? error : undefined } })

describe("The preflight of a batch (jobs 34)", () => {
  it.effect("finds nothing where all is allowed, and leaves nothing", () =>
    Effect.gen(function*() {
      const { control, memory, service } = yield* BatchDouble.make()
      assert.deepStrictEqual(yield* service.preflight(), [])
      assert.deepStrictEqual(memory.uris(), [])
      assert.deepStrictEqual(control.calls, ["find"])
      assert.deepStrictEqual(
        new Set(memory.calls),
        new Set(["regionOf", "put", "head", "list", "uploads", "remove", "read"])
      )
    }))

  it.effect.each<{ readonly call: keyof Storage.Storage; readonly action: string; readonly on: string }>([
    { call: "put", action: "s3:PutObject", on: "arn:aws:s3:::the-bucket/in/*" },
    { call: "head", action: "s3:GetObject", on: "arn:aws:s3:::the-bucket/in/*" },
    { call: "remove", action: "s3:DeleteObject", on: "arn:aws:s3:::the-bucket/in/*" },
    { call: "read", action: "s3:GetObject", on: "arn:aws:s3:::the-bucket/out/*" },
    { call: "uploads", action: "s3:ListBucketMultipartUploads", on: "arn:aws:s3:::the-bucket" },
    { call: "regionOf", action: "s3:ListBucket", on: "arn:aws:s3:::the-bucket" }
  ])(
    "names the action, the resource and the statement to add: $action on $on",
    ({ action, call, on }) =>
      Effect.gen(function*() {
        const { service } = yield* refusing(call)
        const [obstacle, ...others] = yield* service.preflight()
        assert.lengthOf(others, 0)
        assert.deepInclude(obstacle, {
          action,
          resource: on,
          statement: `{"Effect":"Allow","Action":"${action}","Resource":"${on}"}`
        })
        assert.include(obstacle?.remedy, `Allow ${action} on ${on}`)
      })
  )

  it.effect("finds all at once", () =>
    Effect.gen(function*() {
      const { service } = yield* BatchDouble.make({
        storage: { fault: (name) => name === "regionOf" ? undefined : denied() },
        jobs: () => ({ error: denied() })
      })
      const actions = (yield* service.preflight()).map(({ action }) => action)
      assert.deepStrictEqual(actions, [
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:DeleteObject",
        "s3:ListBucket",
        "s3:GetObject",
        "bedrock:ListModelInvocationJobs"
      ])
    }))

  it.effect("names the principal, and the key that S3 was refused", () =>
    Effect.gen(function*() {
      const key = "arn:aws:kms:us-east-1:123456789012:key/1"
      const words =
        `User: arn:aws:iam::123456789012:user/ann is not authorized to perform: kms:GenerateDataKey on resource: ${key}`
      const { service } = yield* refusing("put", denied(words))
      const [obstacle] = yield* service.preflight()
      assert.deepInclude(obstacle, {
        action: "kms:GenerateDataKey",
        resource: key,
        principal: "arn:aws:iam::123456789012:user/ann"
      })
    }))

  it.effect("finds a bucket that is missing, of another account, or in another region, and tries nothing in it", () =>
    Effect.gen(function*() {
      const missing = ProviderError.invalidRequest({
        provider: "aws.bedrock",
        field: "bucket",
        problem: "there is no such bucket",
        remedy: "Create it"
      })
      const { memory, service } = yield* refusing("regionOf", missing)
      assert.deepInclude((yield* service.preflight())[0], { remedy: "Create it" })
      assert.deepStrictEqual(memory.calls, ["regionOf"])
    }))

  it.effect("fails for what says nothing about permissions: expired credentials, a network that is down (jobs 40)", () =>
    Effect.gen(function*() {
      const expired = new ProviderError.AuthenticationError({ provider: "aws.bedrock", message: "expired" })
      for (const error of [expired, lost]) {
        const { service } = yield* refusing("put", error)
        assert.strictEqual(yield* Effect.flip(service.preflight()), error)
      }
    }))
})
