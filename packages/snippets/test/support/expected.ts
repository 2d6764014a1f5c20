/**
 * A test of a program of a page: it ends well, prints what the page says, and warns of nothing.
 */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Snippet from "../../src/Snippet.ts"
import * as Programs from "./Programs.ts"

export const expected: (program: Programs.Program, folder: string) => Effect.Effect<void> = Effect.fnUntraced(
  function*(program, folder) {
    const { code, stderr, stdout } = yield* Programs.run(program, folder)
    assert.strictEqual(code, 0, stdout + stderr)
    const output = Snippet.outputOf(program.snippet, program.page.snippets)
    if (output !== undefined && !Snippet.matches(output, stdout)) assert.strictEqual(stdout, output, stderr)
    assert.strictEqual(stderr, "")
  }
)
