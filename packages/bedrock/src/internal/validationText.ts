/**
 * Classifies a `ValidationException`. The service uses one name for every problem of a request, so the text decides; an
 * unknown text is an `InvalidRequestError` with that text.
 */
import * as ProviderError from "@strata/core/ProviderError"
import type { Fields } from "./networkError.ts"

/** The error for a text. `raw` is matched, `text` is what may be shown of it. */
export const classify = (
  { raw, text }: { readonly raw: string; readonly text: string },
  fields: Fields
): ProviderError.CallError => {
  if (noThroughput.test(raw)) {
    const remedy = profileRemedy(fields.model)
    return new ProviderError.InvalidRequestError({ ...fields, field: "model", remedy, message: `${text} ${remedy}` })
  }
  if (/model identifier is invalid|invalid model identifier|model (?:id )?\S* ?(?:was |is )?not found/i.test(raw)) {
    return new ProviderError.ModelNotFoundError({ ...fields, message: text })
  }
  if (tooLong.test(raw)) return new ProviderError.ContextLengthExceededError({ ...fields, message: text })
  const feature = unsupported.exec(text)?.[1]
  if (feature !== undefined) return new ProviderError.UnsupportedFeatureError({ ...fields, feature, message: text })
  if (refusedThought.test(raw)) {
    return new ProviderError.InvalidRequestError({
      ...fields,
      field: "messages",
      remedy: thoughtRemedy,
      message: `${text} ${thoughtRemedy}`
    })
  }
  return new ProviderError.InvalidRequestError({
    ...fields,
    field: /\bat '([^']+)' failed/.exec(text)?.[1],
    message: text
  })
}

/** Whether an error says that a model is served through inference profiles only. */
export const needsProfile = (error: ProviderError.CallError): error is ProviderError.InvalidRequestError =>
  error._tag === "InvalidRequestError" && noThroughput.test(error.message)

const noThroughput = /on-demand throughput/i

// Converse, Anthropic, Titan, Cohere and the JSON schemas in front of older models each have their own wording.
const tooLong = new RegExp(
  [
    "input is too long",
    "prompt is too long",
    "input tokens? exceeded",
    "too many input tokens",
    "too many total text bytes",
    "exceeds? (?:the )?(?:maximum )?(?:model )?context (?:limit|length|window)",
    "maximum context length",
    "exceeds the maximum number of (?:input )?tokens",
    "expected maxLength: \\d+, actual: \\d+"
  ].join("|"),
  "i"
)

// "messages.1.content.0: Invalid `signature` in `thinking` block", "Invalid `data` in `redacted_thinking` block"
const refusedThought = /(?:signature|data)\W+in\W+(?:redacted_)?thinking|thinking(?:\.|\W+)signature/i

const thoughtRemedy = "Remove the reasoning of earlier answers: `Message.withoutReasoning`."

// "This model doesn't support tool use in streaming mode." The apostrophe may be straight or curly.
const unsupported =
  /(?:model|modelid|it) (?:doesn['’]t|does not) support (?:the )?(.+?)(?: that you provided)?(?:[.,;]|$)/i

const profileRemedy = (model: string | undefined): string =>
  model === undefined || model.startsWith("arn:")
    ? "Use the id of an inference profile that contains the model."
    : `Use the id of an inference profile: \`us.${model}\`, \`eu.${model}\`, \`global.${model}\`, whichever covers your region.`
