/** What talking to an MCP server fails with: one error, whose `reason` says what happened and `outcome` what is known. */
import * as TaggedError from "@strata/core/TaggedError"
import * as Schema from "effect/Schema"

/**
 * What happened.
 *
 * - `connection`: the server cannot be reached, or the connection broke.
 * - `exited`: the process of the server ended; see `exitCode` and `stderr`.
 * - `session-lost`: the server refused a new session as it had refused the old one.
 * - `needs-login`: no token, or one that the server refused after a refresh.
 * - `timeout`: no answer and no progress in time.
 * - `protocol`: the answer is not what the protocol says, too large, or does not fit the tool's `outputSchema`.
 * - `unsupported-version`: there is no version of the protocol that both sides know.
 * - `server`: the server refused the request; see `code` (JSON-RPC) or `status` (HTTP).
 * - `tool-changed`: the server has another definition of the tool than the one the model or a person has seen.
 * - `tool-gone`: the server does not have the tool any more.
 * - `name-collision`: two tools would have the same name.
 * - `closed`: the scope of the connection is closed.
 */
export type Reason = typeof Reason.Type
export const Reason = Schema.Literals([
  "connection",
  "exited",
  "session-lost",
  "needs-login",
  "timeout",
  "protocol",
  "unsupported-version",
  "server",
  "tool-changed",
  "tool-gone",
  "name-collision",
  "closed"
])

/**
 * Whether the server acted on a request. `not-run`: it never got the request or refused it; `answered`: it did, and
 * this is its answer; `unknown`: the answer is lost, so a call that must not run twice cannot simply be repeated.
 */
export type Outcome = typeof Outcome.Type
export const Outcome = Schema.Literals(["not-run", "answered", "unknown"])

/**
 * An MCP server failed, or the way to it.
 *
 * When: a server cannot be started or reached, refuses a request, or answers what the protocol does not allow.
 *
 * - `server`: the name that the program gave it; `tool`: the server's name of the tool that was called.
 * - `exitCode`, `stderr`: of a process that ended; at most 20 lines, the last ones. No code after a signal.
 * - `code`: of a JSON-RPC error; `status`: of an HTTP response.
 *
 * Remedy: see `reason`; where `outcome` is `not-run` a call can be repeated safely.
 */
export class McpError extends TaggedError.make<McpError>()("McpError", {
  server: Schema.String,
  reason: Reason,
  outcome: Outcome,
  message: Schema.String,
  tool: Schema.optional(Schema.String),
  exitCode: Schema.optional(Schema.Finite),
  stderr: Schema.optional(Schema.Array(Schema.String)),
  code: Schema.optional(Schema.Finite),
  status: Schema.optional(Schema.Finite),
  cause: Schema.optional(Schema.Defect())
}) {}
