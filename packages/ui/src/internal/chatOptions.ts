/** The options of `UiChat`, checked once. */
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as Tool from "@strata/core/tool/Tool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as UiChat from "../UiChatOptions.ts"

type Any = UiChat.Options<ReadonlyArray<Tool.Any>, unknown, unknown, unknown, unknown>

const time = Check.optional(Check.duration({ zero: false })) as Check.Check<Duration.Input | undefined>
const count = (what: string) =>
  Check.optional(Check.number({ min: 1, max: Number.MAX_SAFE_INTEGER, whole: true, remedy: `Use ${what} from 1` }))

const options = Check.struct<Any>({
  // The loop checks its tools, before anything is sent.
  tools: Check.optional(Check.list(Check.unchecked<Tool.Any>(), { remedy: "Give an array of tools" })),
  maxSteps: count("a number"),
  concurrency: count("a number"),
  request: Check.optional(Check.callback()),
  key: Check.optional(Check.callback()),
  files: Check.optional(Check.partial<NonNullable<Any["files"]>>({
    accept: Check.optional(Check.list(Check.filled, { remedy: "Give media types" })),
    allowUrl: Check.optional(Check.callback()),
    system: Check.optional(Check.word(["refuse", "keep"]))
  })),
  whenReadersLeave: Check.optional(Check.word(["stop", "continue"])),
  reasoning: Check.optional(Check.flag),
  metadata: Check.optional(Check.callback()),
  errorText: Check.optional(Check.callback()),
  onError: Check.optional(Check.callback()),
  onEnd: Check.optional(Check.callback()),
  answersWithin: time,
  heartbeat: time,
  statusWithin: Check.optional(Check.duration()) as Check.Check<Duration.Input | undefined>,
  maxBodySize: count("a number of bytes"),
  maxAnswerSize: count("a number of characters"),
  maxTurns: count("a number")
}, { remedy: "Give an object with `tools`, `request` and the like" })

/** The options with their defaults, durations in milliseconds. */
export const settle = <Options extends object>(
  given: Options | undefined
): Effect.Effect<
  & Omit<Options, keyof Limits>
  & Limits,
  ProviderError.InvalidRequestError
> =>
  Effect.map(Check.run(options, given ?? {}, { provider: "strata", whole: "options" }), (checked) => {
    const millis = (given: Duration.Input | undefined, usual: number) =>
      given === undefined ? usual : Duration.toMillis(Duration.fromInputUnsafe(given))
    const { maxAnswerSize = 32 * 1024 * 1024, maxBodySize = 20 * 1024 * 1024, maxTurns = 1000 } = checked
    return {
      ...checked as object as Omit<Options, keyof Limits>, // a copy of the options, whose functions keep their types
      answersWithin: millis(checked.answersWithin, 86_400_000),
      heartbeat: millis(checked.heartbeat, 15_000),
      statusWithin: millis(checked.statusWithin, 5000),
      whenReadersLeave: checked.whenReadersLeave ?? "stop",
      maxAnswerSize,
      maxBodySize,
      maxTurns
    }
  })

interface Limits {
  readonly answersWithin: number
  readonly heartbeat: number
  readonly statusWithin: number
  readonly whenReadersLeave: "stop" | "continue"
  readonly maxAnswerSize: number
  readonly maxBodySize: number
  readonly maxTurns: number
}
