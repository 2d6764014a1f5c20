/**
 * A codec between the wire format and our data: everything the wire can hold is read, and what only our data can hold is
 * refused when it is written.
 */
import * as Check from "@strata/core/Check"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * Both sides may be any value: they are copied before they are looked at. Writing narrows `ours` to `representable`: whatever
 * does not fit is an issue with its path.
 */
export const make = <Ours, OursEncoded, Narrow, Wire, Encoded>(options: {
  readonly wire: Schema.Codec<Wire, Encoded>
  readonly representable: Schema.Codec<Narrow>
  readonly ours: Schema.Codec<Ours, OursEncoded>
  readonly decode: (wire: Wire) => OursEncoded
  readonly encode: (narrowed: Narrow) => Wire
}): Schema.Codec<Ours, Encoded> => {
  const narrow = SchemaParser.decodeUnknownEffect(options.representable)
  return plain<Encoded>({}).pipe(
    Schema.decodeTo(options.wire, SchemaTransformation.passthrough()),
    Schema.decodeTo(
      options.ours,
      SchemaTransformation.transformEffect<OursEncoded, Wire>({
        decode: (wire) => Effect.succeed(options.decode(wire)),
        encode: (ours, parse) => Effect.map(narrow(ours, parse), options.encode)
      })
    ),
    Schema.decodeTo(plain<Ours>({ bytes: true, others: true }), SchemaTransformation.passthrough())
  )
}

/** A value that may be anything, as a copy that can be read: no getter throws, nothing holds itself or has no end. */
const plain = <A>(options: Check.JsonOptions) =>
  Schema.declareConstructor<A>()([], () => (given) =>
    Result.match(Check.settle(Check.json(options), given), {
      onFailure: ({ path, problem, remedy }) => {
        const issue = new SchemaIssue.InvalidValue({ message: `${capitalized(problem)}. ${remedy}` })
        return Effect.fail(path.length === 0 ? issue : new SchemaIssue.Pointer(path, issue))
      },
      // A copy is of the type of the original, as far as the next schema can tell.
      onSuccess: (copy) => Effect.succeed(copy as A)
    }))

const capitalized = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
