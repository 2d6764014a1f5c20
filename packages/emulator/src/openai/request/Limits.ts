/**
 * What a model does not take, whichever API of the dialect asks, and what both APIs ask in the same words.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import type * as AwsError from "../../AwsError.ts"
import * as Family from "../../invoke/chat/Family.ts"
import type * as Model from "../../model/Model.ts"
import * as OpenAiError from "../OpenAiError.ts"

/** The members that are defined. */
export const present = Family.present

/** The reasoning that an effort asks for. */
export const reasoningOf = (
  effort: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | undefined
): ChatRequest.Reasoning | undefined => {
  if (effort === undefined) return undefined
  return effort === "none" ? false : { effort: effort === "minimal" ? "low" : effort }
}

/** Why the model refuses a request: an input, tools or a schema that it does not take. */
export const ofModel = (request: ChatRequest.ChatRequest, model: Model.ChatModel): AwsError.AwsError | undefined => {
  const { messages, responseFormat, tools = [] } = request
  if (tools.length > 0 && model.tools === "never") {
    return OpenAiError.invalid("Tools are not supported with this model.", "tools", "unsupported_parameter")
  }
  if (responseFormat?.type === "json" && !model.structuredOutput) {
    return OpenAiError.invalid(
      "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
      "response_format"
    )
  }
  for (const message of typeof messages === "string" ? [] : messages) {
    for (const part of Message.parts(message)) {
      const kind = part.type
      if ((kind === "image" || kind === "document" || kind === "audio") && !model.inputs.includes(kind)) {
        return OpenAiError.invalid(
          `Invalid content type. ${kinds[kind]} is not supported by this model.`,
          "messages",
          "invalid_value"
        )
      }
    }
  }
  return undefined
}

const kinds = { image: "image_url", document: "file", audio: "input_audio" }
