/**
 * Decodes the lines of a job's output: the answer or the error of one record each.
 *
 * Total: any bytes give a result. A line that cannot be read has a `MalformedResponseError`, and no id where it shows none.
 */
import type * as Batch from "@strata/core/batch/Batch"
import type * as ChatResponse from "@strata/core/chat/ChatResponse"
import type * as Embedding from "@strata/core/embedding/Embedding"
import type * as ProviderError from "@strata/core/ProviderError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as BedrockError from "../BedrockError.ts"
import * as Response from "../converse/Response.ts"
import * as Answer from "../embedding/Answer.ts"
import * as Family from "../embedding/Family.ts"
import * as Failure from "../error/Failure.ts"
import type { Line } from "../storage/Lines.ts"
import * as ConverseShapes from "../wire/ConverseShapes.ts"
import * as Json from "../wire/Json.ts"
import * as Shape from "../wire/Shape.ts"

/** Decodes one line. */
export type Decode<R extends Batch.BatchResult = Batch.BatchResult> = (line: Line) => R

/** Of a Converse job. */
export const chat = (model: string, where: Failure.Where): Decode<Batch.ChatResult> => {
  const read = reader<ChatResponse.ChatResponse>(
    { ...where, model },
    Json.parseBytes,
    (output) =>
      Result.flatMap(
        Result.mapError(
          Shape.conform(ConverseShapes.response, output),
          (problem) => Failure.malformed({ ...where, model }, problem)
        ),
        // The rest of a command's output is what the SDK adds.
        (response) => Response.decode({ ...response, $metadata: {} }, model, () => where)
      )
  )
  return (line) => ({ kind: "chat", ...read(line) })
}

/** Of an InvokeModel job of one family, whose records have these options. */
export const embedding = (
  family: Family.Family,
  options: Embedding.ResolvedOptions,
  where: Failure.Where
): Decode<Batch.EmbeddingResult> => {
  const { model } = options
  const asked = { inputs: [""], options }
  const read = reader<Embedding.Embedding>(
    { ...where, model },
    Answer.parse,
    (output) =>
      Result.mapBoth(Family.decodeAnswer(family, asked, Predicate.isObject(output) ? output : {}), {
        onFailure: (problem) => Failure.malformed({ ...where, model }, problem),
        onSuccess: ({ inputTokens, vectors }) => ({
          vector: vectors[0]!,
          model,
          ...(inputTokens === undefined ? undefined : { inputTokens })
        })
      })
  )
  return (line) => ({ kind: "embedding", ...read(line) })
}

interface Read<Answer> {
  readonly recordId: string | undefined
  readonly result: Result.Result<Answer, ProviderError.CallError>
}

const reader = <A>(
  asked: Failure.Asked,
  parse: (bytes: Uint8Array) => Result.Result<unknown, string>,
  decode: (output: unknown) => Result.Result<A, ProviderError.CallError>
) =>
(line: Line): Read<A> => {
  const malformed = (problem: string, recordId?: string): Read<A> => ({
    recordId,
    result: Result.fail(Failure.malformed(asked, problem))
  })
  if (line === undefined) return malformed("a line of the output is too long")
  const parsed = parse(line)
  if (Result.isFailure(parsed)) return malformed(`a line of the output: ${parsed.failure}`)
  if (!Predicate.isObject(parsed.success)) return malformed("a line of the output is not a record")
  const { error, modelOutput, recordId: id } = parsed.success
  const recordId = typeof id === "string" ? id : undefined
  if (Predicate.isObject(error)) return { recordId, result: Result.fail(errorOf(error, asked)) }
  if (modelOutput === undefined) return malformed("the record has no output, and no error", recordId)
  return { recordId, result: decode(modelOutput) }
}

/** The error of a record as that of a single call: `errorCode` is its HTTP status. */
const errorOf = (
  { errorCode, errorMessage }: Readonly<Record<string, unknown>>,
  { model, region, server }: Failure.Asked
): ProviderError.CallError => {
  const status = Number(errorCode)
  const words = typeof errorMessage === "string" ? errorMessage : ""
  const name = names.get(status) ?? (typeof errorCode === "string" && Number.isNaN(status) ? errorCode : "")
  const $metadata = { httpStatusCode: Number.isInteger(status) ? status : 400 }
  return BedrockError.fromUnknown(Object.assign(new Error(words), { name, $metadata }), { model, region, server })
}

/** A record has no name of its error, which tells the service's refusals from those of a gateway. */
const names: ReadonlyMap<number, string> = new Map([
  [400, "ValidationException"],
  [403, "AccessDeniedException"],
  [404, "ResourceNotFoundException"],
  [408, "ModelTimeoutException"],
  [424, "ModelErrorException"],
  [429, "ThrottlingException"],
  [500, "InternalServerException"],
  [503, "ServiceUnavailableException"]
])
