/**
 * What an answer is kept under: a hash of everything that decides on it.
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as CanonicalLine from "../../../cache/internal/canonicalLine.ts"
import * as ChatRequest from "../../ChatRequest.ts"

/** All that decides on an answer: one line, and the bytes that are missing in it, in their order. */
export interface Question {
  readonly line: string
  readonly bytes: ReadonlyArray<Uint8Array>
}

/** The question of a request, or nothing when it holds what has no text of its own. */
export const question = (
  namespace: string,
  provider: string,
  model: string,
  request: ChatRequest.ChatRequest
): Question | undefined => {
  const bytes: Array<Uint8Array> = []
  const line = CanonicalLine.make(
    [namespace, provider, { ...request, model, messages: ChatRequest.messagesOf(request) }],
    (found) => `#${bytes.push(found)}`
  )
  return line === undefined ? undefined : { line, bytes }
}

/** The key of a question: 64 hexadecimal digits. Images and documents are hashed by themselves. */
export const make = (digest: Digest.Digest["Service"], { bytes, line }: Question): Effect.Effect<string> =>
  Effect.flatMap(
    Effect.forEach(bytes, (part) => digest.digestHex(Digest.sha256, part), { concurrency: "unbounded" }),
    (hashes) => digest.digestHex(Digest.sha256, new TextEncoder().encode([line, ...hashes].join("\n")))
  )
