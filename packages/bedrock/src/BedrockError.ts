/**
 * Maps AWS errors to Strata's: the only place that knows the names of AWS exceptions.
 *
 * Network failures are classified in `error/NetworkError.ts`, validation texts in `error/ValidationText.ts`. An
 * exception of the SDK holds the whole exchange, headers included; only its name, its text and the request id are kept.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as AccountText from "./error/AccountText.ts"
import * as ErrorChain from "./error/ErrorChain.ts"
import { type Context, type Facts, read } from "./error/Facts.ts"
import * as Failure from "./error/Failure.ts"
import * as Gateway from "./error/Gateway.ts"
import * as NetworkError from "./error/NetworkError.ts"
import * as ValidationText from "./error/ValidationText.ts"
import { providerName } from "./internal/provider.ts"

export type { Context } from "./error/Facts.ts"

/**
 * The typed error for any failure of the SDK, the network or a credential provider. Never throws; a
 * {@link ProviderError.CallError} is returned as it is.
 *
 * Where several types would fit:
 *
 * - throttling per day is a `QuotaExceededError`: a short wait does not help;
 * - an unavailable service is a `ModelUnavailableError` for the model of the call;
 * - an untrusted certificate is an `InvalidRequestError` of the field `endpoint`: retries do not help; so is the answer of
 *   a gateway or a proxy on the way, unless its status may pass, which is a `ConnectionError`;
 * - a proxy that refuses to let the request through is an `InvalidRequestError` of the field `proxy`;
 * - a stream cut inside an event is a `ConnectionError`, one with a wrong checksum a `MalformedResponseError`;
 * - a stream aborted by the model is a `ProviderInternalError`, unless the model refused the request itself.
 */
export const fromUnknown = (error: unknown, context: Context = {}): ProviderError.CallError =>
  ProviderError.isCallError(error)
    ? error
    : Result.getOrElse(
      // A getter or a proxy among the causes must not turn a failure into a defect.
      Result.flatMap(
        Check.settle(contextOf, context),
        (context) =>
          Result.orElse(
            Result.try(() => classify(read(error, context))),
            () => Result.try(() => unknown(read(undefined, context)))
          )
      ),
      () => unknown(read(undefined, {}))
    )

/** When this cannot be read, nothing is known to be confidential. */
const contextOf: Check.Check<Context> = Check.partial({
  model: Check.text,
  who: Check.text,
  requestId: Check.text,
  region: Check.text,
  server: Check.text,
  proxy: Check.text,
  secrets: Check.list(Check.text),
  request: Check.unchecked()
}, { others: "ignored" })

/** Whether AWS (Bedrock, or STS for the source of a role) refused credentials in a way that renewal may fix. */
export const isRenewable: (error: ProviderError.AuthenticationError) => boolean = Check.total(
  // Bedrock's refusal of an API key; the `AccessDenied` of STS is a policy.
  ({ exception = "" }) => exception === "AccessDeniedException" || renewable.has(exception.replace(/Exception$/, "")),
  () => false
)

/** Whether an object of S3, or an upload, is not there. */
export const isMissing: (error: ProviderError.CallError) => boolean = Check.total(
  ({ exception = "" }) => missing.has(exception),
  () => false
)

const missing: ReadonlySet<string> = new Set(["NoSuchKey", "NoSuchUpload", "NotFound"])

/**
 * The time of the service, in milliseconds since 1970, when it refused a signature because of its date. It is read
 * from its words, "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5
 * min.)", or from the date of its answer.
 */
