/**
 * Puts the pieces of tool calls together. Servers number them differently, wrongly, or not at all.
 *
 * - A new id opens a new call, also at an index that is taken. An id seen before leads back to its call.
 * - A piece without an id belongs to the call last opened at its index; without an index to the call opened last. It opens a new
 *   one if it has another name, or arguments although those of the call are complete.
 * - An id may be a number; a missing one is made, and stays. Arguments may be an object.
 */
import * as ExactJson from "@strata/core/ExactJson"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** A call: `block` is its place in the answer, once it has one. */
export interface Call {
  readonly id: string
  name: string
  arguments: string
  block: number | undefined
}

/** A piece: the call that it belongs to, and the text that it adds to the arguments. */
export interface Piece {
  readonly call: Call
  readonly delta: string
}

/** `add` takes a member of `tool_calls`, of any shape; `undefined` for what cannot be a piece of a call. */
export interface ToolCalls {
  readonly add: (piece: unknown) => Piece | undefined
  readonly all: ReadonlyArray<Call>
}

/** A model that calls this many tools at once is out of order. */
export const mostCalls = 1000

/** `seed` makes ids differ between answers. */
export const make = (seed: string): ToolCalls => {
  const all: Array<Call> = []
  const byId = new Map<string, Call>()
  const byIndex = new Map<number, Call>()
  let latest: Call | undefined

  const open = (given: string | undefined, index: number | undefined): Call | undefined => {
    if (all.length >= mostCalls) return undefined
    const call: Call = { id: given ?? `call_${seed}_${all.length}`, name: "", arguments: "", block: undefined }
    all.push(call)
    byId.set(call.id, call)
    if (index !== undefined) byIndex.set(index, call)
    latest = call
    return call
  }

  const find = (
    id: string | undefined,
    index: number | undefined,
    name: string,
    delta: string
  ): Call | undefined => {
    if (id !== undefined) return byId.get(id) ?? open(id, index)
    const at = index === undefined ? undefined : byIndex.get(index)
    if (at !== undefined) return isAnother(at, name, delta) ? open(undefined, index) : at
    if (index !== undefined) return name !== "" || latest === undefined ? open(undefined, index) : latest
    return latest === undefined || isAnother(latest, name, delta) ? open(undefined, index) : latest
  }

  return {
    all,
    add: (piece) => {
      if (!Predicate.isObject(piece) || Array.isArray(piece)) return undefined
      const definition = Predicate.isObject(piece["function"]) ? piece["function"] : piece
      const name = typeof definition["name"] === "string" ? definition["name"] : ""
      const delta = textOf(definition["arguments"])
      const call = find(idOf(piece["id"]), indexOf(piece["index"]), name, delta)
      if (call === undefined) return undefined
      if (call.name === "") call.name = name
      // Some servers end with the whole arguments again.
      const added = Predicate.isObject(definition["arguments"]) && call.arguments !== "" ? "" : delta
      call.arguments += added
      return { call, delta: added }
    }
  }
}

const idOf = (id: unknown): string | undefined =>
  typeof id === "string" && id !== "" ? id : typeof id === "number" ? String(id) : undefined

const indexOf = (index: unknown): number | undefined =>
  typeof index === "number" && Number.isSafeInteger(index) && index >= 0 ? index : undefined

const textOf = (given: unknown): string =>
  typeof given === "string" ? given : Predicate.isObject(given) || Array.isArray(given) ? JSON.stringify(given) : ""

const isAnother = (call: Call, name: string, delta: string): boolean =>
  name !== "" && call.name !== "" && (name !== call.name || delta.trim() !== "" && isComplete(call.arguments))

const isComplete = (text: string): boolean => text.trimEnd().endsWith("}") && Result.isSuccess(ExactJson.parse(text))
