/**
 * What a command writes: results to standard output, everything else to standard error.
 */
import type * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Settings from "./Settings.ts"
import * as Streams from "./Streams.ts"

/**
 * - `text`: a piece of a result for people. Control characters are replaced by visible ones: text of a model or of a file
 *   must not operate a terminal.
 * - `json`: a value on a line of its own, exactly; control characters are escaped. `raw`: text that is JSON already.
 * - `note`: a line for the reader, left out with `--quiet`; `warn`: one that is not left out.
 * - `status`: the line that shows the progress, in place of the one before; removed by an empty text. Nothing happens
 *   where a line cannot be redrawn.
 * - `isJson`: whether results are asked for as JSON.
 */
export class Output extends Context.Service<Output, {
  readonly text: (text: string) => Effect.Effect<void, Streams.OutputClosed>
  readonly json: (value: unknown) => Effect.Effect<void, Streams.OutputClosed>
  readonly raw: (text: string) => Effect.Effect<void, Streams.OutputClosed>
  readonly note: (line: string) => Effect.Effect<void>
  readonly warn: (line: string) => Effect.Effect<void>
  readonly status: (line: string) => Effect.Effect<void>
  readonly isRedrawable: boolean
  readonly isQuiet: boolean
  readonly isJson: boolean
}>()("@strata/cli/process/Output") {}

/** The output of a command by its flags. */
export const layer: Layer.Layer<
  Output,
  never,
  Streams.Streams | GlobalFlag.Setting.Identifier<"json"> | GlobalFlag.Setting.Identifier<"quiet">
> = Layer.effect(
  Output,
  Effect.gen(function*() {
    const streams = yield* Streams.Streams
    const isQuiet = yield* Settings.Quiet
    const isRedrawable = streams.isRedrawable && !isQuiet
    let shown = ""
    const above = (line: string) =>
      Effect.suspend(() => streams.error(shown === "" ? `${visible(line)}\n` : `${erase}${visible(line)}\n${shown}`))
    return {
      text: (text) => streams.out(visible(text)),
      json: (value) => streams.out(`${JSON.stringify(value)}\n`),
      raw: streams.out,
      note: (line) => isQuiet ? Effect.void : above(line),
      warn: above,
      status: (line) =>
        !isRedrawable ? Effect.void : Effect.flatMap(streams.columns, (columns) => {
          const next = visible(line).slice(0, Math.max(columns - 1, 1))
          if (next === shown) return Effect.void
          shown = next
          return streams.error(`${erase}${next}`)
        }),
      isRedrawable,
      isQuiet,
      isJson: yield* Settings.Json
    }
  })
)

/** To the beginning of the line, and nothing behind it. */
export const erase = "\r\x1b[K"

/** A text whose control characters, other than tabs and ends of lines, are the pictures of them. */
export const visible = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd"
  })
