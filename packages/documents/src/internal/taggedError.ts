/** As `@strata/core/TaggedError`, which this package does not depend on: `Schema.TaggedError` without stack frames. */
import * as Schema from "effect/Schema"

/** Defines the class of an error as `Schema.TaggedError` does; its `stack` is its tag and its message. */
export const make =
  ((identifier?: string) => (...definition: Definition) =>
    class extends defined(identifier, definition) {
      constructor(...args: ReadonlyArray<never>) {
        const { stackTraceLimit } = Error
        setLimit(0)
        // Wrong fields throw here, as in any class of Schema.
        try {
          super(...args)
        } finally {
          setLimit(stackTraceLimit)
        }
      }
    }) as typeof Schema.TaggedError // it has the static members of the class that it extends

type Definition = readonly [tag: string, fields: Schema.Struct.Fields]

const defined = (
  identifier: string | undefined,
  definition: Definition
): new(...args: ReadonlyArray<never>) => Error => Schema.TaggedError<Error>(identifier)(...definition)

/** Where the limit cannot be set, errors have frames. */
const setLimit = (limit: number) => Reflect.set(Error, "stackTraceLimit", limit)
