/**
 * Normalizes the values of a request: well-formed text, and JSON as `JSON.stringify` would write it.
 *
 * The SDK's serializer has its own JSON, in which a date is a number of seconds and `undefined` is dropped from lists;
 * and the service refuses lone surrogates. Values that JSON cannot express, such as a cycle, are refused with their
 * path.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import type * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { BedrockChatOptions } from "../BedrockOptions.ts"
import { providerName } from "../internal/provider.ts"
import type { Report } from "./history/Change.ts"

/** Normalizes all values of a request; a value that needs no change stays the same object. */
export const settle = (
  request: ChatRequest.Resolved,
  report: Report
): Result.Result<ChatRequest.Resolved, ProviderError.InvalidRequestError> => {
  const walk = makeWalk(report)
  const { messages, providerOptions, responseFormat, stopSequences, tools } = request
  const settled = replace(request, {
    messages: each(messages, (message, index) => settleMessage(message, `messages[${index}]`, walk)),
    tools: tools && each(tools, (tool, index) => settleTool(tool, `tools[${index}]`, walk)),
    stopSequences: walk.text(stopSequences, "stopSequences"),
    responseFormat: walk.json(responseFormat, "responseFormat"),
    providerOptions: Predicate.isObject(providerOptions?.bedrock)
      ? replace(providerOptions, { bedrock: settleOptions(providerOptions.bedrock, walk) })
      : undefined
  })
  const problem = walk.problem()
  return problem === undefined
    ? Result.succeed(settled)
    : Result.fail(ProviderError.invalidRequest({ provider: providerName, model: request.model, ...problem }))
}

const settleMessage = (message: Message.Message, field: string, walk: Walk): Message.Message => {
  const { content } = message
  const settled = typeof content === "string"
    ? walk.text(content, `${field}.content`)
    : each<Message.Part>(content, (part, index) => settlePart(part, `${field}.content[${index}]`, walk))
  // each part keeps its type, so they are parts of a message of this role
  return settled === content ? message : { ...message, content: settled } as Message.Message
}

const settlePart = (part: Message.Part, field: string, walk: Walk): Message.Part => {
  switch (part.type) {
    case "tool-call": {
      const { params, ...rest } = part
      const own = walk.text(rest, field)
      const json = walk.json(params, `${field}.params`)
      return own === rest && json === params ? part : { ...own, params: json }
    }
    case "tool-result": {
      const { parts, result, ...rest } = part
      const own = walk.text(rest, field)
      // the provider's own blocks may hold bytes
      const isOwn = part.providerExecuted === true && Array.isArray(result)
      const json = isOwn ? walk.text(result, `${field}.result`) : walk.json(result, `${field}.result`)
      const inner = parts &&
        each(parts, (inner, index) => settlePart(inner, `${field}.parts[${index}]`, walk) as Message.ToolResultContent) // it stays of its type
      return own === rest && json === result && inner === parts
        ? part
        : { ...own, ...("result" in part && { result: json }), ...(inner !== undefined && { parts: inner }) }
    }
    case "json":
      return replace(part, { value: walk.json(part.value, `${field}.value`) })
    default:
      return walk.text(part, field)
  }
}

const settleTool = (tool: ToolDefinition.RequestTool, field: string, walk: Walk): ToolDefinition.RequestTool => {
  if ("type" in tool) return walk.text(tool, field)
  const { inputSchema, ...rest } = tool
  const own = walk.text(rest, field)
  const json = walk.json(inputSchema, `${field}.inputSchema`)
  return own === rest && json === inputSchema ? tool : { ...own, inputSchema: json }
}

/** A system prompt may hold images for a guardrail; all else is JSON. */
const settleOptions = (options: BedrockChatOptions, walk: Walk): BedrockChatOptions => {
  const field = "providerOptions.bedrock"
  const { system, ...rest } = options
  const blocks = walk.text(system, `${field}.system`)
  const json = walk.json(rest, field)
  return blocks === system && json === rest ? options : { ...json, ...(blocks !== undefined && { system: blocks }) }
}

