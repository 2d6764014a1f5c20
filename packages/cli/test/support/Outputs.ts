/** The output of a command, kept. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Output } from "../../src/process/Output.ts"

/** - `out`: standard output; `notes`: lines of standard error. */
export const make = () => {
  const notes: Array<string> = []
  const out: Array<string> = []
  const kept = (list: Array<string>) => (text: string) => Effect.sync(() => void list.push(text))
  const output = Layer.succeed(Output, {
    text: kept(out),
    json: (value) => kept(out)(JSON.stringify(value)),
    raw: kept(out),
    note: kept(notes),
    warn: kept(notes),
    status: () => Effect.void,
    isRedrawable: false,
    isQuiet: false,
    isJson: false
  })
  return { notes, out, output }
}
