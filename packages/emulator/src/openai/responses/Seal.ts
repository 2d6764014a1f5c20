/**
 * Encrypted reasoning: what a client gets of a thought, and sends back unchanged.
 *
 * A thought is sealed with a key that all emulators share, and so can be read after a restart. A text that was changed,
 * cut, or made elsewhere cannot be opened.
 */
import type * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import { isObject } from "../../converse/rule/Finding.ts"
import * as Json from "../../Json.ts"

/** What is sealed of a thought. */
export type Thought = Pick<Message.ReasoningPart, "text" | "signature" | "redacted">

/** Seals a thought. */
export const seal = ({ redacted, signature, text }: Thought): string => {
  const json = JSON.stringify({
    text,
    signature,
    redacted: redacted === undefined ? undefined : Base64.encode(redacted)
  })
  // equal thoughts have equal seals
  const iv = Crypto.createHash("sha256").update(json).digest().subarray(0, ivBytes)
  const cipher = Crypto.createCipheriv("aes-256-gcm", key, iv)
  const sealed = Buffer.concat([cipher.update(json, "utf8"), cipher.final()])
  return prefix + Base64.encode(Buffer.concat([iv, cipher.getAuthTag(), sealed]))
}

/** The thought in a seal; `undefined` when it cannot be opened. */
export const open = (sealed: string): Thought | undefined => {
  if (!sealed.startsWith(prefix)) return undefined
  const bytes = Result.getOrUndefined(Base64.decode(sealed.slice(prefix.length)))
  if (bytes === undefined || bytes.length < ivBytes + tagBytes) return undefined
  const json = Result.getOrUndefined(Result.try(() => {
    const decipher = Crypto.createDecipheriv("aes-256-gcm", key, bytes.subarray(0, ivBytes))
    decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
    return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString()
  }))
  const thought: unknown = json === undefined ? undefined : Result.getOrUndefined(Json.parse(json))
  if (!isObject(thought) || typeof thought["text"] !== "string") return undefined
  const { redacted, signature, text } = thought
  return {
    text,
    ...(typeof signature === "string" ? { signature } : undefined),
    ...(typeof redacted === "string"
      ? { redacted: Result.getOrUndefined(Base64.decode(redacted)) }
      : undefined)
  }
}

const [ivBytes, tagBytes] = [12, 16]

const prefix = "gAAAAA"

const key = Crypto.createHash("sha256").update("strata-emulator").digest()
