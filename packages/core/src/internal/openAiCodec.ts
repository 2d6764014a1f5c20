/**
 * A codec of three stages: what is on the wire, what both sides can say, and all that we can say.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** Writing narrows `ours` to `sayable` first: whatever does not fit is an issue with its path. */
export const make = <Ours, OursEncoded, Said extends OursEncoded, Wire, Encoded>(options: {
  readonly wire: Schema.Codec<Wire, Encoded>
  readonly sayable: Schema.Codec<Said>
  readonly ours: Schema.Codec<Ours, OursEncoded>
  readonly decode: (wire: Wire) => Said
  readonly encode: (said: Said) => Wire
}): Schema.Codec<Ours, Encoded> =>
  options.wire.pipe(
    Schema.decodeTo(
      options.sayable,
      SchemaTransformation.transformEffect({
        decode: (wire) => Effect.succeed(options.decode(wire)),
        // All is checked but for JSON so deep that `JSON.stringify` runs out of stack.
        encode: (said) =>
          Effect.fromResult(Result.try({
            try: () => options.encode(said),
            catch: () => new SchemaIssue.InvalidValue({ message: "This is nested too deeply to be written as JSON" })
          }))
      })
    ),
    // Not strict, since the sayable is less than ours: its schema is what narrows.
    Schema.decodeTo(options.ours, SchemaTransformation.passthrough({ strict: false }))
  )
