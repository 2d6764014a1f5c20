/**
 * Signatures of reasoning: a model that signs its reasoning accepts it back only unchanged.
 *
 * Reasoning without a signature gets one computed from its text. Signatures and redacted reasoning of the answering
 * service are passed on and remembered, to recognise them when they come back. Those made by Anthropic cannot be
 * verified here, and are accepted.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import type * as AwsError from "../AwsError.ts"
import { refusedByModel } from "./rule/Finding.ts"
import type * as Wire from "./Wire.ts"

/** The signatures of one emulator. */
export interface Seals {
  /** The error of the first invalid signature in a conversation; `undefined` when all are valid. */
  readonly check: (prompt: Wire.Prompt) => AwsError.AwsError | undefined
  /** Signs the reasoning of an answer. */
  readonly sealResponse: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  /** Signs the reasoning of one stream, event by event. */
  readonly sealEvents: () => (event: ChatEvent.ChatEvent) => ChatEvent.ChatEvent
}

/** The maximum number of remembered signatures. */
const memory = 10_000

/** No signatures yet. */
export const make = (): Seals => {
  const known = new Set<string>()

  const remember = (seal: string) => {
    known.add(seal)
    const [oldest] = known
    if (known.size > memory && oldest !== undefined) known.delete(oldest)
  }

  /** The signatures of a reasoning block, issued or remembered. */
  const seal = (text: string, { redacted, signature }: Seal): Seal => {
    if (redacted !== undefined) remember(Base64.encode(redacted))
    else if (signature === undefined) return { signature: sign(text) }
    else remember(sign(`${signature} ${text}`))
    return { redacted, signature }
  }

  const sealPart = <P extends Message.Part>(part: P): P =>
    part.type === "reasoning" ? { ...part, ...seal(part.text, part) } : part

  const problem = ({ redactedContent, reasoningText }: Thought, at: string): AwsError.AwsError | undefined => {
    if (redactedContent !== undefined) {
      return isAnthropics(redactedContent) || known.has(Base64.encode(redactedContent))
        ? undefined
        : refusedByModel(`${at}: Invalid \`data\` in \`redacted_thinking\` block`)
    }
    const { signature, text = "" } = reasoningText ?? {}
    if (signature === undefined) return refusedByModel(`${at}.thinking.signature: Field required`)
    return signature === sign(text) || known.has(sign(`${signature} ${text}`)) ||
        isAnthropics(Result.getOrUndefined(Base64.decode(signature)))
      ? undefined
      : refusedByModel(`${at}: Invalid \`signature\` in \`thinking\` block`)
  }

  return {
    check: ({ messages = [] }) => {
      for (const [turn, { content }] of messages.entries()) {
        for (const [index, { reasoningContent }] of content.entries()) {
          const found = reasoningContent && problem(reasoningContent, `messages.${turn}.content.${index}`)
          if (found !== undefined) return found
        }
      }
      return undefined
    },
    sealResponse: (response) =>
      typeof response.message.content === "string"
        ? response
        : ChatResponse.make(response.message.content.map(sealPart), response),
    sealEvents: () => {
      const texts = new Map<number, string>()
      return (event) => {
        if (event.type === "part") return { ...event, part: sealPart(event.part) }
        if (event.type === "reasoning-end") return { ...event, ...seal(texts.get(event.index) ?? "", event) }
        if (event.type === "reasoning-delta") {
          texts.set(event.index, (texts.get(event.index) ?? "") + event.delta)
        }
        return event
      }
    }
  }
}

type Thought = NonNullable<Wire.Message["content"][number]["reasoningContent"]>

type Seal = Pick<Message.ReasoningPart, "signature" | "redacted">

/**
 * Whether bytes look like a signature of the real service: a Protocol Buffers message whose first field is number 2,
 * bytes of the declared length.
 */
const isAnthropics = (seal: Uint8Array | undefined): boolean => {
  if (seal === undefined || seal[0] !== 0x12) return false
  let [length, shift, at] = [0, 0, 1]
  for (let byte = 0x80; byte >= 0x80; shift += 7, at++) {
    byte = seal[at] ?? 0
    length += (byte & 0x7f) * 2 ** shift
  }
  return length >= minSealBytes && at + length <= seal.length
}

/** The shortest recorded signature is much longer. */
const minSealBytes = 64

/** Deterministic, in every emulator. */
const sign = (text: string): string => Crypto.createHmac("sha256", "strata-emulator").update(text).digest("base64")
