/**
 * A duration in options, `"2 seconds"` or milliseconds, also in JSON.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

// `fromInput` itself reports invalid durations
const isInput = (value: unknown): value is Duration.Input =>
  !Number.isNaN(value) && Option.isSome(Duration.fromInput(value as Duration.Input))

const isText = (value: unknown): value is string & Duration.Input =>
  typeof value === "string" &&
  /^(?:-?Infinity|-?\d+(?:\.\d+)? (?:nano|micro|milli|second|minute|hour|day|week)s?)$/.test(value)

const duration = "a duration such as \"2 seconds\", or milliseconds"

/** Any `Duration.Input`. In JSON it is a text such as `"2 seconds"`, or milliseconds. */
export const DurationInput = Schema.declare(isInput, {
  expected: duration,
  toCodecJson: () =>
    Schema.link<Duration.Input>()(
      Schema.Union([Schema.Finite, Schema.String.pipe(Schema.refine(isText, { expected: duration }))]),
      SchemaTransformation.transform({ decode: (json): Duration.Input => json, encode: toJson })
    )
})

const toJson = (input: Duration.Input): number | (string & Duration.Input) => {
  const milliseconds = Duration.toMillis(input)
  return Number.isFinite(milliseconds) ? milliseconds : "Infinity"
}
