/**
 * Limits of a request by the service model, checked part by part before anything is sent: sizes, lengths, patterns.
 *
 * The number of images and documents is checked by `ModelCatalog.check`, names and ids of a conversation by `History`;
 * pixels, pages and seconds are checked by the service.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { BedrockChatOptions } from "../BedrockOptions.ts"
import type * as Capabilities from "../catalog/Capabilities.ts"
import { providerName } from "../internal/provider.ts"
import type { Place } from "./Block.ts"
import * as OptionShape from "./OptionShape.ts"

type Checked = Result.Result<void, ProviderError.InvalidRequestError>

/** A problem with one field. */
interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/** Checks one part. `limits` are those of the model; without them only what holds for every model is checked. */
export const checkPart = (part: Message.Part, place: Place, limits: Capabilities.Limits = {}): Checked =>
  settle(place.model, partProblem(part, place.field, limits))

/** Checks the options of a request, including `providerOptions.bedrock`. */
export const checkOptions = (request: ChatRequest.Resolved): Checked => {
  const own = request.providerOptions?.bedrock ?? undefined
  const problem = modelProblem(request.model) ??
    (own === undefined ? undefined : shapeProblem(own)) ??
    inferenceProblem(request, "")
  if (own === undefined || problem !== undefined) return settle(request.model, problem)
  return settle(
    request.model,
    inferenceProblem(own.inferenceConfig ?? {}, "providerOptions.bedrock.inferenceConfig.") ??
      pathsProblem(
        own.additionalModelResponseFieldPaths,
        "providerOptions.bedrock.additionalModelResponseFieldPaths"
      ) ??
      guardrailProblem(own.guardrailConfig, "providerOptions.bedrock.guardrailConfig")
  )
}

const settle = (model: string, problem: Problem | undefined): Checked =>
  problem === undefined
    ? Result.void
    : Result.fail(ProviderError.invalidRequest({ provider: providerName, model, ...problem }))

const shapeProblem = (own: BedrockChatOptions): Problem | undefined =>
  Option.getOrUndefined(Result.getFailure(Check.settle(OptionShape.check, own, { field: "providerOptions.bedrock" })))

const partProblem = (part: Message.Part, field: string, limits: Capabilities.Limits): Problem | undefined => {
  switch (part.type) {
    case "text":
      return first(part.citations, (citation, index) => citationProblem(citation, `${field}.citations[${index}]`))
    case "image":
      return sourceProblem(part.source, `${field}.source`, limits.imageBytes)
    case "document":
      return lengthProblem(part.name, `${field}.name`, 200) ??
        sourceProblem(part.source, `${field}.source`, limits.documentBytes)
    case "video":
    case "audio":
      return sourceProblem(part.source, `${field}.source`, undefined)
    case "tool-call":
      return idProblem(part.id, `${field}.id`) ?? nameProblem(part.name, `${field}.name`)
    case "tool-result":
      return idProblem(part.id, `${field}.id`) ??
        first(part.parts, (inner, index) => partProblem(inner, `${field}.parts[${index}]`, limits))
    case "tool-addition":
    case "tool-removal":
      return lengthProblem(part.name, `${field}.name`, 128) ??
        lengthProblem(part.serverName, `${field}.serverName`, 128) ??
        lengthProblem(part.kind, `${field}.kind`, 64)
    case "provider":
      return Predicate.isObject(part.value) ? undefined : {
        field: `${field}.value`,
        problem: "this is not a content block of Converse",
        remedy: "Use an object such as `{ text: \"…\" }`"
      }
    case "reasoning":
    case "search-result":
    case "json":
      return undefined
  }
}

const sourceProblem = (
  source: Message.DocumentSource,
  field: string,
  mostBytes: number | undefined
): Problem | undefined => {
  if ("bytes" in source) {
    const { length } = source.bytes
    if (length === 0) return { field: `${field}.bytes`, problem: "it is empty", remedy: "Leave the part out" }
    return mostBytes === undefined || length <= mostBytes ? undefined : {
      field: `${field}.bytes`,
      problem: `${megabytes(length)} MB exceed the model's maximum of ${megabytes(mostBytes)} MB`,
      remedy: "Make it smaller, or split it"
    }
  }
  if (!("uri" in source)) return undefined
  if (source.uri.length > 1024 || !s3Uri.test(source.uri)) {
    return {
      field: `${field}.uri`,
      problem: "this is not an S3 URI",
      remedy: "Use s3://bucket/key, at most 1024 characters, or give the `bytes`"
    }
  }
  return source.bucketOwner === undefined || /^[0-9]{12}$/.test(source.bucketOwner) ? undefined : {
    field: `${field}.bucketOwner`,
    problem: "this is not an AWS account id",
    remedy: "Use its 12 digits"
  }
}

const s3Uri = /^s3:\/\/[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](?:\/.*)?$/s

/** Two decimals, rounded up so that a size above the limit never looks equal to it. */
const megabytes = (bytes: number): number => Math.ceil(bytes / 10_000) / 100

