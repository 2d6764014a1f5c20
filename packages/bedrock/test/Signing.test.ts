import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import { keepSigner, Sha256 } from "../src/client/signing.ts"

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

describe("keepSigner", () => {
  const client = () => {
    const sdk = new BedrockRuntimeClient({
      region: "us-east-1",
      credentials: { accessKeyId: "a", secretAccessKey: "b" }
    })
    keepSigner(sdk)
    return sdk
  }

  it("keeps one signer until the credentials come from elsewhere", async () => {
    const { config } = client()
    const first = await config.signer()
    assert.strictEqual(await config.signer(), first)
    config.credentials = () => Promise.resolve({ accessKeyId: "c", secretAccessKey: "d" })
    const second = await config.signer()
    assert.notStrictEqual(second, first)
    assert.strictEqual(await config.signer(), second)
  })

  it("signs with the credentials and at the time of each request", async () => {
    let accessKeyId = "first"
    const expiration = new Date(0)
    const { config } = client()
    config.credentials = () => Promise.resolve({ accessKeyId, secretAccessKey: "secret", expiration })
    const sign = async (year: string) => {
      const request = { method: "POST", protocol: "https:", hostname: "localhost", path: "/", headers: {} }
      const signer = await config.signer()
      const { headers } = await signer.sign(request, { signingDate: new Date(`${year}-01-02T03:04:05Z`) })
      return headers["authorization"]
    }
    assert.match(String(await sign("2030")), /Credential=first\/20300102\/us-east-1\/bedrock\//)
    accessKeyId = "second"
    assert.match(String(await sign("2031")), /Credential=second\/20310102\/us-east-1\/bedrock\//)
  })
})
