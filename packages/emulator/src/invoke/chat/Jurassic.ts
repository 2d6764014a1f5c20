/**
 * The bodies of AI21 Jurassic-2: a `prompt` in, `completions` out. The service does not stream them.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../../AwsError.ts"
import * as Embed from "../Embed.ts"
import * as Family from "./Family.ts"

const optional = Schema.optionalKey

const Penalty = Schema.Struct({ scale: Schema.Finite })

/** Amazon Bedrock User Guide, "AI21 Labs Jurassic-2 models". */
const read = Embed.reader(Schema.Struct({
  prompt: Schema.String.check(Embed.textBetween(1, Infinity)),
  maxTokens: optional(Family.Tokens),
  temperature: optional(Family.Share),
  topP: optional(Family.Share),
  stopSequences: optional(Schema.Array(Schema.String)),
  countPenalty: optional(Penalty),
  presencePenalty: optional(Penalty),
  frequencyPenalty: optional(Penalty)
}))

/** Jurassic-2 Mid and Ultra. */
export const family: Family.Family = (body, model) =>
  Result.map(read(body), ({ maxTokens, prompt, stopSequences, temperature, topP }) => ({
    request: {
      messages: [{ role: "user", content: [{ text: prompt }] }],
      inferenceConfig: Family.present({ maxTokens, stopSequences, temperature, topP })
    },
    check: (streaming) => streaming ? notStreamable : Family.tooManyTokens("maxTokens", maxTokens, model),
    whole: (response, { now }) => ({
      id: now,
      prompt: { text: prompt, tokens: [] },
      completions: [{
        data: { text: response.text, tokens: [] },
        finishReason: { reason: Family.stopReasonOf(response) === "max_tokens" ? "length" : "endoftext" }
      }]
    }),
    pieces: () => () => []
  }))

const notStreamable = AwsError.validation("The model is unsupported for streaming.")
