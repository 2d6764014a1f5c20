/**
 * What the demo writes. On a terminal, lines are drawn in place while something happens, in colour; elsewhere, with `--plain`,
 * and where `NO_COLOR` or `CI` is set, they are printed once, when it is over.
 */
import { Config, Context, Effect, Layer, Option, Terminal } from "effect"

/** Lines to draw at this moment. */
export type Picture = (gauge: Gauge) => ReadonlyArray<string>

/** A line that fits: a name, a bar that is full by a share, and what it means in up to 28 characters. */
export type Gauge = (name: string, share: number, colour: Colour, meaning: string) => string

/**
 * - `isLive`: whether lines are drawn in place. `columns`: how many characters a line has.
 * - `print`: a line. `write`: text without a line break.
 * - `while`: draws a picture again and again while an effect runs, and a last time when it ended.
 * - `paint`: text in a colour, where there are colours.
 */
export class Screen extends Context.Service<Screen, {
  readonly isLive: boolean
  readonly columns: Effect.Effect<number>
  readonly print: (line: string) => Effect.Effect<void>
  readonly write: (text: string) => Effect.Effect<void>
  readonly while: <A, E, R, R2>(
    effect: Effect.Effect<A, E, R>,
    picture: Effect.Effect<Picture, never, R2>
  ) => Effect.Effect<A, E, R | R2>
  readonly paint: (colour: Colour, text: string) => string
}>()("@strata/examples/demo/Screen") {}

const colours = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const
export type Colour = keyof typeof colours

const make = Effect.gen(function*() {
  const terminal = yield* Terminal.Terminal
  const isMuted = (yield* Effect.forEach(["NO_COLOR", "CI"], (name) => Config.option(Config.String(name))))
    .some(Option.exists((value) => value !== ""))
  const isLive = process.stdout.isTTY === true && !process.argv.includes("--plain") && !isMuted
  const write = (text: string) => Effect.orDie(terminal.display(text))

  const paint = (colour: Colour, text: string) => isLive ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text

  // A terminal that tells no width has 80 columns; the last one stays free, so that no line is broken.
  const columns = Effect.map(terminal.columns, (columns) => Math.min(columns || 80, 110) - 1)

  const gauge = (columns: number): Gauge => (name, share, colour, meaning) => {
    const width = Math.max(4, columns - 44)
    const full = Math.round(Math.max(0, Math.min(1, share)) * width)
    const bar = paint(colour, "█".repeat(full) + "░".repeat(width - full))
    return `   ${name.padEnd(10)} ${bar} ${meaning.slice(0, 28)}`
  }

  const whileRunning = <A, E, R, R2>(effect: Effect.Effect<A, E, R>, picture: Effect.Effect<Picture, never, R2>) =>
    Effect.gen(function*() {
      let drawn = 0
      const draw = Effect.gen(function*() {
        const lines = (yield* picture)(gauge(yield* columns))
        const back = drawn === 0 ? "" : `\x1b[${drawn}A`
        yield* write(back + lines.map((line) => `${isLive ? "\r\x1b[2K" : ""}${line}\n`).join(""))
        drawn = lines.length
      })
      const redraw = Effect.forever(Effect.andThen(draw, Effect.sleep("60 millis")))
      const result = yield* isLive
        ? Effect.raceFirst(effect, redraw).pipe(
          (running) => Effect.acquireUseRelease(write("\x1b[?25l"), () => running, () => write("\x1b[?25h"))
        )
        : effect
      yield* draw
      return result
    })

  return Screen.of({ isLive, columns, print: (line) => write(`${line}\n`), write, while: whileRunning, paint })
})

/** The terminal of the process. */
export const layer = Layer.effect(Screen, make)

/** Breaks streamed text between words, so that each line begins after an indent. */
export const wrapping = (indent: number) =>
  Screen.use(({ columns }) =>
    Effect.map(columns, (columns) => {
      const line = `\n${" ".repeat(indent)}`
      let at = 0
      let space = ""
      return (text: string) => {
        const words = Array.from((space + text).matchAll(/(\s*)(\S+)/g), ([, space = "", word = ""]) => {
          const isFirst = at === 0
          const fits = at + 1 + word.length <= columns - indent && !space.includes("\n")
          at = fits && !isFirst ? at + (space === "" ? 0 : 1) + word.length : word.length
          return isFirst ? line.slice(1) + word : fits ? (space === "" ? "" : " ") + word : line + word
        })
        // The spaces at the end belong to the next word.
        space = /\s*$/.exec(space + text)?.[0] ?? ""
        return words.join("")
      }
    })
  )

/** A paragraph, indented. */
export const paragraph = Effect.fnUntraced(function*(text: string, paint: (line: string) => string = (line) => line) {
  const wrap = yield* wrapping(3)
  for (const line of wrap(text).split("\n")) yield* print(paint(line))
})

export const print = (line: string) => Screen.use(({ print }) => print(line))

/** The headline of an act: its number, and one line that says what is shown. */
export const headline = (number: number, text: string) =>
  Screen.use(({ paint, print }) => print(`\n${paint("cyan", `${number}`)}  ${paint("bold", text)}`))

/** A result, under the headline. */
export const result = Effect.fnUntraced(function*(text: string) {
  const { paint, print } = yield* Screen
  const lines = (yield* wrapping(5))(text)
  yield* print(`   ${paint("green", "✓")} ${lines.trimStart()}`)
})

/** Something to know, under the headline. */
export const note = (text: string) => Screen.use(({ paint, print }) => print(paint("dim", `   ${text}`)))

/** `1,234`, and `$0.000123`. */
export const number = (value: number): string => Math.round(value).toLocaleString("en-US")
export const dollars = (value: number): string => `$${value.toFixed(6)}`
export const percent = (share: number): string => `${Math.round(share * 100)} %`
export const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`
