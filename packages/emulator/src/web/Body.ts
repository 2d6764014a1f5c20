/**
 * Reads the body of a request to the emulator's own paths, and says what is wrong with it, field by field.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as AwsError from "../AwsError.ts"
import type * as Exchange from "../http/Exchange.ts"
import * as Json from "../Json.ts"
import type * as JsonFile from "../JsonFile.ts"

/** A body that is refused: what is wrong at each path, and what to do. */
export class InvalidBodyError extends Data.TaggedError("InvalidBodyError")<{
  readonly message: string
  readonly problems: ReadonlyArray<JsonFile.Problem>
  readonly remedy: string | undefined
}> {}

/** The JSON of a request. A web page may send text across origins without a preflight request, but not JSON. */
export const json = Effect.fnUntraced(function*(
  exchange: Exchange.Exchange
): Effect.fn.Return<Schema.Json, AwsError.AwsError> {
  if (exchange.headers["content-type"]?.startsWith("application/json") !== true) {
    return yield* AwsError.validation("Send JSON.")
  }
  const body = yield* Effect.mapError(exchange.body, () => AwsError.validation("The body is too long."))
  return yield* Effect.fromResult(Json.fromBytes(body))
})

/** The error for a body that does not match. */
export const invalid = (remedy?: string) =>
(
  { message, problems = [] }: {
    readonly message: string
    readonly problems?: ReadonlyArray<JsonFile.Problem> | undefined
  }
): InvalidBodyError => new InvalidBodyError({ message, problems, remedy })

/** A request's JSON as a value; `remedy` is added to its errors. */
export const read = <A>(
  exchange: Exchange.Exchange,
  decode: (json: Schema.Json) => Result.Result<A, JsonFile.JsonFileError>,
  remedy?: string
): Effect.Effect<A, AwsError.AwsError | InvalidBodyError> =>
  Effect.flatMap(json(exchange), (json) => Effect.fromResult(Result.mapError(decode(json), invalid(remedy))))
