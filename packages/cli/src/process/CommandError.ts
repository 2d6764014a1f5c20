/**
 * How a command fails: what its user reads, and the exit code.
 */
import { ProviderError } from "@strata/core"
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import type * as PlatformError from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { OutputClosed } from "./Streams.ts"

/**
 * The exit codes besides those of signals.
 *
 * - `error`: it failed; `usage`: flags or arguments are wrong, nothing was done.
 * - `deadLetters`: all was tried, and some of it failed for good.
 * - `paused`: credentials or budget ended; the same command goes on where it stopped.
 * - `closed`: the reader of standard output closed it, as a process that SIGPIPE ended.
 */
export const exitCodes = { error: 1, usage: 2, deadLetters: 3, paused: 4, closed: 141 } as const

/** A failure of a command, in words for its user. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", {
  reason: Schema.Literals(["error", "usage", "deadLetters", "paused"]),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/** A failure of what was asked. */
export const failed = (message: string, cause?: unknown): CommandError =>
  new CommandError({ reason: "error", message, ...(cause !== undefined && { cause }) })

/** Flags or arguments that do not make sense. */
export const usage = (message: string, cause?: unknown): CommandError =>
  new CommandError({ reason: "usage", message, ...(cause !== undefined && { cause }) })

/** Why a file cannot be used, in words. */
export const whyNot = ({ reason }: PlatformError.PlatformError): string => {
  switch (reason._tag) {
    case "NotFound":
      return "there is no such file"
    case "PermissionDenied":
      return "it may not be read or written by you"
    default:
      return reason.message
  }
}

/** An exit code, and the text for standard error; none where it was written already, or where none is wanted. */
export interface Ending {
  readonly code: number
  readonly message?: string | undefined
}

/** The ending of a command that failed. Stacks are for `STRATA_DEBUG`, never for users. */
export const ending = (cause: Cause.Cause<unknown>): Ending => {
  if (Cause.hasInterruptsOnly(cause)) return { code: 130 }
  const error = Cause.squash(cause)
  if (error instanceof OutputClosed) return { code: exitCodes.closed }
  if (error instanceof CommandError) return { code: exitCodes[error.reason], message: error.message }
  if (CliError.isCliError(error)) {
    // its presenter has shown it; without errors it is the help that was asked for
    const isHelp = error._tag === "ShowHelp" && error.errors.length === 0
    return { code: isHelp ? 0 : error._tag === "UserError" ? exitCodes.error : exitCodes.usage }
  }
  if (ProviderError.isProviderError(error)) {
    return { code: exitCodes[pauses.has(error._tag) ? "paused" : "error"], message: error.message }
  }
  const isFull = Predicate.isTagged(error, "QueueFullError")
  const message = Predicate.hasProperty(error, "message") ? String(error.message) : String(error)
  return Cause.hasFails(cause)
    ? { code: exitCodes[isFull ? "paused" : "error"], message }
    : { code: exitCodes.error, message: `internal error: ${message}. STRATA_DEBUG=1 shows where` }
}

/** What a new login or a larger budget heals. */
const pauses: ReadonlySet<string> = new Set<ProviderError.ProviderError["_tag"]>([
  "AuthenticationError",
  "BudgetExceededError",
  "QuotaExceededError"
])
