/**
 * Tool calls and results as text, where Bedrock does not accept them as blocks.
 */
import * as Message from "@strata/core/chat/Message"
import * as Formatter from "effect/Formatter"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** A call as text. */
export const call = ({ name, params }: Message.ToolCallPart): Message.TextPart =>
  Message.text(`Called the tool ${name} with ${Formatter.format(params)}`)

/** A result as text: a line that names its call and, where it has parts, those parts unchanged. */
export const result = ({ field, part }: Turn.Placed<Message.ToolResultPart>): ReadonlyArray<Turn.Placed> => {
  const { cache, id, isFailure, parts, result } = part
  const line = isFailure === true ? `The tool call ${id} failed:` : `Result of the tool call ${id}:`
  const told: ReadonlyArray<Turn.Placed> = parts === undefined
    ? [{ part: Message.text(`${line} ${inWords(result)}`), field }]
    : [
      { part: Message.text(line), field },
      ...parts.map((inner, index): Turn.Placed => ({
        part: inner.type === "json" ? Message.text(inWords(inner.value)) : inner,
        field: `${field}.parts[${index}]`
      })).filter((inner) => !Turn.isBlank(inner.part))
    ]
  return Turn.markCache(told, cache)
}

const inWords = (result: unknown): string =>
  result === "" || result === undefined
    ? "(empty)"
    : typeof result === "string"
    ? result
    : Formatter.format(result)

/** A change of the available tools as text. */
export const change = ({ name, type }: Message.ToolAdditionPart | Message.ToolRemovalPart): Message.TextPart =>
  Message.text(
    type === "tool-addition"
      ? `The tool ${name} may be used from here on.`
      : `The tool ${name} may no longer be used.`
  )

/** All calls and results as text, for a model without tools. */
export const tellAll = (turns: ReadonlyArray<Turn.Turn>, report: Report): ReadonlyArray<Turn.Turn> =>
  turns.map((turn) => ({
    ...turn,
    parts: turn.parts.flatMap((placed): ReadonlyArray<Turn.Placed> => {
      if (Turn.is("tool-call")(placed)) {
        report("told-tool-use", placed.field)
        return [{ part: call(placed.part), field: placed.field }]
      }
      if (!Turn.is("tool-result")(placed)) return [placed]
      report("told-tool-use", placed.field)
      return result(placed)
    })
  }))
