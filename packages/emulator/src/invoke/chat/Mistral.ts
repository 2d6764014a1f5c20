/**
 * The bodies of Mistral AI: a `prompt` in and `outputs` out, or chat completions, depending on the body.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isObject } from "../../converse/rule/Finding.ts"
import * as Tokens from "../../converse/usage/Tokens.ts"
import type * as Model from "../../model/Model.ts"
import * as Body from "../Body.ts"
import * as ChatCompletion from "./ChatCompletion.ts"
import * as Family from "./Family.ts"
import * as Template from "./Template.ts"

const optional = Schema.optionalKey

/** Amazon Bedrock User Guide, "Mistral AI text completion". */
const readPrompt = Body.reader(Schema.Struct({
  prompt: Schema.String.check(Body.textBetween(1, Infinity)),
  max_tokens: optional(Family.Tokens),
  temperature: optional(Family.Share),
  top_p: optional(Family.Share),
  top_k: optional(Schema.Int.check(Family.between(0))),
  stop: optional(Schema.Array(Schema.String).check(Body.itemsBetween(0, 10)))
}))

/** Amazon Bedrock User Guide, "Mistral AI chat completion"; `stop` and the last four from Mistral's own API. */
const readChat = Body.reader(Schema.Struct({
  ...ChatCompletion.fields,
  temperature: optional(Family.Share),
  tool_choice: optional(Body.oneOf(["auto", "any", "none"])),
  stop: optional(Schema.Array(Schema.String)),
  safe_prompt: optional(Schema.Boolean),
  random_seed: optional(Schema.Int),
  response_format: optional(Family.JsonObject),
  reasoning_effort: optional(Schema.String)
}))

/** All models of Mistral AI. */
export const family: Family.Family = (body, model) =>
  isObject(body) && "messages" in body ? chat(body, model) : completion(body, model)

const completion: Family.Family = (body, model) =>
  Result.map(readPrompt(body), ({ max_tokens: maxTokens, prompt, stop: stopSequences, temperature, top_p: topP }) => ({
    request: {
      ...Template.read(prompt, "instruct", model),
      inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP })
    },
    check: () => Family.tooManyTokens("max_tokens", maxTokens, model),
    whole: (response) => output(response.text, stopReason(Family.stopReasonOf(response))),
    pieces: () => {
      const textOf = Family.makeTextOf()
      return (event) => {
        if (event.type === "finish") return [output("", stopReason(Family.stopReasonOf(event)))]
        const text = textOf(event)
        return text === "" ? [] : [output(text, null)]
      }
    }
  }))

const output = (text: string, stop: string | null) => ({ outputs: [{ text, stop_reason: stop }] })

const stopReason = (reason: string): string => reason === "max_tokens" ? "length" : "stop"

const chat: Family.Family = (body, model) =>
  Result.map(readChat(body), ({ stop: stopSequences, temperature, tool_choice: toolChoice, ...asked }) => {
    const style = styleOf(model)
    return {
      request: ChatCompletion.toRequest(asked, { temperature, stopSequences, toolChoice }),
      forbidsTools: toolChoice === "none",
      check: () => Family.tooManyTokens("max_tokens", asked.max_tokens, model),
      whole: (response, envelope) => ChatCompletion.whole(response, envelope, style),
      pieces: (envelope) => ChatCompletion.pieces(envelope, style, Tokens.ofText)
    }
  })

/**
 * Mistral Large of 2024 has `stop_reason` and no members beside its choices (Amazon Bedrock User Guide, "Mistral AI
 * chat completion"); later models follow Mistral's API ("Pixtral Large (25.02)"). Neither stream is documented there.
 */
const styleOf = ({ id }: Model.ChatModel): ChatCompletion.Style =>
  /mistral-(?:large|small)-24/.test(id) ? early : ChatCompletion.standard

const early: ChatCompletion.Style = { reason: "stop_reason", piece: "message", around: () => ({}) }
