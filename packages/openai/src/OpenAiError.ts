/**
 * Maps the errors of servers to Strata's: the only place that knows their names. Bodies are read in `error/Facts.ts`, failures
 * of the network in `error/Network.ts`.
 *
 * - `insufficient_quota`, limits per day, and a request larger than a limit per minute are `QuotaExceededError`: waiting a
 *   little does not help; other refusals with status 429 are `RateLimitError`.
 * - A page instead of JSON is an error whatever its status: the base URL leads elsewhere. It names the URL that was called.
 * - A prompt that a content filter withheld is no failure of a chat call, but an answer with the finish reason `content-filter`;
 *   see {@link filterOf}.
 */
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import type { Head } from "./client/Answer.ts"
import * as ErrorFacts from "./error/Facts.ts"
import type { Facts } from "./error/Facts.ts"
import * as Filtered from "./error/Filtered.ts"
import * as TooLong from "./error/TooLong.ts"
import * as Waiting from "./error/Waiting.ts"
import * as Wording from "./error/Wording.ts"
import type { ContentFilter } from "./OpenAiOptions.ts"

/** Who was asked. `secrets` and the content of `request`, the body that was sent, do not appear in messages. */
export type Asked = ErrorFacts.Asked

/**
 * The error of an answer: its head, and its body as text or as JSON. `now` is the time in milliseconds since 1970, for hints that are
 * dates. Never throws.
 */
export const fromAnswer: (asked: Asked, head: Head, body: unknown, now: number) => ProviderError.CallError = Check
  .total(
    (asked, head, body, now) =>
      classify(
        typeof body === "string" ? ErrorFacts.ofText(asked, head, body) : ErrorFacts.ofJson(asked, head, body),
        now
      ),
    () =>
      new ProviderError.MalformedResponseError({
        provider: "openai",
        message: "The error of the server cannot be read."
      })
  )

/** What a content filter found, if it refused the prompt of the call that failed with this error. */
export const filterOf: (error: ProviderError.ProviderError) => ContentFilter | undefined = Check.total(
  Filtered.of,
  () => undefined
)

/** An answer that is none; `problem` has no period. */
export const malformed = (
  asked: Asked,
  requestId: string | undefined,
  problem: string,
  remedy = "Send the request again; if it happens again, check the server and the proxies on the way"
): ProviderError.MalformedResponseError =>
  new ProviderError.MalformedResponseError({
    provider: asked.provider,
    model: asked.model,
    server: asked.server,
    requestId,
    message: Wording.message({ ...asked, requestId }, problem, remedy)
  })

type Classify = (facts: Facts, now: number) => ProviderError.CallError

const classify: Classify = (facts, now) => {
  if (facts.html) return page(facts, now)
  const filter = Filtered.read(facts)
  if (filter !== undefined) {
    const remedy = "Change the prompt, or the filter of the deployment"
    return Filtered.mark(
      new ProviderError.InvalidRequestError({ ...Wording.fields(facts, remedy), field: "messages" }),
      filter
    )
  }
  if (facts.status < 500 && facts.status !== 429 && TooLong.isTooLong(facts)) return tooLong(facts, now)
  for (const code of facts.codes) {
    const known = byCode.get(code)
    // A code such as `rate_limit_exceeded` says more than the status, except that access is denied; AWS refuses credentials with 403 as well.
    if (known !== undefined && (facts.status !== 403 || known === authentication)) return known(facts, now)
  }
  return byStatus(facts, now)
}

/** A page of a gateway may pass; others are not those of an API. */
const page: Classify = (facts, now) => {
  const { asked, status } = facts
  const problem = `${asked.url ?? "the server"} answered with a page, status ${status}: "${facts.words}"`
  if (status >= 500) {
    const fields = Wording.fields(facts, "Send the request again, or check the server", problem)
    return new ProviderError.ConnectionError({ ...fields, retryAfter: Waiting.retryAfter(facts, now) })
  }
  if (status === 401 || status === 403 || status === 429) return byStatus({ ...facts, html: false }, now)
  const fields = Wording.fields(facts, "Check the base URL: most servers want `/v1` at its end", problem)
  return status < 300
    ? new ProviderError.MalformedResponseError(fields)
    : new ProviderError.InvalidRequestError({ ...fields, field: "baseUrl" })
}

const tooLong: Classify = (facts) =>
  new ProviderError.ContextLengthExceededError({
    ...Wording.fields(facts, "Shorten the input, or use a model with a larger context window"),
    field: facts.param,
    measured: TooLong.measured(facts)
  })

const quota: Classify = (facts) =>
  new ProviderError.QuotaExceededError(Wording.fields(facts, "Raise the limit of the account, or check its billing"))

const rate: Classify = (facts, now) => {
  const [, limit, requested] =
    /Limit:? ([\d,]+)[^.]*Requested:? ([\d,]+)/i.exec(facts.raw)?.map((text) => text.replaceAll(",", "")) ?? []
  return /per day|\((?:RPD|TPD)\)|exceeded your current quota|budget has been exceeded/i.test(facts.raw) ||
      Number(requested) > Number(limit)
    ? quota(facts, now)
    : new ProviderError.RateLimitError({
      ...Wording.fields(facts, "Send fewer requests, set a `quota` in the policy, or ask for a higher limit"),
      retryAfter: Waiting.retryAfter(facts, now)
    })
}

