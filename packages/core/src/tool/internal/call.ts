/** One tool call: refused when it is invalid, else run in its span. */
import * as Effect from "effect/Effect"
import { hasProperty, isObject } from "effect/Predicate"
import type * as Message from "../../chat/Message.ts"
import * as ExactJson from "../../ExactJson.ts"
import * as Telemetry from "../../Telemetry.ts"
import type * as Tool from "../Tool.ts"
import * as ToolOutput from "./output.ts"

export type Handled<E, R> = Tool.Tool<string, unknown, unknown, E, R>

export type Refusal = Pick<Tool.ToolCallError, "reason" | "issue">

/** A call that is refused, with what the model is told; or one with its tool that can run. */
export type Prepared<E, R> =
  | { readonly refusal: Refusal; readonly told: string }
  | { readonly refusal?: never; readonly tool: Handled<E, R>; readonly call: Tool.Call<unknown, unknown, E, R> }

/** Finds the tool and decodes the arguments. `isCut`: the answer ended at its token limit. */
export const prepare = <E, R>(
  tools: ReadonlyMap<string, Handled<E, R>>,
  call: Message.ToolCallPart,
  isCut: boolean
): Effect.Effect<Prepared<E, R>, never, R> => {
  const refuse = (reason: Refusal["reason"], issue: string): Prepared<never, never> => {
    const told = reason === "unknown-tool" ? issue : `The arguments do not fit the tool's schema. ${issue}`
    return { refusal: { reason, issue }, told }
  }
  const tool = tools.get(call.name)
  if (tool === undefined) return Effect.succeed(refuse("unknown-tool", unknownTool(call.name, tools)))
  const params = call.params ?? {}
  if (!isObject(params)) return Effect.succeed(refuse("invalid-arguments", notAnObject(params, isCut)))
  return Effect.match(tool.prepare(params), {
    onFailure: ({ issue, message }) => refuse("invalid-arguments", `${message}${ExactJson.explain(issue, params)}`),
    onSuccess: (prepared): Prepared<E, R> => ({ tool, call: prepared })
  })
}

const unknownTool = (name: string, tools: ReadonlyMap<string, unknown>): string =>
  tools.size === 0
    ? `There is no tool "${name}", and no other`
    : `There is no tool "${name}". The tools are: ${[...tools.keys()].join(", ")}`

const notAnObject = (params: unknown, isCut: boolean): string => {
  if (isCut) return "They were cut off where the answer reached its limit of tokens: write less"
  const text = typeof params === "string" ? params : ToolOutput.textOf(params)
  return `They are not a JSON object: ${text.length > 200 ? `${text.slice(0, 200)}…` : text}`
}

/** A handler in its span. */
export const traced = <A extends Tool.Answer<unknown>, E, R>(
  call: Message.ToolCallPart,
  answer: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  record("gen_ai.tool.call.arguments", call.params).pipe(
    Effect.andThen(answer),
    Effect.tapError(recordError),
    Effect.tap((answered) =>
      Effect.andThen(
        answered.isFailure ? recordError(answered.error) : Effect.void,
        record("gen_ai.tool.call.result", answered.result)
      )
    ),
    Effect.withSpan(`execute_tool ${call.name}`, {
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call.id
      }
    }, { captureStackTrace: false })
  )

const recordError = (error: unknown): Effect.Effect<void> => {
  const type = hasProperty(error, "_tag") ? error._tag : error instanceof Error ? error.name : undefined
  return Telemetry.annotate({ "error.type": typeof type === "string" ? type : "_OTHER" })
}

const record = (attribute: string, value: unknown): Effect.Effect<void> =>
  Effect.flatMap(
    Telemetry.CaptureContent,
    (capture) => capture ? Telemetry.annotate({ [attribute]: ToolOutput.textOf(value) }) : Effect.void
  )
