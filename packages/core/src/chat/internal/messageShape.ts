/**
 * Checks of messages, from their schemas. The annotation `remedy` of a schema says what to give instead.
 *
 * Unknown fields, such as an id or a date of the program, are left out. Misspelled fields and those of other APIs are
 * refused: without them the request would mean something else.
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as Check from "../../Check.ts"
import * as CheckWords from "../../internal/check/words.ts"
import * as Message from "../Message.ts"

const ofOpenAi = "This is OpenAI's format: read it with `OpenAi.Messages` of @strata/openai"

const cacheHere = "Write `cache`: true, or { ttl: \"1h\" }"

const caches = ["cache_control", "cacheControl", "cachePoint"]

const instead = (fields: Readonly<Record<string, ReadonlyArray<string>>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).flatMap(([remedy, names]) => names.map((name) => [name, remedy])))

/** Fields of other APIs, and what to give, for messages and parts. */
const known = {
  role: {
    remedy: "Give a message, such as { role: \"user\", content: \"…\" }",
    alias: { developer: "system" },
    instead: instead({
      [cacheHere]: caches,
      [ofOpenAi]: ["tool_calls", "function_call", "tool_call_id", "reasoning_content"],
      "Write `content`": ["parts"]
    })
  },
  part: {
    remedy: "Give a part, such as { type: \"text\", text }",
    instead: instead({
      [cacheHere]: caches,
      [ofOpenAi]: ["image_url"],
      "Write `id`, the id of the call": ["tool_call_id", "toolCallId", "tool_use_id", "toolUseId"],
      "Write `isFailure`": ["is_error"],
      "Write `result`": ["output"],
      "Write `params`": ["input", "arguments"]
    })
  },
  location: {}
}

const ofAnthropic = new Map([
  ["tool_use", "tool-call"],
  ["server_tool_use", "tool-call"],
  ["tool_result", "tool-result"],
  ["thinking", "reasoning"],
  ["redacted_thinking", "reasoning"]
])

const partsOfOpenAi = /^(image_url|input_audio|input_text|input_image|output_text|file|input_file|video_url|refusal)$/

/** `owner` is the message or part that holds the value. */
const checkOf = (ast: SchemaAST.AST, owner: string): Check.Check<unknown> => {
  switch (ast._tag) {
    case "String":
      return Check.text
    case "Boolean":
      return Check.flag
    case "Number":
      return finite
    case "Arrays":
      return Check.list(checkOf(ast.rest[0]!, owner), notesOf(ast))
    case "Objects":
      return ast.indexSignatures.length > 0
        ? Check.jsonObject("Give an object with the fields of the provider", { bytes: true, bigint: true })
        : tagOf(ast) === undefined
        ? Check.struct(fieldsOf(ast, owner), { others: "ignored" })
        : tagged([ast], owner)
    case "Union":
      return unionOf(ast.types, notesOf(ast), owner)
    default:
      return ast === Schema.Uint8Array.ast
        ? Check.bytes
        : Check.json({ bytes: true, written: true, bigint: notesOf(ast).bigint })
  }
}

interface Notes {
  readonly remedy?: string
  readonly bigint?: boolean
}

// These annotations are those of `Message.ts`.
const notesOf = ({ annotations }: SchemaAST.AST): Notes => ({ ...annotations }) as Notes

const unionOf = (types: ReadonlyArray<SchemaAST.AST>, notes: Notes, owner: string): Check.Check<unknown> => {
  const [first, last] = [types[0]!, types.at(-1)!]
  if (first === last) return checkOf(first, owner)
  if (last._tag === "Undefined") return Check.optional(unionOf(types.slice(0, -1), notes, owner))
  switch (first._tag) {
    case "Literal":
      return Check.word(types.flatMap((type) => type._tag === "Literal" ? [String(type.literal)] : []))
    case "String":
      return either(Predicate.isString, checkOf(last, owner))
    case "Boolean":
      return either(Predicate.isBoolean, Check.struct(fieldsOf(last, owner), notes))
    default:
      return tagOf(first) === undefined ? oneOf(types, notes) : tagged(types, owner)
  }
}

const either = (is: (given: unknown) => boolean, other: Check.Check<unknown>): Check.Check<unknown> => (given, at) =>
  is(given) ? given : other(given, at)

/** Structs that each begin with a required field: exactly one of these is present. */
const oneOf = (types: ReadonlyArray<SchemaAST.AST>, { remedy = "" }: Notes): Check.Check<unknown> => {
  const structs = types.map((type) => fieldsOf(type, ""))
  const firsts = new Set(structs.map((fields) => Object.keys(fields)[0]))
  const anyOf = Check.partial<Fields>(Object.assign({}, ...structs), { others: "ignored", remedy })
  return (given, at) => {
    const found = anyOf(given, at)
    if (found === Check.refused) return found
    const keys = Object.keys(found)
    const present = keys.filter((key) => firsts.has(key))
    return present.length === 1 && structs.some((fields) => keys.every((key) => Object.hasOwn(fields, key)))
      ? found
      : Check.refuse(at, present.length === 0 ? "it is empty" : `it has ${CheckWords.list(present, "and")}`, remedy)
  }
}

const tagged = (types: ReadonlyArray<SchemaAST.AST>, owner: string): Check.Check<unknown> => {
  const tags = types.map((type) => tagOf(type)!)
  const { key } = tags[0]!
  const words = tags.map(({ word }) => word)
  const what = key === "role" ? key : words.includes("web") ? "location" : "part"
  const kinds = tags.map(({ word }, index) => {
    const { [key]: _, ...fields } = fieldsOf(types[index]!, key === "role" ? `${word} message` : "result of a tool")
    return [word, fields]
  })
  return Check.tagged<string, Readonly<Record<string, string>>>(key, Object.fromEntries(kinds), {
    others: "ignored",
    ...known[what],
    unknown: (word) => {
      const ours = what === "part" ? ofAnthropic.get(word) : undefined
      return ours !== undefined
        ? [`"${word}" is a part of Anthropic's format`, `Use \`${ours}\``]
        : what === "part" && partsOfOpenAi.test(word)
        ? [`"${word}" is a part of OpenAI's format`, "Read it with `OpenAi.Messages` of @strata/openai"]
        : what === "part" && allParts.has(word)
        ? [`a ${owner} has no part ${CheckWords.quote(word)}`, `Use ${CheckWords.list(words)}`]
        : [
          `there is no ${what} ${CheckWords.quote(word)}`,
          what === "role" && /^(function|ipython)$/.test(word) ? ofOpenAi : CheckWords.advice(word, words)
        ]
    }
  })
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (ast: SchemaAST.AST, owner: string): Check.Fields<Fields> =>
  Object.fromEntries(propertiesOf(ast).map(({ name, type }) => [String(name), checkOf(type, owner)]))

const propertiesOf = (ast: SchemaAST.AST) => ast._tag === "Objects" ? ast.propertySignatures : []

const tagOf = (ast: SchemaAST.AST) => {
  const [tag] = propertiesOf(ast)
  return tag?.type._tag === "Literal" ? { key: String(tag.name), word: String(tag.type.literal) } : undefined
}

const allParts = new Set(Message.Part.members.map(({ ast }) => tagOf(ast)?.word))

const finite = Check.number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE, remedy: "Use a number" })

/** Any message. `developer` is an alias of `system`. */
export const message = checkOf(Message.Message.ast, "") as Check.Check<Message.Message>

export const cache = checkOf(Message.CacheControl.ast, "") as Check.Check<Message.CacheControl>
