/**
 * Requests and their responses, as a file: JSON to read, to compare and to edit by hand.
 *
 * It holds no credentials: only headers that describe the content, and texts scrubbed by `Secret`. Numbers are
 * JavaScript's: integers above 2^53 lose precision. A file whose writer was killed is read up to its last complete
 * exchange.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Json from "../Json.ts"
import * as JsonFile from "../JsonFile.ts"
import * as JsonText from "./JsonText.ts"

const optional = Schema.optionalKey

/** Milliseconds since the request arrived. */
const at = { at: Schema.Finite }

/**
 * One frame of an event stream.
 *
 * - `event`: the name of an event, and its payload without the padding `p`.
 * - `chunk`: an event of InvokeModelWithResponseStream: what its `bytes` hold.
 * - `exception`, `error`: the end of a failed stream.
 * - `frame`: the bytes of anything else, invalid frames too.
 */
export type Event = typeof Event.Type
/** @see {@link Event} */
export const Event = Schema.Union([
  Schema.Struct({ ...at, event: Schema.String, payload: Schema.JsonObject }),
  Schema.Struct({ ...at, chunk: Schema.Json }),
  Schema.Struct({ ...at, exception: Schema.String, payload: Schema.JsonObject }),
  Schema.Struct({ ...at, error: Schema.String, message: Schema.String }),
  Schema.Struct({ ...at, frame: Schema.Uint8Array })
])

const headers = Schema.Record(Schema.String, Schema.String)

const content = { body: optional(Schema.Json), text: optional(Schema.String), bytes: optional(Schema.Uint8Array) }

/** A body: JSON, or else `text`, or else `bytes` (base64 in the file); none of them when it is empty. */
export type Content = typeof Content.Type
const Content = Schema.Struct(content)

/**
 * A request. `operation` and `modelId` are those of the `path`, where the emulator knows them; the query is dropped.
 */
export type Request = typeof Request.Type
const Request = Schema.Struct({
  method: Schema.String,
  path: Schema.String,
  operation: optional(Schema.String),
  modelId: optional(Schema.String),
  headers,
  ...content
})

/**
 * A response: whole, or the events of a stream.
 *
 * - `at`: when it arrived, or its stream began.
 * - `end`: why a stream is incomplete: interrupted by the service or by the client.
 */
export type Response = typeof Response.Type
const Response = Schema.Struct({
  status: Schema.Int,
  ...at,
  headers,
  ...content,
  events: optional(Schema.Array(Event)),
  end: optional(Schema.Literals(["broken", "abandoned"]))
})

/** A request and its response; `redacted` when their texts are placeholders. */
export type Exchange = typeof Exchange.Type
/** @see {@link Exchange} */
export const Exchange = Schema.Struct({
  redacted: optional(Schema.Boolean),
  request: Request,
  response: Response
})

/** The version of the format. */
export const version = 1

/** Exchanges in the order of their requests. */
export interface Recording extends Schema.Schema.Type<typeof Recording> {}
/** @see {@link Recording} */
export const Recording = Schema.Struct({
  version: Schema.Literal(version),
  exchanges: Schema.Array(Exchange)
})

/** The text of a file; short values are on one line, so that a stream has one line per event. */
export const toText = (exchanges: ReadonlyArray<Exchange>): string =>
  `${begin}${exchanges.map(toEntry).join(",")}${end}`

/**
 * A file consists of a beginning, the entries of its exchanges separated by commas, and an end: an entry can be added
 * without printing the others again.
 */
export const begin = `{\n  "version": ${version},\n  "exchanges": [`

/** The end of a file; see {@link begin}. */
export const end = "\n  ]\n}\n"

/** The entry of an exchange in a file; see {@link begin}. */
export const toEntry = (exchange: Exchange): string => `${separator}${JsonText.print(encode(exchange), "    ")}`

const separator = "\n    "

/** Reads the text of a file; `file` names it in errors. */
export const fromText = (text: string, file: string): Result.Result<Recording, JsonFile.JsonFileError> =>
  Result.orElse(decode(text, file), (error) => {
    const whole = wholeEntries(text)
    return whole === undefined ? Result.fail(error) : decode(whole, file)
  })

const decode = JsonFile.fromText(Recording)

/** The complete entries of a file that ends inside one; `undefined` when it does not look like a recording. */
const wholeEntries = (text: string): string | undefined => {
  if (!text.startsWith(begin) || Result.isSuccess(Json.parse(text))) return undefined
  // nothing else in it is indented like the end of an entry
  const last = text.lastIndexOf(`${separator}}`)
  return last < 0 ? begin + end : `${text.slice(0, last)}${separator}}${end}`
}

/** Reads a file. Fails with `JsonFileError` when it cannot be read, or is no recording. */
export const read = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<Recording, JsonFile.JsonFileError, FileSystem.FileSystem> {
  const fileSystem = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(fileSystem.readFileString(file), JsonFile.unreadable(file))
  return yield* Effect.fromResult(fromText(text, file))
})

/**
 * Writes a whole file atomically. Returns its size in bytes. Fails with `JsonFileError` when it cannot be written.
 */
export const write = Effect.fnUntraced(function*(
  file: string,
  exchanges: ReadonlyArray<Exchange>
): Effect.fn.Return<number, JsonFile.JsonFileError, FileSystem.FileSystem> {
  const fileSystem = yield* FileSystem.FileSystem
  const draft = draftOf(file)
  const bytes = new TextEncoder().encode(toText(exchanges))
  yield* fileSystem.writeFile(draft, bytes).pipe(
    Effect.andThen(fileSystem.rename(draft, file)),
    Effect.mapError(JsonFile.unreadable(file))
  )
  return bytes.length
})

/** Checks whether a file can be written. Fails with `JsonFileError` where it cannot. */
export const probe = Effect.fnUntraced(function*(
  file: string
): Effect.fn.Return<void, JsonFile.JsonFileError, FileSystem.FileSystem> {
  const fileSystem = yield* FileSystem.FileSystem
  const draft = draftOf(file)
  yield* fileSystem.writeFileString(draft, "").pipe(
    Effect.andThen(fileSystem.remove(draft)),
    Effect.mapError(JsonFile.unreadable(file))
  )
})

const draftOf = (file: string) => `${file}.part`

const encode = Schema.encodeSync(Schema.toCodecJson(Exchange))
