/**
 * Reduces the SDK's cost of signing: it derives the same keys, and builds the same signer, for every request.
 *
 * The content of the signature remains the SDK's work.
 */
import type { BedrockRuntimeClient, BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime"
import * as Crypto from "node:crypto"

type Sha256Constructor = NonNullable<BedrockRuntimeClientConfig["sha256"]>
type Secret = ConstructorParameters<Sha256Constructor>[0]

/** SHA-256, or its HMAC when there is a secret. Node is five times slower with a secret that is not a `KeyObject`. */
export const Sha256: Sha256Constructor = class {
  readonly digestLength = 32
  readonly #secret: Secret
  #hash: Crypto.Hash | Crypto.Hmac

  constructor(secret?: Secret) {
    this.#secret = secret
    this.#hash = begin(secret)
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    this.#hash = begin(this.#secret)
  }
}

/** Caches a client's signer while its credentials have the same source; its region and service are fixed. */
export const keepSigner = ({ config }: BedrockRuntimeClient): void => {
  const build = config.signer
  let kept: { readonly credentials: unknown; readonly signer: ReturnType<typeof build> } | undefined
  config.signer = (scheme) => {
    const { credentials } = config
    if (kept?.credentials !== credentials) {
      kept = { credentials, signer: build(scheme) }
      kept.signer.catch(() => kept = undefined)
    }
    return kept.signer
  }
}

const begin = (secret: Secret): Crypto.Hash | Crypto.Hmac =>
  secret === undefined || secret === "" ? Crypto.createHash("sha256") : Crypto.createHmac("sha256", keyOf(secret))

/** The SDK derives one key per day and caches its bytes: every request uses the same array. */
const derived = new WeakMap<object, Crypto.KeyObject>()

/** A text is the secret access key; a program rarely uses several at once. */
let last: { readonly text: string; readonly key: Crypto.KeyObject } | undefined

const keyOf = (secret: NonNullable<Secret>): Crypto.KeyObject => {
  if (typeof secret === "string") {
    if (last?.text !== secret) last = { text: secret, key: Crypto.createSecretKey(secret, "utf8") }
    return last.key
  }
  const known = derived.get(secret)
  if (known !== undefined) return known
  const bytes = ArrayBuffer.isView(secret)
    ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
    : Buffer.from(secret)
  const key = Crypto.createSecretKey(bytes)
  derived.set(secret, key)
  return key
}
