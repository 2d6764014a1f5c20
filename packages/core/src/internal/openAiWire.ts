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

/** OpenAI and its clients write `null` for what is not there. */
const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optional(Schema.NullOr(schema))

const Data = Schema.Struct({ mediaType: Schema.String, bytes: Schema.Uint8Array })

type Data = typeof Data.Type

const Link = Schema.Struct({ uri: Schema.String })

const parseData = (text: string): Result.Result<Data, SchemaIssue.Issue> => {
  const comma = text.indexOf(",")
  const mediaType = /^data:(.+);base64$/is.exec(text.slice(0, Math.max(comma, 0)))?.[1]
  return mediaType === undefined
    ? invalid("Expected a data URI in base64 with its media type, such as `data:image/png;base64,…`")
    : Result.match(Base64.decode(text.slice(comma + 1)), {
      onFailure: ({ message }) => invalid(`Expected base64 after the comma of the data URI: ${message}`),
      onSuccess: (bytes) => Result.succeed({ mediaType, bytes })
    })
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

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

const RefusalPart = Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })

const ImagePart = Schema.Struct({ type: Schema.Literal("image_url"), image_url: Schema.Struct({ url: Url }) })

const AudioPart = Schema.Struct({
  type: Schema.Literal("input_audio"),
  input_audio: Schema.Struct({ data: Schema.Uint8ArrayFromBase64, format: Schema.Literals(["wav", "mp3"]) })
})

/** What only OpenAI could look up: allowed to be `null`, and refused otherwise rather than lost. */
const kept = (message: string) => Schema.optionalKey(Schema.NullishOr(Schema.Never).annotate({ message }))

const FilePart = Schema.Struct({
  type: Schema.Literal("file"),
  file: Schema.Struct({
    file_id: kept("Only OpenAI has the file with this id: send its bytes as `file_data`"),
    file_data: DataUri,
    filename: nullish(Schema.String)
  })
})

export const UserPart = Schema.Union([TextPart, ImagePart, AudioPart, FilePart]).annotate({
  message: "Expected a part of the type text, image_url, input_audio or file"
})

const ToolCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})

const Text = Schema.Union([Schema.String, Schema.Array(TextPart)])

/** One message. A `function` message and `function_call` are what `tool` and `tool_calls` were before November 2023. */
export const Message = Schema.Union([
  Schema.Struct({ role: Schema.Literal("system"), content: Text }),
  Schema.Struct({ role: Schema.Literal("developer"), content: Text }),
  Schema.Struct({
    role: Schema.Literal("user"),
    content: Schema.Union([Schema.String, Schema.Array(UserPart)])
  }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: nullish(Schema.Union([Schema.String, Schema.Array(Schema.Union([TextPart, RefusalPart]))])),
    refusal: nullish(Schema.String),
    reasoning_content: nullish(Schema.String),
    tool_calls: nullish(Schema.Array(ToolCall)),
    function_call: nullish(Schema.Struct({ name: Schema.String, arguments: Schema.String })),
    audio: kept("Only OpenAI has this recording: send its transcript as `content`")
  }),
  Schema.Struct({ role: Schema.Literal("tool"), tool_call_id: Schema.String, content: Text }),
  Schema.Struct({ role: Schema.Literal("function"), name: Schema.String, content: Schema.NullOr(Schema.String) })
]).annotate({ message: "Expected a message of the role system, developer, user, assistant, tool or function" })
export type Message = typeof Message.Type

/** A function, as `tools` and, before November 2023, `functions` describe it. */
const FunctionDefinition = Schema.Struct({
  name: Schema.String,
  description: nullish(Schema.String),
  parameters: nullish(Schema.Record(Schema.String, Schema.Unknown)),
  strict: nullish(Schema.Boolean)
})

export const Tool = Schema.Struct({ type: Schema.Literal("function"), function: FunctionDefinition })
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
  functions: nullish(Schema.Array(FunctionDefinition)),
  function_call: nullish(Schema.Union([Schema.Literals(["auto", "none"]), Schema.Struct({ name: Schema.String })])),
  response_format: nullish(ResponseFormat),
  reasoning_effort: nullish(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh"]))
})
export type Request = typeof Request.Type
