import { assert, describe, it } from "@effect/vitest"
import * as Snippet from "../src/Snippet.ts"

describe("Snippet", () => {
  it("finds the code blocks of a page, with their lines", () => {
    const [first, second] = Snippet.of("# Page\n\n```ts run\n1 + 1\n```\n\n```sh\nls\n```\n")
    assert.deepStrictEqual(first, { language: "ts", meta: "run", code: "1 + 1\n", line: 3 })
    assert.deepStrictEqual(second, { language: "sh", meta: "", code: "ls\n", line: 7 })
  })
})
