/** Validates inputs before any network, one by one: an invalid input fails only itself. */
import * as Result from "effect/Result"
import * as Check from "../../Check.ts"
import * as WellFormedText from "../../internal/wellFormedText.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Embedding from "../Embedding.ts"
import type * as Call from "./call.ts"
import * as Cutting from "./cutting.ts"
import * as Placed from "./placed.ts"
import * as Plan from "./plan.ts"
import type * as Validation from "./validation.ts"

/**
 * The inputs of a call, which may be any value. An item that cannot be read is `undefined`, and refused by {@link check}.
 */
export const listed = (
  provider: string,
  given: unknown
): Result.Result<ReadonlyArray<unknown>, ProviderError.InvalidRequestError> =>
  Result.mapError(
    Check.settle(everything, given, { whole: "inputs" }),
    (problem) => ProviderError.invalidRequest({ provider, ...problem })
  )

const everything: Check.Check<ReadonlyArray<unknown>> = (given, at) => {
  const remedy = "Give an array of texts and images"
  if (!Array.isArray(given)) return Check.refuseKind(at, given, remedy)
  const { length } = given
  return length > mostInputs
    ? Check.refuse(at, `there are ${length} of them`, `Use at most ${mostInputs}, or \`embedStream\``)
    : Array.from({ length }, (_, index) => Result.getOrUndefined(Result.try((): unknown => given[index])))
}

/** More vectors hardly fit into the memory of a process. */
const mostInputs = 1_000_000

/** An input, which may be any value, as plain data. */
export const settle = (given: unknown): Result.Result<Embedding.Input, Check.Problem> =>
  typeof given === "string" && given.isWellFormed()
    ? Result.succeed(given)
    : Check.settle<Embedding.Input>(typeof given === "string" ? WellFormedText.check : content, given)

/** Whether a value is an input. */
export const isInput = (given: unknown): given is Embedding.Input => Result.isSuccess(settle(given))

const content = Check.struct<Embedding.ContentInput>({
  text: Check.optional(WellFormedText.check),
  image: Check.optional(Check.struct<Embedding.Image>({ bytes: Check.bytes, mediaType: Check.text }, {
    others: "ignored",
    remedy: "Give { bytes, mediaType }"
  }))
}, { others: "ignored", remedy: "Give text, or an object with `text`, `image` or both" })

/** What a check needs of a call. */
type Asked = Pick<Call.Call, "limits" | "options" | "target" | "truncate">

/** What to send for an input, which may be any value: its text is cut when the options say so, except into pieces. */
export const check = (call: Asked, given: unknown): Result.Result<Plan.Content, Validation.Failure> => {
  const settled = settle(given)
  if (Result.isFailure(settled)) {
    const { field, problem, remedy } = settled.failure
    return invalid(call, field === "" ? "" : `.${field}`, problem, remedy)
  }
  const { image, text } = typeof settled.success === "string" ? { text: settled.success } : settled.success
  if (image === undefined) {
    return text === undefined
      ? invalid(call, "", "the input has no text and no image", "Give it one of the two, or both")
      : checkText(call, text, "")
  }
  if (text === undefined) return Result.map(checkImage(call, image), (image) => ({ image }))
  return call.limits.combined === undefined
    ? unsupported(
      call,
      "",
      "text and image in one vector",
      "makes no vector of a text and an image together. Embed each by itself"
    )
    : Result.all({ image: checkImage(call, image), text: checkText(call, text, ".text") })
}

const checkText = (call: Asked, text: string, part: string): Result.Result<string, Validation.Failure> => {
  const { limits, options, target: { model, provider }, truncate } = call
  const longest = Plan.longestText(limits)
  if (isBlank(text)) return invalid(call, part, "the text is blank", addContent)
  // Beside an image, a text is not cut into pieces; and a piece of one code unit could not hold a surrogate pair.
  const isCutLater = truncate === "chunk" && part === "" && longest >= 2
  if (text.length <= longest || isCutLater) return Result.succeed(text)
  if (options.truncate === "none") {
    const message = `the text has ${text.length} characters and the model takes ${longest}. ` +
      "Split it, or set `truncate` to \"start\" or \"end\" to have it cut" +
      (part === "" ? ", or to \"chunk\" to have it embedded in pieces." : ".")
    const measured = { unit: "characters", actual: text.length, limit: longest } as const
    return placed(part, new ProviderError.ContextLengthExceededError({ provider, model, message, measured }))
  }
  const rest = Cutting.shorten(text, longest, options.truncate)
  return isBlank(rest)
    ? invalid(call, part, `nothing is left of the text when it is cut to ${longest} characters`, addContent)
    : Result.succeed(rest)
}

const checkImage = (
  call: Asked,
  { bytes, mediaType: given }: Embedding.Image
): Result.Result<Embedding.Image, Validation.Failure> => {
  const { combined, images } = call.limits
  if (images === undefined && combined === undefined) {
    return unsupported(call, ".image", "images", "takes no images. Use one that does")
  }
  if (bytes.length === 0) return invalid(call, ".image", "the image has no bytes", addContent)
  const mediaType = plainMediaType(given)
  const { maxBatchBytes = Infinity, maxBytes = Infinity, mediaTypes } = images ?? {}
  if (mediaTypes !== undefined && !mediaTypes.includes(mediaType)) {
    const problem = `the model does not read ${mediaType === "" ? "an image without a media type" : mediaType}`
    return invalid(call, ".image", problem, `Use ${mediaTypes.join(", ")}`)
  }
  const largest = Math.min(maxBytes, maxBatchBytes)
  return bytes.length <= largest ? Result.succeed({ bytes, mediaType }) : invalid(
    call,
    ".image",
    `the image has ${bytes.length} bytes and the model takes ${largest}`,
    "Make it smaller"
  )
}

/** The registered name, without parameters: browsers and forms also write `image/jpg`. */
const plainMediaType = (mediaType: string): string => {
  const plain = mediaType.split(";", 1).join("").trim().toLowerCase()
  return registeredMediaTypes.get(plain) ?? plain
}

const registeredMediaTypes: ReadonlyMap<string, string> = new Map([
  ["image/jpg", "image/jpeg"],
  ["image/pjpeg", "image/jpeg"],
  ["image/x-png", "image/png"]
])

const addContent = "Leave it out, or give it content"

const invalid = ({ target: { model, provider } }: Asked, part: string, problem: string, remedy: string) =>
  placed(part, ProviderError.invalidRequest({ provider, model, field: "input", problem, remedy }))

const unsupported = ({ target: { model, provider } }: Asked, part: string, feature: string, problem: string) =>
  placed(
    part,
    new ProviderError.UnsupportedFeatureError({ provider, model, feature, message: `the model ${problem}.` })
  )

const placed = (part: string, error: ProviderError.PlacedError) =>
  Result.fail<Validation.Failure>((field) => Placed.placed(error, `${field}${part}`))

const isBlank = (text: string): boolean => !/\S/u.test(text)
