import { assert, describe, it } from "@effect/vitest"
import { TestChat } from "@strata/core/testing"
import { Effect } from "effect"
import * as Page from "./support/Page.ts"
import * as Server from "./support/Server.ts"

describe("UiChat", () => {
  it.live("answers a page of `useChat`", () =>
    Effect.gen(function*() {
      const api = yield* Server.start(TestChat.layer(["Hello from here"]))
      const page = Page.open(api)
      yield* Page.act(() => page.sendMessage({ text: "Hi" }))
      assert.strictEqual(page.status, "ready", String(page.error))
      assert.strictEqual(Page.textOf(page.lastMessage), "Hello from here")
    }))
})
