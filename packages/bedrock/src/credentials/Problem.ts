/**
 * Why a source gave no credentials: what happened, one remedy, and whether the same source may give some in a moment.
 *
 * Texts of the SDK are not passed on where they may quote a file, a command or an answer with keys in it.
 */
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as BedrockError from "../BedrockError.ts"
import * as ErrorChain from "../error/ErrorChain.ts"
import * as Facts from "../error/Facts.ts"
import * as Failure from "../error/Failure.ts"
import * as NetworkError from "../error/NetworkError.ts"
import { providerName } from "../internal/provider.ts"

/**
 * - `who`: the source; `problem` and `remedy` are as in {@link Failure.message}.
 * - `message`: the whole message, where it says more of the way to the source.
 * - `words`: the problem in the words of AWS, safe to show.
 * - `isTransient`: whether to ask the source again may help.
 * - `isFinal`: whether a chain of sources ends with it, as the SDK's does.
 * - `isAside`: whether the source is used by default, not by choice; the remedy is then that of another.
 */
export interface Problem {
  readonly who: string
  readonly problem: string
  readonly remedy: string
  readonly message?: string | undefined
  readonly exception?: string | undefined
  readonly words?: string | undefined
  readonly requestId?: string | undefined
  readonly isTransient: boolean
  readonly isFinal: boolean
  readonly isAside?: boolean | undefined
}

/** A mistake in the configuration; a chain goes on to its next source. */
export const misconfigured = (who: string, problem: string, remedy: string): Problem => ({
  who,
  problem,
  remedy,
  isTransient: false,
  isFinal: false
})

/** The source is there, and may answer later; a chain ends with it. */
export const unanswered = (who: string, problem: string, remedy: string): Problem => ({
  who,
  problem,
  remedy,
  isTransient: true,
  isFinal: true
})

/** The remedy for a failure, by the name of an exception without `Exception`: `AccessDenied`. */
export type Remedy = (name: string, words: string) => string

/** The problem behind an error of the SDK, the network, AWS, or a provider of the program. */
export const explain = (
  error: unknown,
  { remedy, secrets, who }: { readonly who: string; readonly remedy: Remedy; readonly secrets: ReadonlyArray<string> }
): Problem => {
  const said = Predicate.isString(error) ? { message: error } : error
  const known = BedrockError.fromUnknown(said, { who, secrets })
  const isTransient = ProviderError.isTransient(known)
  const isFinal = ErrorChain.property(error, "tryNextLink") !== true
  const { exception, requestId } = known
  if (ProviderError.isCallError(error)) {
    // Of an effect of the program, which called a service to get the credentials.
    return { who, problem: `"${known.message}"`, remedy: remedy("", ""), exception, isTransient, isFinal }
  }
  const facts = Facts.read(said, { who, secrets })
  const words = ErrorChain.firstLine(facts.words)
  if (facts.isPage || NetworkError.classify(facts) !== undefined) {
    const { message } = known
    return { who, problem: unreached(exception), remedy: reach, message, exception, isTransient, isFinal }
  }
  return {
    who,
    problem: words !== ""
      ? `"${words}"`
      : facts.status === undefined
      ? "it failed"
      : `it answered HTTP ${facts.status}`,
    remedy: isTransient ? "Send the call again in a moment" : remedy(facts.name, words),
    exception,
    words: words === "" ? undefined : words,
    requestId,
    isTransient,
    isFinal
  }
}

const reach = "Check that it can be reached from here"

/** `code`: Node's, such as `ECONNREFUSED`. */
export const unreached = (code: string | undefined): string =>
  code === undefined ? "it cannot be reached" : `it cannot be reached (${code})`

/** The error of a call that needed the credentials. */
export const toError = (
  { exception, isTransient, message, problem, remedy, requestId, who, words }: Problem
): ProviderError.AuthenticationError =>
  new ProviderError.AuthenticationError({
    provider: providerName,
    exception,
    requestId,
    providerMessage: words,
    message: message ?? Failure.message({ who, requestId }, problem, remedy),
    ...(isTransient ? { transient: true } : {})
  })
