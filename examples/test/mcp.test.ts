import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Mcp from "../mcp.ts"
import * as Example from "./Example.ts"

it.live("mcp lets the model use the tools of a server that is a process of its own", () =>
  Effect.gen(function*() {
    const output = yield* Example.output(Mcp.main)
    assert.match(output, /^warehouse 1\.0\.0 speaks MCP 2025-11-25$/m)
    assert.match(output, /^ {2}warehouse__stock: How many pieces/m)
    assert.match(output, /^\{"article":"bolts"\} → \{"article":"bolts","pieces":1200\}$/m)
    assert.match(output, /^\{"article":"sprockets"\} failed: .*no article/m)
    assert.match(output, /^I asked for 3 articles; 1 of them does not exist\.$/m)
  }))
