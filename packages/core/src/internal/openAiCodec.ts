/**
 * A codec between what is on the wire and what is ours: all that the wire says is read, and what only we can say is
 * refused when it is written.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Check from "../Check.ts"

/**
 * Both sides may be any value: they are copied before they are looked at. Writing narrows `ours` to `sayable`: whatever
 * does not fit is an issue with its path.
 */
export const make = <Ours, OursEncoded, Said, Wire, Encoded>(options: {
  readonly wire: Schema.Codec<Wire, Encoded>
  readonly sayable: Schema.Codec<Said>
  readonly ours: Schema.Codec<Ours, OursEncoded>
  readonly decode: (wire: Wire) => OursEncoded
  readonly encode: (said: Said) => Wire
}): Schema.Codec<Ours, Encoded> => {
  const narrow = SchemaParser.decodeUnknownEffect(options.sayable)
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