export const timeOfService: (error: ProviderError.AuthenticationError) => number | undefined = Check.total((error) => {
  const dated = skewed.get(error)
  if (dated !== undefined) return dated
  const { exception, providerMessage: words = "" } = error
  if (exception === undefined || !/Signature (?:expired|not yet current)/.test(words)) return undefined
  const [, date, hours, minutes, seconds] = /\((\d{8})T(\d\d)(\d\d)(\d\d)Z [-+] \d+ min/.exec(words) ?? []
  if (date === undefined) return undefined
  const day = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`
  const time = Date.parse(`${day}T${hours}:${minutes}:${seconds}Z`)
  return Number.isNaN(time) ? undefined : time
}, () => undefined)

/** Whether the SDK found no region. */
export const isRegionMissing: (error: unknown) => boolean = Check.total(
  (error) => Predicate.isError(error) && error.message === "Region is missing",
  () => false
)

type Classify = (facts: Facts) => ProviderError.CallError

const classify: Classify = (facts) =>
  exceptions.get(facts.name)?.(facts) ??
    NetworkError.classify(facts) ??
    byText(facts) ??
    (facts.status === undefined ? undefined : Gateway.classify(facts, facts.status) ?? byStatus(facts, facts.status)) ??
    unknown(facts)

const authentication = (remedy: string, problem?: string): Classify => (facts) => {
  const error = new ProviderError.AuthenticationError({
    // The lines after the first quote the request, with its signature and its session token.
    ...Failure.toFields({ ...facts, words: ErrorChain.firstLine(facts.words) }, remedy, problem),
    cause: facts.status === undefined ? ErrorChain.toError(facts.chain) : undefined
  })
  if (facts.date !== undefined && datedNames.has(facts.name)) skewed.set(error, facts.date)
  return error
}

/** Refusals because of the date of a request whose words do not say the right one, by name without `Exception`. */
const datedNames: ReadonlySet<string> = new Set(["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"])

/** The dates of their answers. */
const skewed = new WeakMap<ProviderError.AuthenticationError, number>()

const accessDenied: Classify = (facts) => {
  const { raw } = facts
  if (/api key|bearer token|authentication failed|security token/i.test(raw)) {
    return authentication("Check the API key: it may be mistyped, expired, or for another region")(facts)
  }
  const action = /not authorized to perform: ([\w-]+:\w+)/.exec(raw)?.[1] ?? "the call"
  return AccountText.classify(facts) ?? new ProviderError.PermissionDeniedError(
    Failure.toFields(facts, `Allow ${action} in the IAM policies of the credentials`)
  )
}

const raiseQuota = "ask for a higher quota in Service Quotas"

const throttled: Classify = (facts) =>
  /per day/i.test(facts.raw)
    ? quotaExceeded(facts)
    : new ProviderError.RateLimitError({
      ...Failure.toFields(facts, `Send fewer requests or tokens a minute, or ${raiseQuota}`),
      retryAfter: facts.retryAfter
    })

const notFound: Classify = (facts) =>
  AccountText.classify(facts) ?? (/guardrail/i.test(facts.raw)
    ? invalidField(facts, "guardrailConfig", "Check the id and the version of the guardrail, and the region")
    : new ProviderError.ModelNotFoundError(Failure.toFields(facts, Failure.modelRemedy)))

/** An object, an upload or a bucket. A question for the head of an object is refused without words. */
const noObject: Classify = (facts) =>
  invalidField(facts, "bucket", "Check the bucket and the key, and the account that owns them")

/** A bucket is asked at the endpoint of another region. */
const otherRegion: Classify = (facts) =>
  invalidField(facts, "s3.region", "Use buckets in the region of the model, or set `s3.region` to that of the buckets")

const modelFailed: Classify = (facts) =>
  new ProviderError.ModelFailedError({
    ...Failure.toFields(facts, "Change the request, or use another model"),
    originalStatus: facts.originalStatus
  })

const modelStreamFailed: Classify = (facts) =>
  facts.originalStatus !== undefined && facts.originalStatus < 500 ? modelFailed(facts) : internal(facts)

const internal: Classify = (facts) =>
  new ProviderError.ProviderInternalError({
    ...Failure.toFields(facts, "Send the request again; if it keeps failing, ask AWS support"),
    retryAfter: facts.retryAfter
  })

const unavailable: Classify = (facts) =>
  new ProviderError.ModelUnavailableError({
    ...Failure.toFields(facts, "Send the request later, or use another model or region"),
    retryAfter: facts.retryAfter
  })

const timedOut: Classify = (facts) =>
  new ProviderError.TimeoutError({
    ...Failure.toFields(facts, "Stream the answer, or ask for a shorter one"),
    phase: "model"
  })

const quotaExceeded: Classify = (facts) =>
  new ProviderError.QuotaExceededError(
    Failure.toFields(facts, `Wait until the quota is renewed, or ${raiseQuota}`)
  )

const invalid: Classify = (facts) =>
  new ProviderError.InvalidRequestError(Failure.toFields(facts, "Correct the request"))

const invalidField = (facts: Facts, field: string, remedy: string) =>
  new ProviderError.InvalidRequestError({ ...Failure.toFields(facts, remedy), field, remedy })

const malformed: Classify = (facts) =>
  new ProviderError.MalformedResponseError({
    ...Failure.toFields(facts, Failure.malformedRemedy, "the answer cannot be decoded"),
    providerMessage: undefined
  })

// An exception without a status came inside a stream, under a name newer than this table.
const unknown: Classify = (facts) =>
  /[a-z]Exception$/.test(facts.exception ?? "")
    ? internal(facts)
    : new ProviderError.MalformedResponseError(Failure.toFields(facts, Failure.malformedRemedy))

const login = "Set `credentials`, `profile` or `apiKey`, or in the environment AWS_ACCESS_KEY_ID and " +
  "AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK"

const keys = "Check the secret access key, and the clock of this machine"

const unknownKeys = "Check the credentials: AWS does not know them, or not in this region"

/**
 * By name without `Exception`. Names missing in the service model come from the gateway in front of it, or from STS.
 */
const exceptions: ReadonlyMap<string, Classify> = new Map<string, Classify>([
  ["AccessDenied", accessDenied],
  ["Conflict", invalid],
  ["InternalServer", internal],
  ["ModelError", modelFailed],
  ["ModelNotReady", unavailable],
  ["ModelStreamError", modelStreamFailed],
  ["ModelTimeout", timedOut],
  ["ResourceNotFound", notFound],
  ["ServiceQuotaExceeded", quotaExceeded],
  ["ServiceUnavailable", unavailable],
  ["Throttling", throttled],
  ["Validation", (facts) => AccountText.classify(facts) ?? ValidationText.classify(facts)],

  ["ExpiredToken", authentication("Renew the credentials")],
  ["RequestExpired", authentication("Renew the credentials, and check the clock of this machine")],
  ["UnrecognizedClient", authentication(unknownKeys)],
  ["InvalidClientTokenId", authentication(unknownKeys)],
  ["InvalidSignature", authentication(keys)],
  ["SignatureDoesNotMatch", authentication(keys)],
  ["IncompleteSignature", authentication(keys)],
  ["RequestInTheFuture", authentication(keys)],
  ["RequestTimeTooSkewed", authentication(keys)],
  ["MissingAuthenticationToken", authentication(login)],
  ["MissingAuthToken", authentication(login)],
  ["CredentialsProviderError", authentication(login)],
  ["TokenProviderError", authentication(login)],
  ["ProviderError", authentication(login)],
  ["InternalFailure", internal],
  ["InternalServerError", internal],
  ["LimitExceeded", quotaExceeded],
  ["OptInRequired", accessDenied],
  ["ProvisionedThroughputExceeded", throttled],
  ["RequestLimitExceeded", throttled],
  ["RequestThrottled", throttled],
  ["Throttled", throttled],
  ["TooManyRequests", throttled],
  ["UnknownOperation", invalid],

  // Of S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
  ["AuthorizationHeaderMalformed", otherRegion],
  ["BadDigest", internal],
  ["IllegalLocationConstraint", otherRegion],
  ["InternalError", internal],
  ["InvalidAccessKeyId", authentication(unknownKeys)],
  ["InvalidToken", authentication("Renew the credentials")],
  ["NoSuchBucket", noObject],
  ["NoSuchKey", noObject],
  ["NoSuchUpload", noObject],
  ["NotFound", noObject],
  ["OperationAborted", internal],
  ["PermanentRedirect", otherRegion],
  ["RequestTimeout", internal],
  ["SlowDown", throttled]
])

/** Refusals of credentials, by name without `Exception`. */
const renewable: ReadonlySet<string> = new Set([
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "InvalidSignature",
  "InvalidToken",
  "RequestExpired",
  "SignatureDoesNotMatch",
  "UnrecognizedClient"
])

/** Errors of the SDK without a name of their own, classified by their text. */
const byText = (facts: Facts): ProviderError.CallError | undefined => {
  const { asked: { model }, chain, name, raw, status } = facts
  if (/^Region (?:is missing|not accepted)|expected `region` to be configured/.test(raw)) {
    return invalidField(facts, "region", "Set `region`, or AWS_REGION in the environment")
  }
  const unsupportedEndpoint = /^Invalid Configuration: (FIPS|Dualstack) and custom endpoint/i.exec(raw)?.[1]
  if (unsupportedEndpoint !== undefined) {
    const variable = unsupportedEndpoint === "FIPS" ? "AWS_USE_FIPS_ENDPOINT" : "AWS_USE_DUALSTACK_ENDPOINT"
    return ProviderError.invalidRequest({
      provider: providerName,
      model,
      field: "endpoint",
      problem: `a custom endpoint cannot be combined with ${variable}, which chooses an endpoint of AWS`,
      remedy: `Unset ${variable}, also in the profile, or leave \`endpoint\` out`
    })
  }
  if (raw.startsWith("No value provided for input HTTP label: modelId")) {
    return invalidField(facts, "model", "Set `model` on the layer or on the request")
  }
  if (chain.some(({ code }) => code === "ERR_INVALID_CHAR")) {
    const problem = "the API key or a credential contains a character that is not valid in an HTTP header"
    return authentication("Remove it, such as a line break at the end", problem)(facts)
  }
  if (chain.some(({ code }) => code === "ERR_INVALID_URL")) {
    return ProviderError.invalidRequest({
      provider: providerName,
      model,
      field: "endpoint",
      problem: "it is not a URL",
      remedy: "Give one such as https://bedrock.example.com"
    })
  }
  const success = status === undefined || status < 400
  // A `TypeError` after a response was received is the SDK's: the response has another shape than it expects.
  const unreadable = unreadableName.has(name) || unreadableText.test(raw) ||
    (name === "TypeError" && status !== undefined)
  return success && unreadable ? malformed(facts) : undefined
}

const unreadableName: ReadonlySet<string> = new Set(["SyntaxError", "RangeError"])

const unreadableText = /checksum|Provided message too short|does not match received message length|Unrecognizable event/

const byStatus = (facts: Facts, status: number): ProviderError.CallError | undefined => {
  if (status < 400) return undefined
  if (status === 401) return authentication(login)(facts)
  if (status === 402) return quotaExceeded(facts)
  if (status === 403) return accessDenied(facts)
  if (status === 404) return notFound(facts)
  if (status === 408 || status === 504) return timedOut(facts)
  if (status === 424) return modelFailed(facts)
  if (status === 429) return throttled(facts)
  if (status === 503 || status === 529) return unavailable(facts)
  return status < 500 ? invalid(facts) : internal(facts)
}
