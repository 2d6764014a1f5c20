import { assert, describe, it } from "@effect/vitest"
import * as ExactJson from "@strata/core/ExactJson"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Json from "../../src/wire/Json.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("wire/Json", () => {
  it.prop("reads bytes as their text", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    assert.deepStrictEqual(Json.parseBytes(bytes(text)), ExactJson.parse(text))
  })

  it("refuses bytes that are no JSON without quoting them", () => {
    assert.deepStrictEqual(Json.parseBytes(bytes("\"a secret answer")), Result.fail("not JSON"))
  })

  it("reads bytes that are no UTF-8, with a sign in their place, and past a byte order mark", () => {
    assert.deepStrictEqual(Json.parseBytes(Uint8Array.of(0x22, 0xff, 0x22)), Result.succeed("\ufffd"))
    assert.deepStrictEqual(Json.parseBytes(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)), Result.succeed(1))
  })
})
