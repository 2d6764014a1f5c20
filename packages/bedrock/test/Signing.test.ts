import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import { Sha256 } from "../src/internal/signing.ts"

const text = (value: string) => new TextEncoder().encode(value)

const digest = (secret: string | Uint8Array | ArrayBuffer | undefined, data: string) => {
  const sum = new Sha256(secret)
  sum.update(text(data))
  return sum.digest().then((bytes) => Buffer.from(bytes).toString("hex"))
}

describe("Sha256", () => {
  it("is the SHA-256 of all that is passed", async () => {
    const expected = Crypto.createHash("sha256").update("one two").digest("hex")
    const sum = new Sha256()
    sum.update(text("one "))
    sum.update(text("two"))
    assert.strictEqual(Buffer.from(await sum.digest()).toString("hex"), expected)
    assert.strictEqual(await digest("", "one two"), expected)
  })

  it("is the HMAC of each secret where there is one, texts and bytes in turn", async () => {
    const derived = Uint8Array.from({ length: 34 }, (_, index) => index)
    const inside = new Uint8Array(derived.buffer, 1, 32)
    for (const secret of ["first", "second", "first", inside, derived, inside, derived.buffer]) {
      const bytes = typeof secret === "string"
        ? secret
        : secret instanceof ArrayBuffer
        ? new Uint8Array(secret)
        : secret
      assert.strictEqual(
        await digest(secret, "data"),
        Crypto.createHmac("sha256", bytes).update("data").digest("hex")
      )
    }
  })
})
