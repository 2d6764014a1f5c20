/** The contract suites of `@strata/core/testing`, run by every implementation. */
import { assert, describe, it } from "@effect/vitest"
import { ChatContract, EmbeddingContract, RerankContract } from "@strata/core/testing"
import * as Fs from "node:fs"
import * as All from "../src/contract/All.ts"
import * as Table from "../src/contract/Table.ts"

for (const subject of All.chat) ChatContract.suite({ describe, it }, subject)

for (const subject of All.embedding) EmbeddingContract.suite({ describe, it }, subject)

for (const subject of All.rerank) RerankContract.suite({ describe, it }, subject)

describe("docs/providers.md", () => {
  it("has the tables of the declarations: `node packages/conformance/src/contract/Table.ts` writes them", () => {
    const page = Fs.readFileSync(Table.page, "utf8")
    // The formatter aligns columns.
    const words = (text: string) => text.replace(/-{2,}/g, "-").replace(/\s+/g, " ")
    assert.isTrue(words(page) === words(Table.updated(page)), "the tables are not up to date")
  })
})
