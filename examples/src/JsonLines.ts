/**
 * Files with a JSON value on each line.
 */
import { Effect, FileSystem, Schema, Stream } from "effect"

/** The values of a file, in order. Fails at the first line that does not match the schema. */
export const read = <A, I>(path: string, schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeEffect(Schema.fromJsonString(schema))
  return Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(path))).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapEffect((line) => decode(line))
  )
}
