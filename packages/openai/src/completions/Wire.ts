/**
 * Messages and tools as OpenAI's Chat Completions API writes them.
 *
 * Media are bytes already; the rest is as it stands on the wire. Fields that are not named here are left out when read:
 * OpenAI adds new ones all the time. https://platform.openai.com/docs/api-reference/chat/create
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Struct from "effect/Struct"

/** OpenAI and its clients write `null` for what is not there. */
const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** Where a cached prefix ends: not OpenAI's, but what servers in front of Claude and others read. */
const CacheControl = nullish(
  Schema.Struct({ type: nullish(Schema.Literal("ephemeral")), ttl: nullish(Schema.Literals(["5m", "1h"])) })
)
export type CacheControl = typeof CacheControl.Type

const cache = { cache_control: CacheControl }

const Data = Schema.Struct({ mediaType: Schema.String, bytes: Schema.Uint8Array })

type Data = typeof Data.Type

const Link = Schema.Struct({ uri: Schema.String })

const parseData = (text: string): Result.Result<Data, SchemaIssue.Issue> => {
  const comma = text.indexOf(",")
  const mediaType = /^data:(.+);base64$/is.exec(text.slice(0, Math.max(comma, 0)))?.[1]
  return mediaType === undefined
    ? invalid("Expected a data URI in base64 with its media type, such as `data:image/png;base64,…`")
    : Result.match(parseBase64(text.slice(comma + 1)), {
      onFailure: (message) => invalid(`Expected base64 after the comma of the data URI: ${message}`),
      onSuccess: (bytes) => Result.succeed({ mediaType, bytes })
    })
}

/** Base64 as it is found: broken into lines, without its padding, or with the letters of URLs. */
const parseBase64 = (text: string): Result.Result<Uint8Array, string> => {
  const bare = /[\s_-]/.test(text) ? text.replace(/\s+/g, "").replace(/-/g, "+").replace(/_/g, "/") : text
  const padding = bare.length % 4
  return Result.mapError(
    Base64.decode(padding === 2 ? `${bare}==` : padding === 3 ? `${bare}=` : bare),
    ({ message }) => message
  )
}

const writeData = ({ bytes, mediaType }: Data): string => `data:${mediaType};base64,${Base64.encode(bytes)}`

const invalid = (message: string) => Result.fail(new SchemaIssue.InvalidValue({ message }))

const DataUri = Schema.String.pipe(Schema.decodeTo(
  Data,
  SchemaTransformation.transformEffect<Data, string>({
    decode: (text) => Effect.fromResult(parseData(text)),
    encode: (data) => Effect.succeed(writeData(data))
  })
))

const Url = Schema.String.pipe(Schema.decodeTo(
  Schema.Union([Data, Link]),
  SchemaTransformation.transformEffect<Data | typeof Link.Type, string>({
    decode: (text) => /^data:/i.test(text) ? Effect.fromResult(parseData(text)) : Effect.succeed({ uri: text }),
    encode: (source) => Effect.succeed("uri" in source ? source.uri : writeData(source))
  })
))

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String, ...cache })

const RefusalPart = Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })

/** An object with the URL, or, as some clients have it, the URL itself. */
export const Media = Schema.Union([Schema.Struct({ url: Url }), Url])

const ImagePart = Schema.Struct({ type: Schema.Literal("image_url"), image_url: Media, ...cache })

/** Not OpenAI's: what servers of models that see videos read. */
const VideoPart = Schema.Struct({ type: Schema.Literal("video_url"), video_url: Media, ...cache })

/** The formats of recordings, and their media types; OpenAI itself takes the first two. */
export const audioTypes = {
  wav: "audio/wav",
  mp3: "audio/mpeg",
  flac: "audio/flac",
  ogg: "audio/ogg",
  opus: "audio/opus",
  aac: "audio/aac",
  m4a: "audio/x-m4a",
  mp4: "audio/mp4",
  webm: "audio/webm",
  pcm: "audio/pcm",
  pcm16: "audio/pcm"
} as const

/** Base64, or a data URI, whose media type the format says again. */
const parseRecording = (text: string): Result.Result<Uint8Array, SchemaIssue.Issue> =>
  /^data:/i.test(text)
    ? Result.map(parseData(text), ({ bytes }) => bytes)
    : Result.match(parseBase64(text), {
      onFailure: (message) => invalid(`Expected the recording in base64: ${message}`),
      onSuccess: Result.succeed
    })

const Recording = Schema.String.pipe(Schema.decodeTo(
  Schema.Uint8Array,
  SchemaTransformation.transformEffect<Uint8Array, string>({
    decode: (text) => Effect.fromResult(parseRecording(text)),
    encode: (bytes) => Effect.succeed(Base64.encode(bytes))
  })
))

const AudioPart = Schema.Struct({
  type: Schema.Literal("input_audio"),
  input_audio: Schema.Struct({ data: Recording, format: Schema.Literals(Struct.keys(audioTypes)) }),
  ...cache
})

