/**
 * Checks of messages and their parts.
 *
 * Unknown fields, such as an id or a date of the program, are left out. Misspelled fields and those of other APIs are refused:
 * without them the request would mean something else.
 */
import * as Struct from "effect/Struct"
import * as Check from "../../Check.ts"
import * as CheckWords from "../../internal/checkWords.ts"
import type * as Message from "../Message.ts"

type Part<Type extends Message.Part["type"]> = Extract<Message.Part, { readonly type: Type }>

type PartFields = { readonly [Type in Message.Part["type"]]: Check.Fields<Omit<Part<Type>, "type">> }

const place = Check.optional(Check.number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE, remedy: "Use a number" }))

const range = { start: place, end: place }

const location = Check.tagged<"type", Message.CitationLocation>("type", {
  web: { url: Check.optional(Check.text), domain: Check.optional(Check.text) },
  "document-char": { documentIndex: place, ...range },
  "document-page": { documentIndex: place, ...range },
  "document-chunk": { documentIndex: place, ...range },
  "search-result": { searchResultIndex: place, ...range }
}, {
  others: "ignored",
  unknown: (word) => [
    `there is no location ${CheckWords.quote(word)}`,
    "Use `web`, `document-char`, `document-page`, `document-chunk` or `search-result`"
  ]
})

const citations = Check.optional(Check.list(Check.struct<Message.Citation>({
  title: Check.optional(Check.text),
  source: Check.optional(Check.text),
  passages: Check.optional(Check.list(Check.text)),
  location: Check.optional(location)
}, { others: "ignored" })))

const cacheControl = Check.struct<Exclude<Message.CacheControl, boolean>>({ ttl: Check.word(["5m", "1h"]) }, {
  remedy: "Use true, false or { ttl: \"1h\" }"
})

export const cache: Check.Check<Message.CacheControl | undefined> = Check.optional((given, at) =>
  typeof given === "boolean" ? given : cacheControl(given, at)
)

const qualified = Check.struct<Exclude<Message.Guard, boolean>>({
  qualifiers: Check.list(Check.word(["grounding_source", "query", "guard_content"]))
}, { remedy: "Use true, false or { qualifiers: [...] }" })

const guard: Check.Check<Message.Guard | undefined> = Check.optional((given, at) =>
  typeof given === "boolean" ? given : qualified(given, at)
)

/** A source with exactly one of these fields; `bucketOwner` only with `uri`. */
const source = <Source extends object>(
  fields: { readonly [Key in Source extends unknown ? keyof Source : never]: Check.Check<unknown> },
  remedy: string
): Check.Check<Source> => {
  const any = Check.struct<Readonly<Record<string, unknown>>>(
    Object.fromEntries(
      Object.entries<Check.Check<unknown>>(fields).map(([key, check]) => [key, Check.optional(check)])
    ),
    { others: "ignored", remedy }
  )
  return (given, at) => {
    const found = any(given, at)
    if (found === Check.refused) return found
    const present = Object.keys(found).filter((key) => key !== "bucketOwner")
    return present.length === 1 && (present[0] === "uri" || !("bucketOwner" in found))
      // An object with one checked field is a member of the union.
      ? found as Source
      : Check.refuse(at, present.length === 0 ? "it is empty" : `it has ${CheckWords.list(present, "and")}`, remedy)
  }
}

const located = { bytes: Check.bytes, uri: Check.text, bucketOwner: Check.text }

const media = {
  mediaType: Check.text,
  source: source<Message.MediaSource>(located, "Give `bytes`, a Uint8Array, or a `uri`"),
  cache
}

const flag = Check.optional(Check.flag)

const optionalText = Check.optional(Check.text)

/** Arguments and results of tools: what `JSON.stringify` writes, and bytes for providers that accept them. */
const json = Check.json({ bytes: true, written: true })

/** Data of a provider, sent back to it. */
const ofProvider = Check.json({ bytes: true, bigint: true, written: true })

const providerFields = Check.optional(Check.jsonObject("Give an object with the fields of the provider", {
  bytes: true,
  bigint: true
}))

const reference = { name: Check.text, serverName: optionalText, kind: optionalText }

const simple = {
  text: { text: Check.text, citations, guard, cache, providerFields },
  image: { ...media, guard: flag, providerFields },
  video: media,
  audio: { ...media, providerFields },
  document: {
    mediaType: Check.text,
    name: Check.text,
    source: source<Message.DocumentSource>(
      { ...located, text: Check.text, pieces: Check.list(Check.text) },
      "Give `bytes`, a Uint8Array, a `uri`, `text` or `pieces`"
    ),
    context: optionalText,
    citations: flag,
    cache
  },
  "search-result": { source: Check.text, title: Check.text, content: Check.list(Check.text), citations: flag, cache }
} satisfies Partial<PartFields>

