/**
 * Regular expressions of a script, run with a limit of time: one that backtracks without end would block the process.
 */
import * as Result from "effect/Result"
import * as Vm from "node:vm"

/** Something that may have an expression; `at` names it in errors. */
export interface Guarded {
  readonly at: string
  readonly expression: RegExp | undefined
}

/** How long the expressions of a script may take together for one text, in milliseconds. */
const patience = 1000

/** Those that have no expression, or one that matches the text. Fails with the place of the one that takes too long. */
export const matching = <A extends Guarded>(
  all: ReadonlyArray<A>,
  text: string
): Result.Result<ReadonlyArray<A>, string> => {
  if (all.every(({ expression }) => expression === undefined)) return Result.succeed(all)
  const run: Run<A> = { all, text, found: [], running: "" }
  return Result.try({
    try: () => {
      realm.run = run
      program.runInContext(realm, { timeout: patience })
      return run.found
    },
    catch: () => `${run.running} takes more than ${patience} ms for this text`
  })
}

/** What the program reads, and where it writes how far it got. */
interface Run<A> {
  readonly all: ReadonlyArray<A>
  readonly text: string
  readonly found: Array<A>
  running: string
}

const realm: { run?: unknown } = Vm.createContext({})

// only what V8 runs as a script of its own can be stopped
const program = new Vm.Script(`
  for (const item of run.all) {
    run.running = item.at
    if (item.expression === undefined || item.expression.test(run.text)) run.found.push(item)
  }
`)
