/**
 * Guardrails of Amazon Bedrock on their own: judges a text or an image without asking a model.
 *
 * For the guardrail of a chat request see `guardrailConfig` in `BedrockChatOptions`, and `guardrail` in
 * `BedrockChatMetadata` for what it did.
 */
import type {
  ApplyGuardrailCommandOutput,
  GuardrailContentBlock,
  GuardrailImageFormat,
  GuardrailUsage
} from "@aws-sdk/client-bedrock-runtime"
import * as Check from "@strata/core/Check"
import type * as Message from "@strata/core/Message"
import * as ProviderError from "@strata/core/ProviderError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { BedrockClient } from "./BedrockClient.ts"
import * as Media from "./converse/Media.ts"
import * as Assessment from "./guardrail/Assessment.ts"
import { providerName } from "./internal/provider.ts"

export type { Action, Assessment, Level, Policy, Verdict } from "./guardrail/Assessment.ts"
export type { ChatGuardrail, Side } from "./guardrail/ChatGuardrail.ts"

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

/**
 * What a guardrail did.
 *
 * - `intervened`: whether it blocked or masked anything.
 * - `action`: which of the two; an intervention that nothing explains counts as `blocked`.
 * - `outputs`: what to show in place of the content, when it intervened: its message, or the masked text.
 * - `assessments`: what its policies found. `policies`: those that acted.
 * - `usage`: units of text each policy was charged for.
 * - `coverage`: how much of the content was looked at.
 * - `reason`: the service's own words for what it did.
 */
export interface Outcome {
  readonly intervened: boolean
  readonly action: Assessment.Action
  readonly outputs: ReadonlyArray<string>
  readonly assessments: ReadonlyArray<Assessment.Assessment>
  readonly policies: ReadonlyArray<Assessment.Policy>
  readonly usage: Usage
  readonly coverage: Coverage
  readonly reason?: string | undefined
  readonly requestId?: string | undefined
}

/** Units of work, as the service charges for them. A unit of text is up to 1000 characters. */
export interface Usage {
  readonly topicUnits: number
  readonly contentUnits: number
  readonly contentImageUnits: number
  readonly wordUnits: number
  readonly sensitiveInformationUnits: number
  readonly sensitiveInformationFreeUnits: number
  readonly groundingUnits: number
  readonly automatedReasoningUnits: number
}

/** What was looked at, of all there was; missing where the service does not say. */
export interface Coverage {
  readonly textCharacters?: { readonly guarded: number; readonly total: number } | undefined
  readonly images?: { readonly guarded: number; readonly total: number } | undefined
}

/**
 * Applies a guardrail. One attempt: retry with `Retry.standard` where that is wanted.
 *
 * Beside the errors of the client it fails with `InvalidRequestError`, before anything is sent, when there is nothing to
 * judge, or an image a guardrail does not take, and with `MalformedResponseError` when the answer tells no verdict.
 *
 * @example
 * const outcome = yield* Guardrail.apply({
 *   guardrail: { id: "gr7wxyz12345", version: "1" },
 *   source: "output",
 *   content: [
 *     { type: "text", text: manual, guard: { qualifiers: ["grounding_source"] } },
 *     { type: "text", text: question, guard: { qualifiers: ["query"] } },
 *     { type: "text", text: answer }
 *   ]
 * })
 */
export const apply = Effect.fn("Guardrail.apply")(function*(
  given: Request
): Effect.fn.Return<Outcome, ProviderError.ProviderError, BedrockClient> {
  const request = yield* Check.run(shape, given, { provider: providerName, whole: "request" })
  const client = yield* BedrockClient
  const content = yield* Effect.fromResult(encodeContent(request.content))
  const output = yield* client.applyGuardrail({
    guardrailIdentifier: request.guardrail.id,
    guardrailVersion: yield* Effect.fromResult(checkVersion(request.guardrail.version)),
    source: request.source === "input" ? "INPUT" : "OUTPUT",
    content,
    ...(request.outputScope === undefined
      ? undefined
      : { outputScope: request.outputScope === "full" ? "FULL" : "INTERVENTIONS" })
  })
  // What says nothing of a verdict, such as the empty answer of a proxy, has judged nothing.
  return output.action === undefined ? yield* noVerdict(output) : decode(output)
})

const spoken = Check.list(
  Check.tagged<"type", Message.TextPart | Message.ImagePart>("type", {
    text: {
      text: Check.text,
      citations: Check.unchecked(),
      guard: Check.optional((given, at) => typeof given === "boolean" ? given : qualified(given, at)),
      cache: Check.unchecked()
    },
    image: {
      mediaType: Check.text,
      source: Check.unchecked(),
      guard: Check.optional(Check.flag),
      cache: Check.unchecked()
    }
  }, { others: "ignored", unknown: () => ["a guardrail judges text and images", "Use `text` or `image`"] }),
  { remedy: "Give text, or an array of parts" }
)

