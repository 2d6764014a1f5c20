/**
 * Regular expressions of a script, run with a timeout: one that backtracks exponentially would block the process.
 */
import * as Result from "effect/Result"
import * as Vm from "node:vm"

/** An item with an optional expression; `at` names it in errors. */
export interface Guarded {
  readonly at: string
  readonly expression: RegExp | undefined
}

/** The timeout for all expressions of a script on one text, in milliseconds. */
const timeout = 1000

/**
 * The items without an expression, or with one that matches the text. Fails with the name of the one that times out.
 */
export const matching = <A extends Guarded>(
  all: ReadonlyArray<A>,
  text: string
): Result.Result<ReadonlyArray<A>, string> => {
  if (all.every(({ expression }) => expression === undefined)) return Result.succeed(all)
  const run: Run<A> = { all, text, found: [], running: "" }
  return Result.try({
    try: () => {
      realm.run = run
      program.runInContext(realm, { timeout: timeout })
      return run.found
    },
    catch: () => `${run.running} takes more than ${timeout} ms for this text`
  })
}

/** The input and output of the program. */
interface Run<A> {
  readonly all: ReadonlyArray<A>
  readonly text: string
  readonly found: Array<A>
  running: string
}

const realm: { run?: unknown } = Vm.createContext({})

// V8 can interrupt only a separate script
const program = new Vm.Script(`
  for (const item of run.all) {
    run.running = item.at
    if (item.expression === undefined || item.expression.test(run.text)) run.found.push(item)
  }
`)
