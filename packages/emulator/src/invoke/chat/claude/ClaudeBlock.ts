/**
 * The content blocks of Anthropic's Messages API, decoded as those of Converse.
 *
 * Messages and tools are checked by Anthropic, whose error messages differ from those of the body's schema.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AwsError from "../../../AwsError.ts"
import type * as Block from "../../../converse/Block.ts"
import * as Constraint from "../../../converse/Constraint.ts"
import { isObject } from "../../../converse/rule/Finding.ts"
import * as Violation from "../../../Violation.ts"
import * as Family from "../Family.ts"

const optional = Schema.optionalKey

/** A decoder of a value at the path `at`, that fails with Anthropic's messages. */
export const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return (value: unknown, at: string): Result.Result<S["Type"], AwsError.AwsError> =>
    Result.mapError(decode(value), ({ issue }) => {
      const [found] = Violation.collect(issue, value)
      return AwsError.validation(
        found === undefined
          ? `${at}: Input is invalid`
          : `${[at, ...found.path.map(String)].join(".")}: ${words(found)}`
      )
    })
}

/** One of these texts. */
export const oneOf = <const Values extends ReadonlyArray<string>>(values: Values) => {
  const listed = values.map((value) => `'${value}'`)
  return Schema.String.pipe(
    Schema.refine((text): text is Values[number] => values.includes(text), {
      message: `Input should be ${[listed.slice(0, -1).join(", "), ...listed.slice(-1)].filter(Boolean).join(" or ")}`
    })
  )
}

/** The end of a cacheable prefix. */
export const cache = {
  cache_control: optional(Schema.NullOr(
    Schema.Struct({ type: oneOf(["ephemeral"]), ttl: optional(oneOf(["5m", "1h"])) })
  ))
}

/** The cache point after a block with a `cache_control`. */
export const cachePointOf = (
  { cache_control: cacheControl }: { readonly cache_control?: { readonly ttl?: "5m" | "1h" } | null }
): ReadonlyArray<{ readonly cachePoint: Block.CachePoint }> =>
  cacheControl === undefined || cacheControl === null
    ? []
    : [{ cachePoint: { type: "default", ...Family.present({ ttl: cacheControl.ttl }) } }]

/** A block of text, also in the system prompt. */
export const Text = Schema.Struct({
  type: oneOf(["text"]),
  text: Schema.String,
  citations: optional(Schema.Unknown),
  ...cache
})

/** The blocks of a message, or of a tool result, at the path `at`. A text is one block. */
export const read = (
  content: unknown,
  at: string,
  allowed: ReadonlyArray<string> = Object.keys(readers)
): Result.Result<ReadonlyArray<Block.Content>, AwsError.AwsError> => {
  if (typeof content === "string") return Result.succeed(content === "" ? [] : [{ text: content }])
  if (!Array.isArray(content)) return Result.fail(AwsError.validation(`${at}: Input should be a valid list`))
  return Result.map(Result.all(content.map((block: unknown, index) => readOne(block, `${at}.${index}`, allowed))), flat)
}

type Blocks = Result.Result<ReadonlyArray<Block.Content>, AwsError.AwsError>

const flat = (blocks: ReadonlyArray<ReadonlyArray<Block.Content>>): ReadonlyArray<Block.Content> => blocks.flat()

const readOne = (block: unknown, at: string, allowed: ReadonlyArray<string>): Blocks => {
  const type = isObject(block) ? block["type"] : undefined
  if (typeof type !== "string") return Result.fail(AwsError.validation(`${at}.type: Field required`))
  const found = allowed.includes(type) ? readers[type] : undefined
  return found?.(block, `${at}.${type}`) ?? Result.fail(AwsError.validation(
    `${at}: Input tag '${type}' found using 'type' does not match any of the expected tags: ${
      allowed.map((tag) => `'${tag}'`).join(", ")
    }`
  ))
}

/** A decoder of one kind of block. */
const kind = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  toBlock: (value: S["Type"], at: string) => Result.Result<Block.Content, AwsError.AwsError>
) => {
  const decode = reader(schema)
  return (value: unknown, at: string): Blocks =>
    Result.flatMap(
      decode(value, at),
      (decoded) =>
        Result.map(toBlock(decoded, at), (block) => [block, ...cachePointOf(isObject(decoded) ? decoded : {})])
    )
}

const citations = optional(Schema.NullOr(Schema.Struct({ enabled: Schema.Boolean })))

const imageFormats = {
  "image/jpeg": "jpeg",
  "image/png": "png",
  "image/gif": "gif",
  "image/webp": "webp"
} as const