/** What only OpenAI could look up: allowed to be `null`, and refused otherwise rather than lost. */
const kept = (message: string) => Schema.optionalKey(Schema.NullishOr(Schema.Never).annotate({ message }))

const FilePart = Schema.Struct({
  type: Schema.Literal("file"),
  file: Schema.Struct({
    file_id: kept("Only OpenAI has the file with this id: send its bytes as `file_data`"),
    file_data: DataUri,
    filename: nullish(Schema.String)
  }),
  ...cache
})

export const UserPart = Schema.Union([TextPart, ImagePart, VideoPart, AudioPart, FilePart]).annotate({
  message: "Expected a part of the type text, image_url, video_url, input_audio or file"
})

/** What a tool can answer: OpenAI itself takes text only. */
export const SharedPart = Schema.Union([TextPart, ImagePart, VideoPart, FilePart]).annotate({
  message: "Expected a part of the type text, image_url, video_url or file"
})

/** A function without arguments may have none. */
const FunctionCall = Schema.Struct({ name: Schema.String, arguments: nullish(Schema.String) })
export type FunctionCall = typeof FunctionCall.Type

/** Functions are the only kind, so some servers leave it out. */
const isFunction = { type: nullish(Schema.Literal("function")) }

const ToolCall = Schema.Struct({ id: Schema.String, ...isFunction, function: FunctionCall })

/** Clients write `null` for no text. */
export const Text = Schema.Union([Schema.String, Schema.Null, Schema.Array(TextPart)])

/** One message. A `function` message and `function_call` are what `tool` and `tool_calls` were before November 2023. */
export const Message = Schema.Union([
  Schema.Struct({ role: Schema.Literal("system"), content: Text, ...cache }),
  Schema.Struct({ role: Schema.Literal("developer"), content: Text, ...cache }),
  Schema.Struct({
    role: Schema.Literal("user"),
    content: Schema.Union([Schema.String, Schema.Null, Schema.Array(UserPart)]),
    ...cache
  }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: nullish(Schema.Union([Schema.String, Schema.Array(Schema.Union([TextPart, RefusalPart]))])),
    refusal: nullish(Schema.String),
    reasoning_content: nullish(Schema.String),
    reasoning: nullish(Schema.String),
    tool_calls: nullish(Schema.Array(ToolCall)),
    function_call: nullish(FunctionCall),
    audio: kept("Only OpenAI has this recording: send its transcript as `content`"),
    ...cache
  }),
  Schema.Struct({
    role: Schema.Literal("tool"),
    tool_call_id: Schema.String,
    content: nullish(Schema.Union([Schema.String, Schema.Array(SharedPart)])),
    ...cache
  }),
  Schema.Struct({ role: Schema.Literal("function"), name: Schema.String, content: Schema.NullOr(Schema.String) })
]).annotate({ message: "Expected a message of the role system, developer, user, assistant, tool or function" })
export type Message = typeof Message.Type

/** A function, as `tools` and, before November 2023, `functions` describe it. */
const FunctionDefinition = Schema.Struct({
  name: Schema.String,
  description: nullish(Schema.String),
  parameters: nullish(Schema.Record(Schema.String, Schema.Unknown)),
  strict: nullish(Schema.Boolean),
  ...cache
})

export const Tool = Schema.Struct({ ...isFunction, function: FunctionDefinition, ...cache })
export type Tool = typeof Tool.Type

export const ToolChoice = Schema.Union([
  Schema.Literals(["auto", "none", "required"]),
  Schema.Struct({ type: Schema.Literal("function"), function: Schema.Struct({ name: Schema.String }) })
])
export type ToolChoice = typeof ToolChoice.Type

const ResponseFormat = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json_object") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    json_schema: Schema.Struct({
      name: Schema.String,
      description: nullish(Schema.String),
      schema: nullish(Schema.Record(Schema.String, Schema.Unknown))
    })
  })
]).annotate({ message: "Expected a format of the type text, json_object or json_schema" })

/** The body of a request. `functions` and `function_call` are what `tools` and `tool_choice` were before November 2023. */
export const Request = Schema.Struct({
  model: nullish(Schema.String),
  messages: Schema.Array(Message),
  max_completion_tokens: nullish(Schema.Finite),
  max_tokens: nullish(Schema.Finite),
  temperature: nullish(Schema.Finite),
  top_p: nullish(Schema.Finite),
  stop: nullish(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  tools: nullish(Schema.Array(Tool)),
  tool_choice: nullish(ToolChoice),
  parallel_tool_calls: nullish(Schema.Boolean),
  functions: nullish(Schema.Array(FunctionDefinition)),
  function_call: nullish(Schema.Union([Schema.Literals(["auto", "none"]), Schema.Struct({ name: Schema.String })])),
  response_format: nullish(ResponseFormat),
  reasoning_effort: nullish(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh"]))
})
export type Request = typeof Request.Type