const qualified = Check.struct<Exclude<Message.Guard, boolean>>({
  qualifiers: Check.list(Check.word(["grounding_source", "query", "guard_content"]))
})

/** A request that may be any value. */
const shape = Check.struct<Request>({
  guardrail: Check.struct<Request["guardrail"]>({ id: Check.filled, version: Check.text }, { others: "ignored" }),
  source: Check.word(["input", "output"]),
  content: (given, at) => typeof given === "string" ? given : spoken(given, at),
  outputScope: Check.optional(Check.word(["interventions", "full"]))
}, { remedy: "Give an object with `guardrail`, `source` and `content`" })

const noVerdict = ({ $metadata }: Partial<ApplyGuardrailCommandOutput>) =>
  new ProviderError.MalformedResponseError({
    provider: providerName,
    requestId: $metadata?.requestId,
    message: "Bedrock answered without a verdict of the guardrail"
  })

const encodeContent = (
  content: Request["content"]
): Result.Result<Array<GuardrailContentBlock>, ProviderError.InvalidRequestError> => {
  const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : content
  return parts.length === 0
    ? Result.fail(invalid("content", "there is nothing to judge", "Give it text or an image"))
    : Result.all(parts.map((part, index) => encodePart(part, `content[${index}]`)))
}

const encodePart = (
  part: Message.TextPart | Message.ImagePart,
  field: string
): Result.Result<GuardrailContentBlock, ProviderError.InvalidRequestError> => {
  if (part.type === "text") {
    const qualifiers = typeof part.guard === "object" ? [...part.guard.qualifiers] : undefined
    return Result.succeed({ text: { text: part.text, ...(qualifiers === undefined ? undefined : { qualifiers }) } })
  }
  const format = formats.find((known) => known === Media.formatOf(Media.image, part.mediaType))
  if (format === undefined) {
    return Result.fail(
      invalid(`${field}.mediaType`, `a guardrail does not judge "${part.mediaType}"`, "Use image/png or image/jpeg")
    )
  }
  const source = Check.settle(Check.struct<{ readonly bytes: Uint8Array }>({ bytes: Check.bytes }), part.source)
  return Result.isSuccess(source) && source.success.bytes.length > 0
    ? Result.succeed({ image: { format, source: { bytes: source.success.bytes } } })
    : Result.fail(invalid(`${field}.source`, "a guardrail wants the bytes of an image", "Give them in `bytes`"))
}

const formats: ReadonlyArray<GuardrailImageFormat> = ["png", "jpeg"]

const checkVersion = (version: string): Result.Result<string, ProviderError.InvalidRequestError> =>
  /^(?:[1-9][0-9]{0,7}|DRAFT)$/.test(version)
    ? Result.succeed(version)
    : Result.fail(
      invalid("guardrail.version", `${JSON.stringify(version)} is no version`, "Use a number from 1, or `DRAFT`")
    )

const invalid = (field: string, problem: string, remedy: string) =>
  ProviderError.invalidRequest({ provider: providerName, field, problem, remedy })

/** Total: the SDK types fields as present that the service may leave out. */
const decode = (output: Partial<ApplyGuardrailCommandOutput>): Outcome => {
  const assessments = (output.assessments ?? []).flatMap(Assessment.decode)
  const intervened = output.action === "GUARDRAIL_INTERVENED"
  const found = Assessment.actionOf(assessments)
  return {
    intervened,
    action: intervened && found === "none" ? "blocked" : found,
    outputs: (output.outputs ?? []).flatMap(({ text }) => text === undefined ? [] : [text]),
    assessments,
    policies: Assessment.policiesOf(assessments),
    usage: decodeUsage(output.usage),
    coverage: {
      ...covered("textCharacters", output.guardrailCoverage?.textCharacters),
      ...covered("images", output.guardrailCoverage?.images)
    },
    ...(output.actionReason === undefined ? undefined : { reason: output.actionReason }),
    ...(output.$metadata?.requestId === undefined ? undefined : { requestId: output.$metadata.requestId })
  }
}

const decodeUsage = (usage: Partial<GuardrailUsage> | undefined): Usage => ({
  topicUnits: usage?.topicPolicyUnits ?? 0,
  contentUnits: usage?.contentPolicyUnits ?? 0,
  contentImageUnits: usage?.contentPolicyImageUnits ?? 0,
  wordUnits: usage?.wordPolicyUnits ?? 0,
  sensitiveInformationUnits: usage?.sensitiveInformationPolicyUnits ?? 0,
  sensitiveInformationFreeUnits: usage?.sensitiveInformationPolicyFreeUnits ?? 0,
  groundingUnits: usage?.contextualGroundingPolicyUnits ?? 0,
  automatedReasoningUnits: usage?.automatedReasoningPolicyUnits ?? 0
})

const covered = (
  key: keyof Coverage,
  counts: { readonly guarded?: number | undefined; readonly total?: number | undefined } | undefined
): Coverage => counts === undefined ? {} : { [key]: { guarded: counts.guarded ?? 0, total: counts.total ?? 0 } }
