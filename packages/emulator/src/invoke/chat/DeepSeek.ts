/**
 * The bodies of DeepSeek-R1: a `prompt` in, `choices` with a `text` out, which begins with the model's reasoning.
 *
 * From the Amazon Bedrock User Guide, "DeepSeek models", not from recorded traffic; the model itself ends its reasoning
 * with `</think>`.
 */
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import * as Family from "./Family.ts"
import * as Template from "./Template.ts"

const read = Body.reader(Schema.Struct({
  prompt: Schema.String.check(Body.textBetween(1, Infinity)),
  max_tokens: Schema.optionalKey(Schema.Int.check(Family.between(1, 32_768))),
  temperature: Schema.optionalKey(Family.Share),
  top_p: Schema.optionalKey(Family.Share),
  stop: Schema.optionalKey(Schema.Array(Schema.String).check(Body.itemsBetween(0, 10)))
}))

/** DeepSeek-R1. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ max_tokens: maxTokens, prompt, stop: stopSequences, temperature, top_p: topP }) => ({
    request: {
      ...Template.read(prompt, "deepseek", model),
      inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP })
    },
    whole: (response) =>
      choice(
        Message.parts(response.message).map((part) =>
          part.type === "reasoning" ? part.text + reasoningEnd : part.type === "text" ? part.text : ""
        ).join(""),
        stopReason(Family.stopReasonOf(response))
      ),
    pieces: () => {
      const textOf = Family.makeTextOf()
      const said = (event: ChatEvent.ChatEvent) => {
        if (event.type === "reasoning-delta") return event.delta
        if (event.type === "reasoning-end") return reasoningEnd
        return textOf(event)
      }
      return (event) => {
        if (event.type === "finish") return [choice("", stopReason(Family.stopReasonOf(event)))]
        const text = said(event)
        return text === "" ? [] : [choice(text, null)]
      }
    }
  }))

const reasoningEnd = "\n</think>\n\n"

const choice = (text: string, stop: string | null) => ({ choices: [{ text, stop_reason: stop }] })

const stopReason = (reason: string): string => reason === "max_tokens" ? "length" : "stop"