/** In the order of Anthropic's documentation. */
const readers: Readonly<Record<string, (value: unknown, at: string) => Blocks>> = {
  document: kind(
    Schema.Struct({
      type: oneOf(["document"]),
      source: Schema.Struct({
        type: oneOf(["base64", "text", "content"]),
        media_type: optional(Schema.String),
        data: optional(Schema.String),
        content: optional(Schema.Union([Schema.String, Schema.Array(Text)]))
      }),
      title: optional(Schema.NullOr(Schema.String)),
      context: optional(Schema.NullOr(Schema.String)),
      citations,
      ...cache
    }),
    ({ citations, context, source, title }, at) =>
      Result.map(sourceOf(source, at), (from) => ({
        document: {
          ...from,
          name: title ?? "Document",
          ...Family.present({ context: context ?? undefined, citations: citations ?? undefined })
        }
      }))
  ),
  image: kind(
    Schema.Struct({
      type: oneOf(["image"]),
      source: Schema.Struct({
        type: oneOf(["base64"]),
        media_type: oneOf(["image/jpeg", "image/png", "image/gif", "image/webp"]),
        data: Constraint.Bytes
      }),
      ...cache
    }),
    ({ source: { data, media_type } }) =>
      Result.succeed({ image: { format: imageFormats[media_type], source: { bytes: data } } })
  ),
  redacted_thinking: kind(
    Schema.Struct({ type: oneOf(["redacted_thinking"]), data: Schema.Uint8ArrayFromBase64 }),
    ({ data }) => Result.succeed({ reasoningContent: { redactedContent: data } })
  ),
  search_result: kind(
    Schema.Struct({
      type: oneOf(["search_result"]),
      source: Schema.String,
      title: Schema.String,
      content: Schema.Array(Text),
      citations,
      ...cache
    }),
    ({ citations, content, source, title }) =>
      Result.succeed({
        searchResult: {
          source,
          title,
          content: content.map(({ text }) => ({ text })),
          ...Family.present({ citations: citations ?? undefined })
        }
      })
  ),
  text: kind(Text, ({ text }, at) =>
    text === ""
      ? Result.fail(AwsError.validation(`${at.split(".")[0]}: text content blocks must be non-empty`))
      : Result.succeed({ text })),
  thinking: kind(
    Schema.Struct({ type: oneOf(["thinking"]), thinking: Schema.String, signature: Schema.String }),
    ({ signature, thinking }) => Result.succeed({ reasoningContent: { reasoningText: { text: thinking, signature } } })
  ),
  tool_result: kind(
    Schema.Struct({
      type: oneOf(["tool_result"]),
      tool_use_id: Schema.String,
      content: optional(Schema.Unknown),
      is_error: optional(Schema.Boolean),
      ...cache
    }),
    ({ content = [], is_error, tool_use_id: toolUseId }, at) =>
      Result.map(read(content, `${at}.content`, ["document", "image", "search_result", "text"]), (blocks) => ({
        toolResult: {
          toolUseId,
          content: blocks.filter((block) => block.cachePoint === undefined),
          ...(is_error === true ? { status: "error" as const } : undefined)
        }
      }))
  ),
  tool_use: kind(
    Schema.Struct({
      type: oneOf(["tool_use"]),
      id: Schema.String,
      name: Schema.String,
      input: Family.JsonObject,
      ...cache
    }),
    ({ id, input, name }) => Result.succeed({ toolUse: { toolUseId: id, name, input } })
  )
}

const decodeBytes = reader(Schema.Struct({ data: Constraint.Bytes }))

const sourceOf = (
  source: {
    readonly type: "base64" | "text" | "content"
    readonly data?: string
    readonly content?: string | ReadonlyArray<typeof Text.Type>
  },
  at: string
): Result.Result<Pick<Block.Document, "format" | "source">, AwsError.AwsError> => {
  const { content = "", data } = source
  switch (source.type) {
    case "base64":
      return Result.map(decodeBytes({ ...Family.present({ data }) }, `${at}.source.base64`), ({ data }) => ({
        format: "pdf",
        source: { bytes: data }
      }))
    case "text":
      return Result.succeed({ format: "txt", source: { text: data ?? "" } })
    case "content":
      return Result.succeed({
        source: { content: typeof content === "string" ? [{ text: content }] : content.map(({ text }) => ({ text })) }
      })
  }
}

const words = ({ kind, message }: Violation.Violation): string => {
  switch (kind) {
    case "missing":
      return "Field required"
    case "extraneous":
      return "Extra inputs are not permitted"
    case "type":
      return `Input should be a valid ${types[message] ?? "value"}`
    case "constraint":
      return message
  }
}

const types: Readonly<Record<string, string>> = {
  String: "string",
  Number: "number",
  Integer: "integer",
  Boolean: "boolean",
  JSONArray: "list",
  JSONObject: "dictionary"
}