/** A problem with one value. */
interface Problem {
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

/**
 * Walks a value, and returns the same object where nothing changed.
 *
 * - `text`: all text in it well-formed, everything else unchanged.
 * - `json`: as `JSON.stringify` would write it, its text well-formed.
 * - `problem`: the first problem found so far.
 */
interface Walk {
  readonly text: <A>(value: A, field: string) => A
  readonly json: <A>(value: A, field: string) => A
  readonly problem: () => Problem | undefined
}

const makeWalk = (report: Report): Walk => {
  let problem: Problem | undefined
  const start = (isJson: boolean) => <A>(value: A, field: string): A => {
    if (value === undefined || typeof value === "string" && value.isWellFormed()) return value
    const place: Place = {
      isJson,
      keys: [],
      ancestors: [],
      visited: new Map(),
      replaced: () => report("replaced-surrogates", pathOf(field, place.keys)),
      refuse: (what, remedy) => {
        problem ??= { field: pathOf(field, place.keys), problem: what, remedy }
      }
    }
    // getters and `toJSON` are user code, and may throw
    const settled = Result.try(() => visit(value, place))
    if (Result.isSuccess(settled)) return settled.success as A // JSON of a value stands for it
    place.refuse("it cannot be converted to JSON", "Use plain objects, lists, text, numbers and booleans")
    return value
  }
  return { text: start(false), json: start(true), problem: () => problem }
}

/** The state of a walk. */
interface Place {
  readonly isJson: boolean
  readonly keys: Array<string | number>
  readonly ancestors: Array<object>
  /** the result for each object, so that a shared one is visited once */
  readonly visited: Map<object, unknown>
  readonly replaced: () => void
  readonly refuse: (problem: string, remedy: string) => void
}

/** Deeper than any sensible value, and below the depth of a stack overflow. */
const deepest = 1_000

const visit = (value: unknown, place: Place): unknown => {
  switch (typeof value) {
    case "string":
      return wellFormed(value, place)
    case "number":
      return place.isJson && !Number.isFinite(value) ? null : value
    case "bigint":
      return visitBigint(value, place)
    case "object":
      return value === null ? null : visitObject(place.isJson ? written(value, place) : value, place)
    case "function":
    case "symbol":
      return place.isJson ? undefined : value
    default:
      return value
  }
}

const wellFormed = (text: string, place: Place): string => {
  if (text.isWellFormed()) return text
  place.replaced()
  return text.toWellFormed()
}

/** A program may have added `toJSON` to bigints. */
const visitBigint = (value: bigint, place: Place): unknown => {
  if (!place.isJson) return value
  const json = written(value, place)
  if (typeof json !== "bigint") return visit(json, place)
  place.refuse("JSON has no bigint", "Use a number, or text")
  return value
}

/** The result of `toJSON`; boxed primitives are unboxed. */
const written = (value: object | bigint, { keys }: Place): unknown => {
  const { toJSON } = value as { readonly toJSON?: unknown } // any object may have it, and a bigint
  const json = typeof toJSON === "function"
    ? toJSON.call(value, String(keys.at(-1) ?? "")) as unknown // whatever somebody's method gives
    : value
  return json instanceof Number || json instanceof String || json instanceof Boolean ? json.valueOf() : json
}

const visitObject = (value: unknown, place: Place): unknown => {
  const { ancestors, isJson, keys } = place
  // `toJSON` may return any value, and is not called again
  if (typeof value !== "object" || value === null) return visit(value, place)
  const isPlain = isPlainObject(value)
  if (!isJson && !isPlain && !Array.isArray(value)) return value
  if (ancestors.includes(value)) {
    place.refuse("it contains itself", "Break the cycle")
    return null
  }
  if (ancestors.length >= deepest) {
    place.refuse(`it is nested more than ${deepest} levels deep`, "Flatten it")
    return null
  }
  if (place.visited.has(value)) return place.visited.get(value)
  ancestors.push(value)
  const inside = (key: string | number, item: unknown): unknown => {
    keys.push(key)
    const visited = visit(item, place)
    keys.pop()
    return visited
  }
  const visited = Array.isArray(value)
    ? each(value, (item, index) => inside(index, item) ?? (isJson ? null : item))
    : visitEntries(value, isPlain, place, inside)
  ancestors.pop()
  place.visited.set(value, visited)
  return visited
}

const visitEntries = (
  value: object,
  isPlain: boolean,
  place: Place,
  inside: (key: string, item: unknown) => unknown
): object => {
  let isSame = isPlain
  const replaced = new Set<string>()
  const entries: Array<readonly [string, unknown]> = []
  for (const [key, item] of Object.entries(value)) {
    let name = wellFormed(key, place)
    if (name !== key) {
      // two keys may become equal when lone surrogates are replaced
      while (replaced.has(name) || Object.hasOwn(value, name)) name += "\ufffd"
      replaced.add(name)
    }
    const visited = inside(key, item)
    if (visited !== item || name !== key) isSame = false
    if (visited !== undefined || !place.isJson) entries.push([name, visited])
    else isSame = false
  }
  return isSame ? value : Object.fromEntries(entries)
}

const isPlainObject = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const pathOf = (field: string, keys: ReadonlyArray<string | number>): string =>
  keys.reduce<string>(
    (path, key) => /^[A-Za-z_$][\w$]*$/.test(`${key}`) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`,
    field
  )

/** Maps a list, and returns the same list where nothing changed. */
const each = <A>(list: ReadonlyArray<A>, f: (item: A, index: number) => A): ReadonlyArray<A> => {
  let isSame = true
  const mapped: Array<A> = []
  // unlike `map` this also visits holes
  for (const item of list) {
    const next = f(item, mapped.length)
    if (next !== item) isSame = false
    mapped.push(next)
  }
  return isSame ? list : mapped
}

/** Sets the given fields, and returns the same object where they are equal already. */
const replace = <A extends object>(value: A, fields: Partial<A>): A =>
  Object.entries(fields).every(([key, field]) => field === undefined || field === value[key as keyof A]) // one of `fields`
    ? value
    : { ...value, ...Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)) }