/** Parts of other APIs, with the remedy. */
const foreign: Readonly<Record<string, readonly [problem: string, remedy: string]>> = Object.fromEntries([
  ...[
    "image_url",
    "input_audio",
    "input_text",
    "input_image",
    "output_text",
    "file",
    "input_file",
    "video_url",
    "refusal"
  ]
    .map((
      word
    ) => [word, [`"${word}" is a part of OpenAI's format`, "Read it with `OpenAi.Messages` of @strata/openai"]]),
  ...[["tool_use", "tool-call"], ["server_tool_use", "tool-call"], ["tool_result", "tool-result"]]
    .map(([word, ours]) => [word, [`"${word}" is a part of Anthropic's format`, `Use \`${ours}\``]]),
  ...["thinking", "redacted_thinking"]
    .map((word) => [word, [`"${word}" is a part of Anthropic's format`, "Use `reasoning`"]])
])

const ofOpenAi = "This is OpenAI's format: read it with `OpenAi.Messages` of @strata/openai"

const cacheHere = "Write `cache`: true, or { ttl: \"1h\" }"

const callId = "Write `id`, the id of the call"

/** Fields of parts in other APIs. */
const foreignFields = {
  cache_control: cacheHere,
  cacheControl: cacheHere,
  cachePoint: cacheHere,
  image_url: ofOpenAi,
  tool_call_id: callId,
  toolCallId: callId,
  tool_use_id: callId,
  toolUseId: callId,
  is_error: "Write `isFailure`",
  output: "Write `result`",
  input: "Write `params`",
  arguments: "Write `params`"
}

const partOf = <Type extends Message.Part["type"]>(
  where: string,
  kinds: { readonly [Word in Type]: PartFields[Word] }
): Check.Check<Part<Type>> => {
  const types = Object.keys(kinds)
  return Check.tagged<"type", Part<Type>>(
    "type",
    // A conditional type of a type parameter stays unresolved.
    kinds as never,
    {
      others: "ignored",
      instead: foreignFields,
      remedy: `Give a part, such as { type: "text", text }`,
      unknown: (word) =>
        (Object.hasOwn(foreign, word) ? foreign[word] : undefined) ??
          (Object.hasOwn(parts, word)
            ? [`a ${where} has no part ${CheckWords.quote(word)}`, `Use ${CheckWords.list(types)}`]
            : [`there is no part ${CheckWords.quote(word)}`, CheckWords.advice(word, types)])
    }
  )
}

const answered = Struct.omit({ ...simple, json: { value: json } }, ["audio"])

const parts: PartFields = {
  ...simple,
  json: answered.json,
  reasoning: { text: Check.text, signature: optionalText, redacted: Check.optional(Check.bytes), providerFields },
  "tool-call": {
    id: Check.text,
    name: Check.text,
    params: json,
    providerExecuted: flag,
    providerType: optionalText,
    providerFields
  },
  "tool-result": {
    id: Check.text,
    result: ofProvider,
    parts: Check.optional(Check.list(partOf("result of a tool", answered))),
    isFailure: flag,
    providerExecuted: flag,
    providerType: optionalText,
    cache,
    providerFields
  },
  "tool-addition": reference,
  "tool-removal": reference,
  provider: { provider: Check.text, value: ofProvider }
}

const content = <Type extends Message.Part["type"]>(
  role: string,
  types: ReadonlyArray<Type>
): Check.Check<string | ReadonlyArray<Part<Type>>> => {
  const parted = Check.list(partOf<Type>(`${role} message`, Struct.pick(parts, types)), {
    remedy: "Give text, or an array of parts; read OpenAI's messages with `OpenAi.Messages` of @strata/openai"
  })
  return (given, at) => typeof given === "string" ? given : parted(given, at)
}

/** Any message. `developer` is an alias of `system`. */
export const message: Check.Check<Message.Message> = Check.tagged("role", {
  system: { content: content("system", ["text", "tool-addition", "tool-removal", "provider"]), cache },
  user: {
    content: content("user", ["text", "image", "document", "video", "audio", "search-result", "provider"]),
    cache
  },
  assistant: {
    content: content("assistant", ["text", "reasoning", "tool-call", "tool-result", "image", "audio", "provider"]),
    cache
  },
  tool: {
    content: Check.list(partOf("tool message", { "tool-result": parts["tool-result"] }), {
      remedy: "Give an array of `tool-result` parts; read OpenAI's messages with `OpenAi.Messages` of @strata/openai"
    }),
    cache
  }
}, {
  alias: { developer: "system" },
  others: "ignored",
  instead: {
    cache_control: cacheHere,
    cacheControl: cacheHere,
    cachePoint: cacheHere,
    tool_calls: ofOpenAi,
    function_call: ofOpenAi,
    tool_call_id: ofOpenAi,
    reasoning_content: ofOpenAi,
    parts: "Write `content`"
  },
  remedy: "Give a message, such as { role: \"user\", content: \"…\" }",
  unknown: (word) => [
    `there is no role ${CheckWords.quote(word)}`,
    word === "function" || word === "ipython" ? ofOpenAi : CheckWords.advice(word, roles)
  ]
})

const roles = ["system", "user", "assistant", "tool"]