const authentication: Classify = (facts) =>
  new ProviderError.AuthenticationError(Wording.fields(facts, "Check the API key, and that it is of this server"))

const permission: Classify = (facts) =>
  new ProviderError.PermissionDeniedError(Wording.fields(facts, "Allow the key, or its project, to use the model"))

const noModel: Classify = (facts) =>
  new ProviderError.ModelNotFoundError(Wording.fields(facts, "Check the name of the model, and that the server has it"))

const unsupported: Classify = (facts) =>
  new ProviderError.UnsupportedFeatureError({
    ...Wording.fields(facts, "Leave it out, or use another model"),
    field: facts.param,
    feature: facts.param ?? "a parameter of the request"
  })

const invalid: Classify = (facts) =>
  /\bmodel\b.{0,80}\b(not found|does not exist|not exist|not available)|no models? loaded/is.test(facts.raw)
    ? noModel(facts, 0)
    : new ProviderError.InvalidRequestError({
      ...Wording.fields(facts, "Correct the request"),
      field: facts.param
    })

const internal: Classify = (facts, now) =>
  new ProviderError.ProviderInternalError({
    ...Wording.fields(facts, "Send the request again"),
    retryAfter: Waiting.retryAfter(facts, now)
  })

const unavailable: Classify = (facts, now) =>
  new ProviderError.ModelUnavailableError({
    ...Wording.fields(facts, "Wait, or use another model"),
    retryAfter: Waiting.retryAfter(facts, now)
  })

const timeout: Classify = (facts) =>
  new ProviderError.TimeoutError({ ...Wording.fields(facts, "Ask for a shorter answer, or stream it"), phase: "model" })

/** Of OpenAI; of Azure, in camel case; of AWS, as exceptions; of LiteLLM and other gateways. */
const byCode: ReadonlyMap<string, Classify> = new Map(
  ([
    [
      quota,
      "insufficient_quota billing_hard_limit_reached billing_not_active budget_exceeded insufficient_credits " +
      "insufficient_balance ServiceQuotaExceededException"
    ],
    [
      rate,
      "rate_limit_exceeded rate_limit_error rate_limit_exceeded_error too_many_requests TooManyRequests " +
      "throttling_error ThrottlingException RateLimitReached RESOURCE_EXHAUSTED"
    ],
    [
      authentication,
      "invalid_api_key authentication_error auth_error invalid_authentication token_not_found_in_db " +
      "UnrecognizedClientException ExpiredTokenException ExpiredToken InvalidSignatureException " +
      "IncompleteSignatureException MissingAuthenticationTokenException"
    ],
    [
      permission,
      "permission_error permission_denied insufficient_permissions key_model_access_denied " +
      "unsupported_country_region_territory AccessDeniedException"
    ],
    [noModel, "model_not_found DeploymentNotFound ResourceNotFoundException model_not_available"],
    [unsupported, "unsupported_parameter unsupported_value UnsupportedParamsError"],
    [
      unavailable,
      "overloaded_error server_overloaded engine_overloaded model_overloaded slow_down service_unavailable " +
      "ServiceUnavailableException ModelNotReadyException unavailable_error"
    ],
    [internal, "server_error internal_error internal_server_error InternalServerException InternalServerError"],
    [timeout, "timeout_error ModelTimeoutException request_timeout"]
  ] as const).flatMap(([classify, codes]) => codes.split(" ").map((code) => [code, classify] as const))
)

const byStatus: Classify = (facts, now) => {
  const { status } = facts
  if (status === 401) return authentication(facts, now)
  if (status === 402) return quota(facts, now)
  if (status === 403) return permission(facts, now)
  if (status === 404) return missing(facts, now)
  if (status === 408 || status === 504) return timeout(facts, now)
  if (status === 424) {
    return new ProviderError.ModelFailedError(Wording.fields(facts, "Change the request, or use another model"))
  }
  if (status === 429) return rate(facts, now)
  if (status === 503 || status === 529) return unavailable(facts, now)
  if (status === 409 || status >= 500) return internal(facts, now)
  if (status >= 300 && status < 400) return elsewhere(facts)
  return status >= 400 ? invalid(facts, now) : internal(facts, now)
}

const missing: Classify = (facts, now) =>
  /\bmodel\b|deployment/i.test(facts.raw) ? noModel(facts, now) : new ProviderError.InvalidRequestError({
    ...Wording.fields(
      facts,
      "Check the base URL: most servers want `/v1` at its end",
      `${facts.asked.url ?? "the URL"} was not found${facts.words === "" ? "" : `: "${facts.words}"`}`
    ),
    field: "baseUrl"
  })

/** Redirects are not followed: they would take the key along. */
const elsewhere = (facts: Facts): ProviderError.CallError =>
  new ProviderError.InvalidRequestError({
    ...Wording.fields(
      facts,
      "Give the address it leads to as the base URL",
      `${facts.asked.url ?? "the URL"} redirects, status ${facts.status}`
    ),
    field: "baseUrl"
  })
