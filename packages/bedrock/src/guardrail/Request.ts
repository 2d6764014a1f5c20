/**
 * The content to check and the guardrail: validated before anything is sent, as the service would.
 */
import type {
  ApplyGuardrailCommandInput,
  GuardrailContentBlock,
  GuardrailContentQualifier,
  GuardrailImageFormat
} from "@aws-sdk/client-bedrock-runtime"
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Media from "../converse/Media.ts"
import { providerName } from "../internal/provider.ts"
import * as Version from "./Version.ts"

/**
 * The content to check, and the guardrail.
 *
 * - `guardrail`: its id or ARN, and a version: a number, or `DRAFT`. An ARN is called in its own region.
 * - `source`: `input` for what a user wrote, `output` for what a model wrote.
 * - `content`: text, or parts. The qualifiers in the `guard` of a text give its role in the grounding checks:
 *   `grounding_source`, `query`, or `guard_content`, which is the content to check. Images are PNG or JPEG, given as
 *   bytes.
 * - `outputScope`: `full` also reports policies without findings; `interventions`, when missing, does not.
 */
export interface Request {
  readonly guardrail: { readonly id: string; readonly version: string }
  readonly source: "input" | "output"
  readonly content: string | ReadonlyArray<Message.TextPart | Message.ImagePart>
  readonly outputScope?: "interventions" | "full" | undefined
}

/** Encodes the request for the service; or names the invalid field, for a value of any type. */
export const encode = (
  request: Request
): Effect.Effect<ApplyGuardrailCommandInput, ProviderError.InvalidRequestError> =>
  Effect.map(
    Check.run(shape, request, { provider: providerName, whole: "request" }),
    ({ content, guardrail, outputScope, source }) => ({
      guardrailIdentifier: guardrail.id,
      guardrailVersion: guardrail.version,
      source: source === "input" ? "INPUT" : "OUTPUT",
      content: content.map(encodePart),
      ...(outputScope === undefined ? undefined : { outputScope: outputScope === "full" ? "FULL" : "INTERVENTIONS" })
    })
  )

const encodePart = (part: Part): GuardrailContentBlock =>
  part.type === "text"
    ? { text: { text: part.text.toWellFormed(), ...(typeof part.guard === "object" ? part.guard : undefined) } }
    : { image: { format: part.mediaType, source: part.source } }

/** A part that can be checked. Its other fields for models are ignored. */
type Part =
  | { readonly type: "text"; readonly text: string; readonly guard?: boolean | Qualified | undefined }
  | {
    readonly type: "image"
    readonly mediaType: GuardrailImageFormat
    readonly source: { readonly bytes: Uint8Array }
  }

interface Qualified {
  readonly qualifiers: Array<GuardrailContentQualifier>
}

const version: Check.Check<string> = (given, at) =>
  typeof given !== "string"
    ? Check.refuseKind(at, given, Version.remedy)
    : Version.isVersion(given)
    ? given
    : Check.refuse(at, "this is not a version of a guardrail", Version.remedy)

const qualifiers = Check.list(Check.word(["grounding_source", "query", "guard_content"]))

const qualified = Check.struct<Qualified>({
  qualifiers: (given, at) => {
    const words = qualifiers(given, at)
    return words === Check.refused ? words : [...words]
  }
})

const format: Check.Check<GuardrailImageFormat> = (given, at) => {
  const remedy = "Use image/png or image/jpeg"
  if (typeof given !== "string") return Check.refuseKind(at, given, remedy)
  return formats.find((known) => known === Media.formatOf(Media.image, given)) ??
    Check.refuse(at, "guardrails do not support images of this type", remedy)
}

const formats: ReadonlyArray<GuardrailImageFormat> = ["png", "jpeg"]

const bytes: Check.Check<Uint8Array> = (given, at) => {
  const found = Check.bytes(given, at)
  return found === Check.refused || found.length > 0
    ? found
    : Check.refuse(at, "it is empty", "Use the bytes of an image")
}

const parts = Check.list(
  Check.tagged<"type", Part>("type", {
    text: {
      text: Check.text,
      guard: Check.optional((given, at) => typeof given === "boolean" ? given : qualified(given, at))
    },
    image: { mediaType: format, source: Check.struct<{ readonly bytes: Uint8Array }>({ bytes }) }
  }, { others: "ignored", unknown: () => ["guardrails check text and images only", "Leave other parts out"] }),
  {
    remedy: "Give text, or parts with text and images"
  }
)

/** A request that may be any value. */
const shape = Check.struct({
  guardrail: Check.struct<Request["guardrail"]>({ id: Check.filled, version }, { others: "ignored" }),
  source: Check.word(["input", "output"]),
  content: (given: unknown, at: Check.Cursor): ReadonlyArray<Part> | Check.Refused => {
    const content = typeof given === "string" ? [{ type: "text" as const, text: given }] : parts(given, at)
    return content === Check.refused || content.length > 0
      ? content
      : Check.refuse(at, "there is no content to check", "Use text, or parts with text and images")
  },
  outputScope: Check.optional(Check.word(["interventions", "full"]))
}, { remedy: "Give an object with `guardrail`, `source` and `content`" })
