/**
 * `Schema.TaggedError` for failures that are data: what happened, without stack frames.
 *
 * A failure of a service is made far from the call that fails, in a callback of the network or after a retry: its frames would be
 * those of this library and of Node, and take most of the time of making it. The spans of a program, such as those of `Effect.fn`,
 * are in the cause of the failure, and are printed below the message.
 */
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
