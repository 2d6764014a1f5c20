/**
 * What to judge, and by which guardrail: checked before it is sent, as the service would.
 */
import type {
  ApplyGuardrailCommandInput,
  GuardrailContentBlock,
  GuardrailContentQualifier,
  GuardrailImageFormat
} from "@aws-sdk/client-bedrock-runtime"
import type * as Message from "@strata/core/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Media from "../converse/Media.ts"
import * as Input from "../internal/input.ts"
import { providerName } from "../internal/provider.ts"
import * as Version from "./Version.ts"

/**
 * What to judge, and by which guardrail.
 *
 * - `guardrail`: its id or ARN, and a version: a number, or `DRAFT`. An ARN is called in its own region.
 * - `source`: `input` for what a user wrote, `output` for what a model wrote.
 * - `content`: text, or parts. The qualifiers in the `guard` of a text say what it is for the checks of grounding:
 *   `grounding_source`, `query`, or `guard_content`, which is what is judged. Images are PNG or JPEG, given as bytes.
 * - `outputScope`: `full` also reports what was looked for and not found; `interventions`, when missing, does not.
 */
export interface Request {
  readonly guardrail: { readonly id: string; readonly version: string }
  readonly source: "input" | "output"
  readonly content: string | ReadonlyArray<Message.TextPart | Message.ImagePart>
  readonly outputScope?: "interventions" | "full" | undefined
}

type Encoded<A> = Result.Result<A, ProviderError.InvalidRequestError>

/** The request in the service's words; or the field that is wrong, whatever a caller without types has passed. */
export const encode = (request: Request): Encoded<ApplyGuardrailCommandInput> =>
  Result.flatMap(Input.copy(request), (request) =>
    Result.try({
      try: () => encodeFields(request),
      catch: () => problem("content", "its fields cannot be read", "Give plain objects")
    }).pipe(Result.flatMap((encoded) => encoded)))

const encodeFields = ({ content, guardrail, outputScope, source }: Request): Encoded<ApplyGuardrailCommandInput> =>
  Result.gen(function*() {
    if (!Predicate.isString(guardrail?.id) || guardrail.id === "") {
      return yield* invalid("guardrail.id", "no guardrail is named", "Give its id or its ARN")
    }
    if (!Predicate.isString(guardrail.version) || !Version.isVersion(guardrail.version)) {
      return yield* invalid("guardrail.version", "this is no version of a guardrail", Version.remedy)
    }
    const sourceWord = yield* wordOf("source", source, { input: "INPUT", output: "OUTPUT" } as const)
    const scope = outputScope === undefined
      ? undefined
      : yield* wordOf("outputScope", outputScope, { full: "FULL", interventions: "INTERVENTIONS" } as const)
    return {
      guardrailIdentifier: guardrail.id,
      guardrailVersion: guardrail.version,
      source: sourceWord,
      content: yield* encodeContent(content),
      ...(scope === undefined ? undefined : { outputScope: scope })
    }
  })

const encodeContent = (content: Request["content"]): Encoded<Array<GuardrailContentBlock>> => {
  if (Predicate.isString(content)) return Result.succeed([{ text: { text: wellFormed(content) } }])
  if (!Array.isArray(content) || content.length === 0) {
    return invalid("content", "there is nothing to judge", "Give it text, or parts with text and images")
  }
  return Result.all(content.map((part, index) => encodePart(part, `content[${index}]`)))
}

const encodePart = (part: Message.TextPart | Message.ImagePart, field: string): Encoded<GuardrailContentBlock> => {
  switch (part?.type) {
    case "text":
      return encodeText(part, field)
    case "image":
      return encodeImage(part, field)
    default:
      return invalid(`${field}.type`, "a guardrail judges parts with text and images only", "Leave other parts out")
  }
}

const encodeText = ({ guard, text }: Message.TextPart, field: string): Encoded<GuardrailContentBlock> => {
  if (!Predicate.isString(text)) return invalid(`${field}.text`, "it is no text", "Give a string")
  const qualifiers = Predicate.isObject(guard) ? guard.qualifiers : undefined
  if (qualifiers === undefined) return Result.succeed({ text: { text: wellFormed(text) } })
  return Array.isArray(qualifiers) && qualifiers.every((word) => words.includes(word))
    ? Result.succeed({ text: { text: wellFormed(text), qualifiers: [...qualifiers] } })
    : invalid(`${field}.guard.qualifiers`, "these are no qualifiers", `Use some of ${words.join(", ")}`)
}

const encodeImage = ({ mediaType, source }: Message.ImagePart, field: string): Encoded<GuardrailContentBlock> => {
  const type = Predicate.isString(mediaType) ? mediaType : ""
  const format = formats.find((known) => known === Media.formatOf(Media.image, type))
  if (format === undefined) {
    return invalid(`${field}.mediaType`, `a guardrail does not judge "${type}"`, "Use image/png or image/jpeg")
  }
  return Predicate.hasProperty(source, "bytes") && source.bytes instanceof Uint8Array && source.bytes.length > 0
    ? Result.succeed({ image: { format, source: { bytes: source.bytes } } })
    : invalid(`${field}.source`, "a guardrail wants the bytes of an image", "Give them in `bytes`")
}

const words: ReadonlyArray<GuardrailContentQualifier> = ["grounding_source", "query", "guard_content"]

const formats: ReadonlyArray<GuardrailImageFormat> = ["png", "jpeg"]

/** Half a surrogate pair has no bytes, and the service refuses it. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, "\ufffd")

const wordOf = <Ours extends string, Theirs>(
  field: string,
  word: Ours,
  known: Readonly<Record<Ours, Theirs>>
): Encoded<Theirs> =>
  Object.hasOwn(known, word)
    ? Result.succeed(known[word])
    : invalid(field, "this word is not known", `Use ${Object.keys(known).join(" or ")}`)

const invalid = (...text: Parameters<typeof problem>): Result.Result<never, ProviderError.InvalidRequestError> =>
  Result.fail(problem(...text))

const problem = (field: string, problem: string, remedy: string): ProviderError.InvalidRequestError =>
  ProviderError.invalidRequest({ provider: providerName, field, problem, remedy })
