/**
 * Calls of tools and what came of them, in words: for a place where Bedrock does not take them as such.
 */
import * as Message from "@strata/core/chat/Message"
import * as Formatter from "effect/Formatter"
import type { Report } from "./Change.ts"
import * as Turn from "./Turn.ts"

/** A call. */
export const call = ({ name, params }: Message.ToolCallPart): Message.TextPart =>
  Message.text(`Called the tool ${name} with ${Formatter.format(params)}`)

/** A result: a line that says whose it is and, where it has parts, those parts as they are. */
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

/** A change of the tools that may be used. */
export const change = ({ name, type }: Message.ToolAdditionPart | Message.ToolRemovalPart): Message.TextPart =>
  Message.text(
    type === "tool-addition"
      ? `The tool ${name} may be used from here on.`
      : `The tool ${name} may no longer be used.`
  )

/** All calls and results in words, for a model that cannot use tools. */
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
