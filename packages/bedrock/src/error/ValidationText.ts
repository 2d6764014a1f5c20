/**
 * Classifies a `ValidationException`. The service uses one name for every problem of a request, so the text decides; an
 * unknown text is an `InvalidRequestError` with that text.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Failure from "./Failure.ts"

/** The error for a text. */
export const classify = (failure: Failure.Failure): ProviderError.CallError => {
  const { asked, raw, words } = failure
  const invalid = (field: string | undefined, remedy: string) =>
    new ProviderError.InvalidRequestError({ ...Failure.toFields(failure, remedy), field, remedy })
  if (noThroughput.test(raw)) return invalid("model", profileRemedy(asked.model))
  if (/model identifier is invalid|invalid model identifier|model (?:id )?\S* ?(?:was |is )?not found/i.test(raw)) {
    return new ProviderError.ModelNotFoundError(Failure.toFields(failure, Failure.modelRemedy))
  }
  if (tooLong.test(raw)) {
    return new ProviderError.ContextLengthExceededError({
      ...Failure.toFields(failure, "Shorten the input, or use a model with a longer context"),
      measured: measuredIn(raw)
    })
  }
  const feature = unsupported.exec(words)?.[1]
  if (feature !== undefined) {
    return new ProviderError.UnsupportedFeatureError({
      ...Failure.toFields(failure, `Do without ${feature}, or use another model`),
      feature
    })
  }
  if (refusedThought.test(raw)) return invalid("messages", thoughtRemedy)
  const field = /\bat '([^']+)' failed/.exec(words)?.[1]
  return invalid(field, field === undefined ? "Correct the request" : `Correct \`${field}\``)
}

/** Whether an error says that a model is served through inference profiles only. */
export const needsProfile = (error: ProviderError.CallError): error is ProviderError.InvalidRequestError =>
  error._tag === "InvalidRequestError" && noThroughput.test(error.providerMessage ?? "")

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

/** What a text says of the length of the input, if it does. */
const measuredIn = (text: string): ProviderError.Measured | undefined => {
  for (const { pattern, unit } of measurements) {
    const { actual, limit } = pattern.exec(text)?.groups ?? {}
    if (actual !== undefined && limit !== undefined) return { unit, actual: Number(actual), limit: Number(limit) }
  }
}

const measurements = [
  { unit: "tokens", pattern: /max input tokens: (?<limit>\d+), request input token count: (?<actual>\d+)/i },
  { unit: "tokens", pattern: /(?<actual>\d+) tokens > (?<limit>\d+) maximum/i },
  { unit: "characters", pattern: /expected maxLength: (?<limit>\d+), actual: (?<actual>\d+)/i },
  { unit: "bytes", pattern: /total text bytes: (?<actual>\d+) > (?<limit>\d+)/i }
] as const

// "messages.1.content.0: Invalid `signature` in `thinking` block", "Invalid `data` in `redacted_thinking` block"
const refusedThought = /(?:signature|data)\W+in\W+(?:redacted_)?thinking|thinking(?:\.|\W+)signature/i

const thoughtRemedy = "Remove the reasoning of earlier answers: `Message.withoutReasoning`"

// "This model doesn't support tool use in streaming mode." The apostrophe may be straight or curly.
const unsupported =
  /(?:model|modelid|it) (?:doesn['’]t|does not) support (?:the )?(.+?)(?: that you provided)?(?:[.,;]|$)/i

const profileRemedy = (model: string | undefined): string =>
  model === undefined || model.startsWith("arn:")
    ? "Use the id of an inference profile that contains the model"
    : `Use the id of an inference profile: \`us.${model}\`, \`eu.${model}\`, \`global.${model}\`, whichever covers your region`
