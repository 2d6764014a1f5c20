/**
 * A test of a program of a page: it ends well, prints what the page says, and warns of nothing.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Snippet from "../../src/Snippet.ts"
import * as Programs from "./Programs.ts"

export const expected: (
  program: Programs.Program,
  folder: string,
  variables?: Readonly<Record<string, string>>
) => Effect.Effect<void> = Effect.fnUntraced(function*(program, folder, variables) {
  const { code, stderr, stdout } = yield* Programs.run(program, folder, variables)
  const { page: { snippets }, snippet } = program
  const shown = Snippet.isServer(snippet) ? Snippet.requestsOf(snippet, snippets)! : snippet
  const output = Snippet.outputOf(shown, snippets)
  if (output !== undefined && !Snippet.matches(output, stdout)) assert.strictEqual(stdout, output, stderr)
  assert.strictEqual(stderr, "")
  // A program of Effect that a signal has ended.
  assert.strictEqual(code, Snippet.isServer(snippet) ? 130 : 0, stdout + stderr)
})
