/**
 * The seals of thoughts: a model that signs what it thinks takes it back only as it was.
 *
 * A thought without a signature gets one that follows from its text alone. Signatures and redacted thoughts of the
 * answering service pass as they are and are remembered, so that they are known when they come back. Those that Anthropic
 * itself made cannot be checked here, and pass.
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

/** What one emulator has sealed. */
export interface Seals {
  /** The first seal in a conversation that is broken; `undefined` when none is. */
  readonly check: (prompt: Wire.Prompt) => AwsError.AwsError | undefined
  /** Seals the thoughts of an answer. */
  readonly sealResponse: (response: ChatResponse.ChatResponse) => ChatResponse.ChatResponse
  /** Seals the thoughts of one stream, event by event. */
  readonly sealEvents: () => (event: ChatEvent.ChatEvent) => ChatEvent.ChatEvent
}

/** Remembers the latest so many seals of the answering service. */
const memory = 10_000

/** A new memory. */
export const make = (): Seals => {
  const known = new Set<string>()

  const remember = (seal: string) => {
    known.add(seal)
    const [oldest] = known
    if (known.size > memory && oldest !== undefined) known.delete(oldest)
  }

  /** The seals of a thought, issued or remembered. */
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
 * Whether bytes look like a seal of the real service: a Protocol Buffers message whose first field is the second, bytes as
 * long as it says.
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

/** No recorded seal is nearly as short. */
const minSealBytes = 64

/** The same for the same text, in every emulator. */
const sign = (text: string): string => Crypto.createHmac("sha256", "strata-emulator").update(text).digest("base64")
