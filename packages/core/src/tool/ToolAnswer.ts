/** How a call of a tool ends: with a result for the model, or an error. */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"
import type * as Message from "../chat/Message.ts"
import * as Check from "../Check.ts"
import * as Untyped from "../internal/untyped.ts"
import * as TaggedError from "../TaggedError.ts"

/**
 * Whether the model reads the message of a failure (`return`), without stack or cause, or the call fails with it
 * (`error`). Of a {@link ToolDefectError}, which is logged, the model reads only that the tool failed.
 */
export type FailureMode = "return" | "error"

/**
 * The outcome of a call. `result` is for the model: text or JSON. `parts`, if any, are sent instead: those of a
 * {@link Content}.
 */
export type Answer<Output> =
  | { readonly isFailure: false; readonly result: unknown; readonly output: Output; readonly parts?: Parts }
  | { readonly isFailure: true; readonly result: unknown; readonly error: unknown; readonly parts?: Parts }

type Parts = ReadonlyArray<Message.ToolResultContent>

/**
 * The model called a tool wrongly twice in a row.
 *
 * When: `ToolLoop.run` or `stream` gets a call of an unknown tool, or with invalid arguments, after the model was
 * told the `issue` of the same mistake.
 *
 * - `params`: the arguments as the model wrote them; `issue`: what is wrong with them.
 *
 * Remedy: describe the tool and its input better, or use another model.
 */
export class ToolCallError extends TaggedError.make<ToolCallError>()("ToolCallError", {
  reason: Schema.Literals(["unknown-tool", "invalid-arguments"]),
  tool: Schema.String,
  callId: Schema.String,
  params: Untyped.value,
  issue: Schema.String,
  message: Schema.String
}) {}

/**
 * The handler of a tool threw, died, or returned a value without a JSON form: a mistake in the program.
 *
 * When: `ToolLoop` runs a tool of failure mode `error`. In the mode `return` the model reads that the tool failed,
 * and the error is logged.
 *
 * Remedy: correct the handler; `cause` is what it died with.
 */
export class ToolDefectError extends TaggedError.make<ToolDefectError>()("ToolDefectError", {
  tool: Schema.String,
  message: Schema.String,
  cause: Schema.Defect()
}) {}

/**
 * A result of several parts, such as text and images, for a handler to return; see {@link content}.
 *
 * - `parts`: what the model gets; `isFailure`: the tool failed, and the parts say why.
 */
export class Content extends Data.Class<{ readonly parts: Parts; readonly isFailure: boolean }> {}

/** A {@link Content}. Parts that are not valid make the call fail with a {@link ToolDefectError}. */
export const content = (parts: Parts, options?: { readonly isFailure?: boolean | undefined }): Content => {
  const { isFailure } = Check.fieldsOf(options)
  return new Content({ parts, isFailure: isFailure === true })
}
