/**
 * Recorded exchanges: one JSON object per line, or files of the emulator's `--record`.
 *
 * A line has `id`, `op`, `model`, `status`, `request` (text), `headers` (of the answer) and `body` (base64, the bytes of
 * the answer).
 */
import { Recording as EmulatorRecording } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as EventStream from "./wire/EventStream.ts"
import * as Json from "./wire/Json.ts"

/** The operations that are played. */
export const operations = [
  "converse",
  "converse-stream",
  "invoke",
  "invoke-with-response-stream",
  "count-tokens",
  "apply-guardrail"
] as const

/** One of {@link operations}. */
export type Operation = typeof operations[number]

/**
 * One exchange.
 *
 * - `op`: as recorded; operations not among {@link operations} are not played.
 * - `model`: as in the path; for ApplyGuardrail the id or the ARN of the guardrail.
 * - `request`: the body as text; empty where it was not recorded.
 * - `headers`: with names in lower case.
 */
export interface Recording {
  readonly id: string
  readonly op: string
  readonly model: string
  readonly status: number
  readonly request: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A file and its readable recordings. */
export interface File {
  readonly name: string
  readonly recordings: ReadonlyArray<Recording>
  readonly unreadable: ReadonlyArray<string>
}

/** Whether a recorded operation is one of the Bedrock Runtime that is played. */
export const isOperation = (op: string): op is Operation => operations.some((known) => known === op)

/** Whether a recorded operation is one of Bedrock's endpoint `mantle`, which has OpenAI's API: `mantle:/v1/responses`. */
export const isMantle = (op: string): boolean => op.startsWith("mantle:")

/** The body of the request as JSON; `undefined` where it was not recorded, or is not JSON. */
export const requestOf = ({ request }: Recording): Json.Json | undefined =>
  request.trim() === "" ? undefined : Result.getOrUndefined(Json.parse(request))

/** The path of the request. The version of a guardrail is not recorded, but may be in the answer. */
export const pathOf = (recording: Recording): string => {
  const name = encodeURIComponent(recording.model)
  if (recording.op !== "apply-guardrail") return `/model/${name}/${recording.op}`
  return `/guardrail/${name}/version/${guardrailVersion(recording)}/apply`
}

/** The version of the guardrail, `DRAFT` where the answer does not name it. */
export const guardrailVersion = ({ body }: Recording): string => {
  const [assessment] = Json.list(Result.getOrUndefined(Json.parseBytes(body)), "assessments")
  return Json.text(assessment, "appliedGuardrailDetails", "guardrailVersion") ?? "DRAFT"
}

/** The exception name in an answer, without its namespace. */
export const exceptionOf = ({ body, headers }: Recording): string | undefined =>
  (headers["x-amzn-errortype"] ?? Json.text(Result.getOrUndefined(Json.parseBytes(body)), "__type"))
    ?.replace(/:.*$/s, "").replace(/^.*#/, "")

/** The message of an error. */
export const messageOf = ({ body }: Recording): string => {
  const json = Result.getOrUndefined(Json.parseBytes(body))
  return Json.text(json, "message") ?? Json.text(json, "Message") ?? ""
}

/** The recordings of a folder, file by file: `*.jsonl`, and `*.json` that the emulator wrote. */
export const readFolder = Effect.fnUntraced(function*(folder: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = (yield* fileSystem.readDirectory(folder)).filter((name) => /\.jsonl?$/.test(name)).toSorted()
  const files = yield* Effect.forEach(
    names,
    (name) =>
      Effect.map(
        fileSystem.readFileString(path.join(folder, name)),
        (text): File | undefined => name.endsWith(".jsonl") ? fromLines(name, text) : fromEmulator(name, text)
      )
  )
  return files.filter((file) => file !== undefined)
})

const Line = Schema.fromJsonString(Schema.Struct({
  id: Schema.String,
  op: Schema.String,
  model: Schema.optional(Schema.NullOr(Schema.String)),
  status: Schema.Finite,
  request: Schema.optional(Schema.NullOr(Schema.String)),
  headers: Schema.Record(Schema.String, Schema.Unknown),
  body: Schema.Uint8ArrayFromBase64
}))

const decodeLine = Schema.decodeUnknownResult(Line)

/** The exchanges of a text, one JSON a line. */
export const fromLines = (name: string, text: string): File => {
  const read = text.split("\n").flatMap((line, index) =>
    line.trim() === "" ? [] : [Result.mapError(decodeLine(line), ({ message }) => `line ${index + 1}: ${message}`)]
  )
  return {
    name,
    recordings: read.flatMap((line) => Result.isSuccess(line) ? [fromLine(line.success)] : []),
    unreadable: read.flatMap((line) => Result.isFailure(line) ? [line.failure] : [])
  }
}

const fromLine = (line: typeof Line.Type): Recording => ({
  id: line.id,
  op: line.op,
  model: decoded(line.model ?? ""),
  status: line.status,
  request: unwrapped(line.request ?? ""),
  headers: Object.fromEntries(
    Object.entries(line.headers).map(([name, value]) => [name.toLowerCase(), String(value)])
  ),
  body: line.body
})

const decoded = (name: string): string => Result.getOrElse(Result.try(() => decodeURIComponent(name)), () => name)

/** Some recorders wrap the body in `{"kind":"json","value":…}`. */
const unwrapped = (request: string): string => {
  const json = request.startsWith("{") ? Result.getOrUndefined(Json.parse(request)) : undefined
  const wrapped = Json.text(json, "kind") === "json" ? Json.member(json, "value") : undefined
  return wrapped === undefined ? request : Json.print(wrapped)
}

/** `undefined` for JSON that is not a recording of the emulator. */
const fromEmulator = (name: string, text: string): File | undefined =>
  Result.match(EmulatorRecording.fromText(text, name), {
    onFailure: () => undefined,
    onSuccess: ({ exchanges }) => ({
      name,
      recordings: exchanges.map((exchange, index) => fromExchange(`${name}#${index}`, exchange)),
      unreadable: []
    })
  })

const fromExchange = (id: string, { request, response }: EmulatorRecording.Exchange): Recording => {
  const [, model, modelOp] = /^\/model\/([^/]*)\/([a-z-]+)$/.exec(request.path) ?? []
  const [, guardrail] = /^\/guardrail\/([^/]*)\/version\/[^/]*\/apply$/.exec(request.path) ?? []
  return {
    id,
    op: guardrail === undefined ? modelOp ?? request.path : "apply-guardrail",
    model: decoded(guardrail ?? model ?? ""),
    status: response.status,
    request: Buffer.from(contentBytes(request)).toString(),
    headers: response.headers,
    body: response.events === undefined ? contentBytes(response) : Buffer.concat(response.events.map(toFrame))
  }
}

const contentBytes = ({ body, bytes, text }: EmulatorRecording.Content): Uint8Array =>
  body === undefined ? bytes ?? Buffer.from(text ?? "") : Buffer.from(JSON.stringify(body))

const toFrame = (event: EmulatorRecording.Event): Uint8Array => {
  if ("frame" in event) return event.frame
  if ("chunk" in event) {
    const bytes = Buffer.from(JSON.stringify(event.chunk)).toString("base64")
    return EventStream.event("chunk", JSON.stringify({ bytes }))
  }
  if ("event" in event) return EventStream.event(event.event, JSON.stringify(event.payload))
  if ("exception" in event) return EventStream.exception(event.exception, JSON.stringify(event.payload))
  return EventStream.error(event.error, event.message)
}
