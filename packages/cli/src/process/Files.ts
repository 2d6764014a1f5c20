/** Calls of `node:fs` as effects. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A file system that did not do what was asked; `code` such as `ENOENT`. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  code: Schema.optional(Schema.String),
  message: Schema.String
}) {}

/** A call. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, FileError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      // Functions of `node:fs` reject with nothing else.
      const { code, message } = cause as NodeJS.ErrnoException
      return new FileError({ code, message })
    }
  })
