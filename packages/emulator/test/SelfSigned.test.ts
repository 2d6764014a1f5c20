import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as Crypto from "node:crypto"
import * as SelfSigned from "../src/http/SelfSigned.ts"

const make = Effect.fnUntraced(function*(hosts: ReadonlyArray<string>) {
  const { authority, certificate, key } = yield* SelfSigned.make(hosts)
  return {
    authority: new Crypto.X509Certificate(authority),
    certificate: new Crypto.X509Certificate(certificate),
    key: Crypto.createPrivateKey(Redacted.value(key))
  }
})

describe("SelfSigned", () => {
  it.effect("is valid for its names and addresses only", () =>
    Effect.gen(function*() {
      const { certificate } = yield* make([
        "localhost",
        "127.0.0.1",
        "::1",
        "fe80::1:2",
        "fe80::3%eth0",
        "1:2:3:4:5:6:7:8"
      ])
      assert.strictEqual(certificate.checkHost("localhost"), "localhost")
      for (const address of ["127.0.0.1", "::1", "fe80::1:2", "fe80::3", "1:2:3:4:5:6:7:8"]) {
        assert.strictEqual(certificate.checkIP(address), address)
      }
      assert.isUndefined(certificate.checkHost("example.com"))
      assert.isUndefined(certificate.checkIP("127.0.0.2"))
    }))

  it.effect("is signed by a separate authority", () =>
    Effect.gen(function*() {
      const { authority, certificate, key } = yield* make(["localhost"])
      assert.isTrue(certificate.checkPrivateKey(key))
      assert.isTrue(certificate.checkIssued(authority) && certificate.verify(authority.publicKey))
      assert.isTrue(authority.checkIssued(authority) && authority.verify(authority.publicKey))
      assert.deepStrictEqual([authority.ca, certificate.ca], [true, false])
      assert.isFalse(authority.checkPrivateKey(key))
      assert.deepStrictEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"])
    }))

  it.effect("is different each time", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* make(["localhost"]), yield* make(["localhost"])]
      assert.isFalse(other.certificate.verify(one.authority.publicKey))
      assert.notStrictEqual(one.certificate.serialNumber, other.certificate.serialNumber)
      assert.notStrictEqual(one.certificate.serialNumber, one.authority.serialNumber)
    }))

  it.effect("is valid for a year, also across the change of the date format in 2050", () =>
    Effect.gen(function*() {
      for (const now of ["2026-01-02T03:04:05.678Z", "2049-06-01T00:00:00Z"]) {
        yield* TestClock.setTime(Date.parse(now))
        const { certificate } = yield* make(["localhost"])
        const day = 24 * 60 * 60 * 1000
        const second = Math.floor(Date.parse(now) / 1000) * 1000
        assert.strictEqual(Date.parse(certificate.validFrom), second - day)
        assert.strictEqual(Date.parse(certificate.validTo), second + 365 * day)
      }
    }))
})
