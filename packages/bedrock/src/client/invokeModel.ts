/**
 * Requests of InvokeModel and its stream, whose bodies are in the model's own format, and the headers of their answers.
 */
import {
  type InvokeModelCommandInput,
  type PayloadPart,
  PerformanceConfigLatency,
  ServiceTierType,
  Trace
} from "@aws-sdk/client-bedrock-runtime"
import type * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as GuardrailVersion from "../guardrail/Version.ts"
import { providerName } from "../internal/provider.ts"
import * as RequestMetadata from "../internal/requestMetadata.ts"
import type { Pairs } from "../RequestMetadata.ts"
import { type Head, requestId } from "../wire/ServiceError.ts"
import * as Shape from "../wire/Shape.ts"

/**
 * - `body`: the request in the model's own format, as text or bytes.
 * - `contentType`, `accept`: of the body and of the answer; `application/json` when missing.
 * - `guardrailIdentifier`, `guardrailVersion`: the guardrail to apply, both or none; `trace` includes its findings in
 *   the answer.
 * - `performanceConfigLatency`, `serviceTier`: how the service handles the request.
 * - `requestMetadata`: pairs of texts to find the request by in the log of model invocations.
 */
export interface Input {
  readonly modelId: string
  readonly body: string | Uint8Array
  readonly contentType?: string | undefined
  readonly accept?: string | undefined
  readonly trace?: Trace | undefined
  readonly guardrailIdentifier?: string | undefined
  readonly guardrailVersion?: string | undefined
  readonly performanceConfigLatency?: PerformanceConfigLatency | undefined
  readonly serviceTier?: ServiceTierType | undefined
  readonly requestMetadata?: Pairs | undefined
}

/**
 * Metadata in the headers of an answer; each is missing where the header is missing or invalid.
 *
 * - `contentType`: of the body, or of each chunk.
 * - `performanceConfigLatency`, `serviceTier`: how the service handled the request, as it names it.
 */
export interface Served {
  readonly requestId: string | undefined
  readonly contentType?: string | undefined
  readonly performanceConfigLatency?: string | undefined
  readonly serviceTier?: string | undefined
}

/**
 * The usage in the same headers; a stream has it in its last chunk instead. `latency` is measured by the service.
 */
export interface Metered {
  readonly inputTokens: number | undefined
  readonly outputTokens?: number | undefined
  readonly cacheReadTokens?: number | undefined
  readonly cacheWriteTokens?: number | undefined
  readonly latency: Duration.Duration | undefined
}

/** The SDK's input, or the problem with ours. All fields but the body are headers, which hold visible ASCII only. */
export const encode = <Id extends string | undefined>(
  input: Input & { readonly modelId: Id }
): Result.Result<InvokeModelCommandInput & { readonly modelId: Id }, ProviderError.InvalidRequestError> => {
  const problem = problems.find(({ field, isRight }) => !isRight(input[field], input))
  if (problem !== undefined) return refuse(problem)
  const { accept = "application/json", contentType = "application/json", requestMetadata, ...rest } = input
  if (requestMetadata === undefined) return Result.succeed({ ...rest, accept, contentType })
  const header = RequestMetadata.header(requestMetadata)
  if (Result.isFailure(header)) return refuse(header.failure)
  return Result.succeed({
    ...rest,
    accept,
    contentType,
    ...(header.success === undefined ? undefined : { requestMetadata: header.success })
  })
}

const refuse = ({ field, problem, remedy }: Check.Problem) =>
  Result.fail(ProviderError.invalidRequest({ provider: providerName, field, problem, remedy }))

/** The events of a stream by type. */
export const events = { chunk: Shape.structure<PayloadPart>({ bytes: Shape.bytes }) }

/** The metadata in the head of an answer. */
export const served = (head: Head): Served => ({
  requestId: requestId(head),
  contentType: head.headers["x-amzn-bedrock-content-type"] ?? head.headers["content-type"],
  performanceConfigLatency: head.headers["x-amzn-bedrock-performanceconfig-latency"],
  serviceTier: head.headers["x-amzn-bedrock-service-tier"]
})

/** The usage in the head of a complete answer. */
export const metered = ({ headers }: Head): Metered => {
  const latency = count(headers["x-amzn-bedrock-invocation-latency"])
  return {
    inputTokens: count(headers["x-amzn-bedrock-input-token-count"]),
    outputTokens: count(headers["x-amzn-bedrock-output-token-count"]),
    cacheReadTokens: count(headers["x-amzn-bedrock-cache-read-input-token-count"]),
    cacheWriteTokens: count(headers["x-amzn-bedrock-cache-write-input-token-count"]),
    latency: latency === undefined ? undefined : Duration.millis(latency)
  }
}

const count = (header: string | undefined): number | undefined => {
  const value = /^\d{1,16}$/.test(header ?? "") ? Number(header) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}

interface Rule {
  readonly field: keyof Input
  readonly isRight: (value: unknown, input: Input) => boolean
  readonly problem: string
  readonly remedy: string
}

const optional = (isRight: (value: unknown) => boolean) => (value: unknown): boolean =>
  value === undefined || isRight(value)

const headerText: Pick<Rule, "isRight" | "problem" | "remedy"> = {
  isRight: optional((value) => Predicate.isString(value) && /^[\x20-\x7e]+$/.test(value)),
  problem: "it is not valid in an HTTP header",
  remedy: "Use visible ASCII characters, or leave it out"
}

const oneOf = (words: Readonly<Record<string, string>>): Pick<Rule, "isRight" | "problem" | "remedy"> => ({
  isRight: optional((value) => Object.values<unknown>(words).includes(value)),
  problem: "Bedrock does not know this value",
  remedy: `Use ${Object.values(words).join(" or ")}, or leave it out`
})

const problems: ReadonlyArray<Rule> = [
  {
    field: "body",
    isRight: (value) => Predicate.isString(value) || value instanceof Uint8Array,
    problem: "it is neither text nor bytes",
    remedy: "Give a string, such as that of JSON.stringify, or a Uint8Array"
  },
  { field: "contentType", ...headerText },
  { field: "accept", ...headerText },
  { field: "trace", ...oneOf(Trace) },
  { field: "guardrailIdentifier", ...headerText },
  {
    field: "guardrailVersion",
    isRight: optional((value) => Predicate.isString(value) && GuardrailVersion.isVersion(value)),
    problem: "it is not a version of a guardrail",
    remedy: GuardrailVersion.remedy
  },
  {
    field: "guardrailVersion",
    isRight: (value, { guardrailIdentifier }) => value !== undefined || guardrailIdentifier === undefined,
    problem: "it is required with a guardrail",
    remedy: GuardrailVersion.remedy
  },
  {
    field: "guardrailIdentifier",
    isRight: (value, { guardrailVersion }) => value !== undefined || guardrailVersion === undefined,
    problem: "it is required with a guardrail version",
    remedy: "Give its id or its ARN"
  },
  { field: "performanceConfigLatency", ...oneOf(PerformanceConfigLatency) },
  { field: "serviceTier", ...oneOf(ServiceTierType) }
]