const citationProblem = ({ location }: Message.Citation, field: string): Problem | undefined =>
  first(
    Object.entries(location ?? {}),
    ([key, value]) =>
      typeof value !== "number" || Number.isSafeInteger(value) && value >= 0 ? undefined : {
        field: `${field}.location.${key}`,
        problem: `${value} is not a position`,
        remedy: "Use a whole number from 0"
      }
  )

const idProblem = (id: string, field: string): Problem | undefined =>
  /^[a-zA-Z0-9_.:-]{1,64}$/.test(id) ? undefined : {
    field,
    problem: "this is not a tool call id",
    remedy: "Use 1 to 64 letters, digits and characters of `_.:-`"
  }

const nameProblem = (name: string, field: string): Problem | undefined =>
  /^[a-zA-Z0-9_-]{1,64}$/.test(name) ? undefined : {
    field,
    problem: `${JSON.stringify(name)} is not a tool name`,
    remedy: "Use 1 to 64 letters, digits, underscores and hyphens"
  }

const lengthProblem = (text: string | undefined, field: string, most: number): Problem | undefined =>
  text === undefined || text.length > 0 && text.length <= most ? undefined : {
    field,
    problem: `it has ${text.length} characters`,
    remedy: `Use 1 to ${most}`
  }

const modelProblem = (model: string): Problem | undefined =>
  model.length <= 2048 && modelId.test(model) ? undefined : {
    field: "model",
    problem: "this is not a model id",
    remedy: "Use a model id, an inference profile id, or an ARN"
  }

const modelId =
  /^(?:[a-zA-Z0-9._:-]+|arn:aws(?:-[^:]+)?:(?:bedrock|sagemaker):[a-z0-9-]{1,20}:(?:[0-9]{12})?:[a-z-]+\/[a-zA-Z0-9._:/-]+)$/

const stopProblem = (sequences: ReadonlyArray<string> | undefined, field: string): Problem | undefined =>
  sequences !== undefined && sequences.length > 2500
    ? { field, problem: `${sequences.length} exceed the maximum of 2500`, remedy: "Leave some of them out" }
    : first(sequences, (sequence, index) =>
      sequence.length > 0
        ? undefined
        : { field: `${field}[${index}]`, problem: "the text is empty", remedy: "Leave it out" })

const inferenceProblem = (
  { maxTokens, stopSequences, temperature, topP }: Pick<
    ChatRequest.Resolved,
    "maxTokens" | "temperature" | "topP" | "stopSequences"
  >,
  prefix: string
): Problem | undefined =>
  countProblem(maxTokens, `${prefix}maxTokens`) ??
    fractionProblem(temperature, `${prefix}temperature`) ??
    fractionProblem(topP, `${prefix}topP`) ??
    stopProblem(stopSequences, `${prefix}stopSequences`)

const countProblem = (value: number | undefined, field: string): Problem | undefined =>
  value === undefined || value >= 1 && Number.isSafeInteger(value)
    ? undefined
    : { field, problem: `${value} is out of range`, remedy: "Use a whole number from 1" }

const fractionProblem = (value: number | undefined, field: string): Problem | undefined =>
  value === undefined || value >= 0 && value <= 1
    ? undefined
    : { field, problem: `${value} is out of range`, remedy: "Use a number from 0 to 1" }

const pathsProblem = (
  paths: BedrockChatOptions["additionalModelResponseFieldPaths"],
  field: string
): Problem | undefined =>
  paths !== undefined && paths.length > 10
    ? { field, problem: `${paths.length} exceed the maximum of 10`, remedy: "Leave some of them out" }
    : first(paths, (path, index) =>
      path.startsWith("/") && path.length > 1 && path.length <= 256 ? undefined : {
        field: `${field}[${index}]`,
        problem: `${JSON.stringify(path)} is not a JSON Pointer`,
        remedy: "Write it like \"/stop_sequence\", with at most 256 characters"
      })

const guardrailProblem = (
  config: BedrockChatOptions["guardrailConfig"],
  field: string
): Problem | undefined => {
  const { guardrailIdentifier: id = "", guardrailVersion: version = "" } = config ?? {}
  if (!guardrailId.test(id) || id.length > 2048) {
    return {
      field: `${field}.guardrailIdentifier`,
      problem: "this is not a guardrail id",
      remedy: "Use its id or its ARN"
    }
  }
  return /^(?:[1-9][0-9]{0,7}|DRAFT)?$/.test(version) ? undefined : {
    field: `${field}.guardrailVersion`,
    problem: `${JSON.stringify(version)} is not a version`,
    remedy: "Use a number from 1, or `DRAFT`"
  }
}

const guardrailId = /^(?:[a-z0-9]*|arn:aws(?:-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail\/[a-z0-9]+)$/

const first = <A>(
  values: ReadonlyArray<A> | undefined,
  problem: (value: A, index: number) => Problem | undefined
): Problem | undefined => {
  if (values === undefined) return undefined
  for (const [index, value] of values.entries()) {
    const found = problem(value, index)
    if (found !== undefined) return found
  }
}
