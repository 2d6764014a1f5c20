/** The tool calls of a message: each is begun before it gets an input or a result, and ends once. */
import type * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as Result from "effect/Result"
import * as UiChunk from "../UiChunk.ts"
import * as Metadata from "./metadata.ts"

/** A result, as `tool-result` parts and the events of `ToolLoop` have it. */
export interface Ended extends Omit<Message.ToolResultPart, "type" | "id"> {
  readonly isDenied?: boolean
}

interface Call {
  readonly id: string // on the page
  readonly name: string
  isProviders: boolean
  state: "writing" | "called" | "waiting" | "ended"
  text: string
}

/** `known`: ids and names of the calls that the message has already. */
export const make = (
  send: (chunk: UiChunk.Chunk) => void,
  known: Iterable<{ readonly id: string; readonly name: string; readonly isEnded: boolean }>
) => {
  const calls = new Map<string, Call>() // by the id of the model: the last one with it
  const writing = new Map<number, Call>() // by index
  const all: Array<Call> = []
  const used = new Set<string>()
  for (const { id, isEnded, name } of known) {
    used.add(id)
    const call: Call = { id, name, isProviders: false, state: isEnded ? "ended" : "called", text: "" }
    all.push(call)
    calls.set(id, call)
  }

  const begin = (id: string, given: string): Call => {
    const stem = typeof id === "string" && id !== "" ? id : "call"
    const name = typeof given === "string" && given !== "" ? given : "unknown"
    let unique = stem
    for (let count = 2; used.has(unique); count++) unique = `${stem}-${count}`
    used.add(unique)
    const call: Call = { id: unique, name, isProviders: false, state: "writing", text: "" }
    all.push(call)
    calls.set(id, call)
    return call
  }

  const ofCall = (call: Call) => ({
    toolCallId: call.id,
    ...(call.isProviders && { providerExecuted: true })
  })

  const provide = (call: Call, part: Message.ToolCallPart): void => {
    const providerMetadata = Metadata.encode(part, ["id", "name", "params", "providerExecuted"])
    call.state = "called"
    send({
      type: "tool-input-available",
      ...ofCall(call),
      toolName: call.name,
      input: written(part.params, {}),
      dynamic: true,
      ...(providerMetadata && { providerMetadata })
    })
  }

  /** The call of a complete one: that which is being written under its index or id, or a new one. */
  const called = (part: Message.ToolCallPart, index: number | undefined): Call => {
    const open = index === undefined ? undefined : writing.get(index)
    const byId = calls.get(part.id)
    const begun = open?.name === part.name ? open : byId?.state === "writing" ? byId : undefined
    const call = begun ?? begin(part.id, part.name)
    call.isProviders = part.providerExecuted === true
    if (index !== undefined && writing.get(index) === call) writing.delete(index)
    if (begun !== undefined) calls.set(part.id, call)
    provide(call, part)
    return call
  }

  const fail = (call: Call, errorText: string): void => {
    const isBegun = call.state === "writing"
    call.state = "ended"
    send(
      isBegun
        ? {
          type: "tool-input-error",
          toolCallId: call.id,
          toolName: call.name,
          input: parsed(call.text),
          dynamic: true,
          errorText
        }
        : { type: "tool-output-error", ...ofCall(call), errorText, dynamic: true }
    )
  }

  return {
    start: (index: number, id: string, name: string): void => {
      const cut = writing.get(index)
      if (cut !== undefined) fail(cut, cutOff)
      const call = begin(id, name)
      writing.set(index, call)
      send({ type: "tool-input-start", toolCallId: call.id, toolName: call.name, dynamic: true })
    },
    write: (index: number, id: string, delta: string): void => {
      const call = writing.get(index) ?? calls.get(id)
      if (call?.state !== "writing" || typeof delta !== "string" || delta === "") return
      call.text += delta
      send({ type: "tool-input-delta", toolCallId: call.id, inputTextDelta: delta })
    },
    called: (part: Message.ToolCallPart, index?: number): void => void called(part, index),
    /** The result of a call; the first counts. `call` for one that the page does not have. */
    ended: (id: string, result: Ended, given?: Message.ToolCallPart): void => {
      const call = calls.get(id) ?? (given && called(given, undefined))
      if (call === undefined || call.state === "ended") return
      if (call.state === "writing") return fail(call, textOf(result))
      call.state = "ended"
      const part = { ...result, type: "tool-result", id } as Message.ToolResultPart // and what the codec leaves out
      const providerMetadata = Metadata.encode(part, ["id", "result", "isFailure", "providerExecuted", "isDenied"])
      const common = { ...ofCall(call), dynamic: true, ...(providerMetadata && { providerMetadata }) } as const
      if (result.isDenied === true) send({ type: "tool-output-denied", toolCallId: call.id })
      else if (result.isFailure === true) send({ type: "tool-output-error", errorText: textOf(result), ...common })
      else send({ type: "tool-output-available", output: outputOf(result), ...common })
    },
    /** The call waits: for a person with `approvalId`, else for a result. `false` for one that has ended. */
    waits: (part: Message.ToolCallPart, approvalId: string | undefined): boolean => {
      const call = calls.get(part.id) ?? called(part, undefined)
      if (call.state === "ended") return false
      if (call.state === "writing") provide(call, part)
      call.state = "waiting"
      if (approvalId !== undefined) send({ type: "tool-approval-request", toolCallId: call.id, approvalId })
      return true
    },
    /** Fails the calls that were not written to their end. */
    cut: (): void => {
      writing.clear()
      for (const call of all) if (call.state === "writing") fail(call, cutOff)
    },
    /** Fails the calls that have no result and do not wait for one; says whether there were any. */
    settle: (errorText: string, which: "all" | "providers"): boolean => {
      let isAny = false
      for (const call of all) {
        if (call.state === "ended" || call.state === "waiting" || which === "providers" && !call.isProviders) continue
        fail(call, errorText)
        isAny = true
      }
      return isAny
    }
  }
}

const cutOff = "The call was cut off, and was not run"

/** Text stays text; parts that are more than text are shown as they are. */
const outputOf = ({ parts, result }: Ended): unknown => {
  // the items are those of the array, of whatever type they are
  const given = (Check.itemsOf(parts) ?? []) as ReadonlyArray<Message.ToolResultContent>
  const isMore = result === undefined || given.some(({ type }) => type !== "text")
  return written(given.length > 0 && isMore ? given.map(shownPart) : result, null)
}

/** A value that JSON can hold, or another: the client refuses a chunk without its value. */
const written = (value: unknown, otherwise: unknown): unknown => UiChunk.jsonOf(value) ?? otherwise

/** What a page can show of a part; bytes are only named. */
const shownPart = (part: Message.ToolResultContent): unknown => {
  switch (part.type) {
    case "text":
      return part.text
    case "json":
      return part.value
    case "search-result":
      return { type: part.type, source: part.source, title: part.title, content: part.content }
    default:
      return { type: part.type, mediaType: part.mediaType }
  }
}

const textOf = (ended: Ended): string => {
  const output = outputOf(ended)
  return typeof output === "string"
    ? output
    : Result.getOrElse(Result.try(() => JSON.stringify(output) ?? failed), () => failed)
}

const failed = "The tool failed"

const parsed = (text: string): unknown => Result.getOrElse(Result.try((): unknown => JSON.parse(text)), () => text)
