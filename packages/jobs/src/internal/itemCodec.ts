/** Items as the JSON that is stored; what does not match the schema is the failure of that item. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JobError from "../JobError.ts"

export interface ItemCodec<Item> {
  readonly encode: (item: Item) => Result.Result<string, JobError.ItemError>
  readonly decode: (json: string) => Result.Result<Item, JobError.ItemError>
}

export const make = <Item, Encoded>(item: Schema.Codec<Item, Encoded>): ItemCodec<Item> => {
  const codec = Schema.toCodecJson(item)
  const encode = Schema.encodeUnknownResult(codec)
  const decode = Schema.decodeUnknownResult(codec)
  return {
    encode: (item) =>
      Result.mapBoth(Result.flatMap(Result.try(() => encode(item)), (encoded) => encoded), {
        onFailure: failure("unencodable", "The item does not match its schema"),
        onSuccess: (encoded) => JSON.stringify(encoded)
      }),
    decode: (json) =>
      Result.mapError(
        Result.flatMap(Result.try(() => decode(JSON.parse(json))), (decoded) => decoded),
        failure("undecodable", "The stored item does not match its schema")
      )
  }
}

const failure = (kind: JobError.ItemError["kind"], what: string) => (issue: unknown) =>
  new JobError.ItemError({ kind, message: `${what}: ${issue instanceof Error ? issue.message : `${issue}`}` })
