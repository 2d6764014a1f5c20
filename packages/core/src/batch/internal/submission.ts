/** Validates submissions, and bounds their lines while they are read. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import * as ProviderError from "../../ProviderError.ts"
import type * as Batch from "../Batch.ts"

/** A submission, which may be any value, as the provider gets it; its stream fails where a limit is broken. */
export const resolve = Effect.fnUntraced(function*<E, R>(
  { defaultModel, limits, provider }: Batch.Provider,
  given: Batch.Submission<E, R>
): Effect.fn.Return<
  Batch.ResolvedSubmission<E | ProviderError.InvalidRequestError, R>,
  ProviderError.InvalidRequestError
> {
  const settled = yield* Check.run(submission<E, R>(), given, { provider, whole: "submission" })
  const { model = defaultModel } = settled
  const invalid = (field: string, problem: string, remedy: string) =>
    ProviderError.invalidRequest({ provider, model, field, problem, remedy })
  if (model === undefined || model.trim() === "") {
    return yield* invalid(
      "model",
      "no model is named",
      "Set `model` in the submission, or once in the options of the layer"
    )
  }
  const bounds = limits(model)
  const { timeout = bounds.timeout } = settled
  if (
    Duration.isLessThan(timeout, bounds.minTimeout) || Duration.isGreaterThan(timeout, bounds.maxTimeout)
  ) {
    const range = `${Duration.format(bounds.minTimeout)} to ${Duration.format(bounds.maxTimeout)}`
    return yield* invalid("timeout", `${Duration.format(timeout)} is out of range`, `Use ${range}, or leave it out`)
  }
  const lines = bounded(settled.lines, bounds, invalid)
  return { ...settled, model, timeout, token: settled.token ?? settled.name, lines }
})

const submission = <E, R>() =>
  Check.struct<Batch.Submission<E, R> & { readonly timeout?: Duration.Duration | undefined }>({
    name: Check.filled,
    token: Check.optional(Check.filled),
    model: Check.optional(Check.text),
    kind: Check.word(["chat", "embedding"]),
    // The types of a stream cannot be checked.
    lines: Check.instance(Stream.isStream, "Give a `Stream` of the lines of prepared records") as Check.Check<
      Stream.Stream<Uint8Array, E, R>
    >,
    timeout: Check.optional(Check.duration())
  })

type Invalid = (field: string, problem: string, remedy: string) => ProviderError.InvalidRequestError

/** The lines, or the failure of the first that breaks a limit; too few fail at the end. */
const bounded = <E, R>(
  lines: Stream.Stream<Uint8Array, E, R>,
  { maxFileBytes, maxJobBytes, maxRecordBytes, maxRecords, minRecords }: Batch.Limits,
  invalid: Invalid
): Stream.Stream<Uint8Array, E | ProviderError.InvalidRequestError, R> =>
  Stream.suspend(() => {
    const most = Math.min(maxFileBytes, maxJobBytes)
    let records = 0
    let bytes = 0
    const problemOf = (line: unknown): ProviderError.InvalidRequestError | undefined => {
      const at = `lines[${records}]`
      const length = lengthOf(line)
      if (length === undefined) return invalid(at, "it is not one line of bytes", "Give `line` of what `prepare` gives")
      if (length > maxRecordBytes) {
        return invalid(at, `it has ${length} bytes, and a record at most ${maxRecordBytes}`, "Leave it out")
      }
      records++
      bytes += length + 1
      if (records > maxRecords) return invalid("lines", `there are more than ${maxRecords}`, "Divide them into jobs")
      if (bytes > most) return invalid("lines", `they have more than ${most} bytes`, "Divide them into jobs")
    }
    const counted = Stream.mapEffect(lines, (line) => {
      const problem = problemOf(line)
      return problem === undefined ? Effect.succeed(line) : Effect.fail(problem)
    })
    const end = Effect.suspend(() => {
      if (records >= minRecords) return Effect.succeed(Stream.empty)
      const problem = `there are ${records}, and a job of this model has at least ${minRecords}`
      return Effect.fail(invalid("lines", problem, "Add records, or send them as single calls"))
    })
    return Stream.concat(counted, Stream.unwrap(end))
  })

/** The bytes of a line; `undefined` for any other value, and for no line or several. */
const lengthOf: (line: unknown) => number | undefined = Check.total(
  (line) => line instanceof Uint8Array && line.length > 0 && !line.includes(lineBreak) ? line.length : undefined,
  () => undefined
)

const lineBreak = 0x0a
