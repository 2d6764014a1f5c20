import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import * as WebBrowser from "./support/WebBrowser.ts"

const act = <A>(action: () => Promise<A>) => Effect.promise(action)

/** A question of the user, to the end of its answer. */
const ask = Effect.fnUntraced(function*(page: Page, text: string) {
  yield* act(() => page.getByLabel("Message").fill(text))
  yield* act(() => page.getByRole("button", { name: "Send" }).click())
})

const suite = WebBrowser.isThere ? describe : describe.skip

suite("Pages", () => {
  layer(WebBrowser.layer, { excludeTestServices: true, timeout: "120 seconds" })((it) => {
    describe("made with `useChat` by a stranger, on the server of the example `web-chat`", () => {
      const start = Effect.fnUntraced(function*(id: string) {
        const { stranger } = yield* WebBrowser.Shared
        const opened = yield* WebBrowser.open(`${stranger}/?id=${id}`)
        const ready = act(() => opened.page.locator("#status", { hasText: "ready" }).waitFor())
        yield* ready
        return { ...opened, ready }
      })

      it.effect("streams text, shows a tool at work, and sources", () =>
        Effect.gen(function*() {
          const { complaints, page, ready } = yield* start("stranger-1")
          yield* ask(page, "How much is a late book?")
          yield* act(() => page.getByText("search_rules: input-available").waitFor())
          yield* act(() => page.getByText("search_rules: output-available").waitFor())
          // In pieces: a sentence that is not yet whole.
          yield* act(() => page.waitForFunction("/Late books cost(?!.*each\\.)/.test(document.body.innerText)"))
          yield* act(() => page.getByRole("link", { name: "Late fees" }).waitFor())
          yield* ready
          const text = yield* act(() => page.locator("section.assistant").innerText())
          assert.include(text, "Late books cost ten cents a day")
          assert.match(text, /\d+ tokens/)
          assert.deepStrictEqual(complaints, [])
        }))

      it.effect("asks a person, and hears yes and no; tools of the page answer by themselves", () =>
        Effect.gen(function*() {
          const { complaints, page, ready } = yield* start("stranger-2")
          yield* ask(page, "Please reserve Ulysses")
          yield* act(() => page.getByRole("button", { name: "Approve" }).click())
          yield* act(() => page.getByText("reserve_book: output-available").waitFor())
          yield* act(() => page.locator("section.assistant p", { hasText: "on the shelf" }).waitFor())
          yield* ready
          yield* ask(page, "Please reserve Emma")
          yield* act(() => page.getByRole("button", { name: "Deny" }).click())
          yield* act(() => page.getByText("reserve_book: output-denied").waitFor())
          yield* act(() => page.getByText("I did not do it").waitFor())
          yield* ready
          yield* ask(page, "What time is it?")
          yield* act(() => page.getByText("It is 12:34 where you are.").waitFor())
          yield* ready
          assert.strictEqual(yield* act(() => page.locator("section").count()), 6)
          assert.deepStrictEqual(complaints, [])
        }))

      it.effect("stops, and goes on after it is loaded again in the middle of an answer", () =>
        Effect.gen(function*() {
          const { complaints, page, ready } = yield* start("stranger-3")
          yield* ask(page, "How much is a late book?")
          yield* act(() => page.waitForFunction("document.body.innerText.includes('Late books')"))
          yield* act(() => page.reload())
          yield* act(() => page.locator("section.assistant p", { hasText: "at most ten euros for each." }).waitFor())
          yield* ready
          assert.strictEqual(yield* act(() => page.locator("section").count()), 2)
          assert.strictEqual(yield* act(() => page.getByText("search_rules").count()), 1)
          yield* ask(page, "Tell me about the rooms")
          yield* act(() => page.getByText("search_rules: input-available").waitFor())
          yield* act(() => page.getByRole("button", { name: "Stop" }).click())
          yield* ready
          yield* ask(page, "What time is it?")
          yield* act(() => page.getByText("It is 12:34 where you are.").waitFor())
          assert.deepStrictEqual(complaints, [])
        }))
    })

    describe("of the example `web-chat`", () => {
      it.effect("streams, shows tools and sources, asks, stops, and comes back", () =>
        Effect.gen(function*() {
          const { server } = yield* WebBrowser.Shared
          const { complaints, page } = yield* WebBrowser.open(server.url)
          const ready = act(() => page.getByRole("button", { name: "Send" }).waitFor())
          yield* act(() => page.getByRole("button", { name: "How much is a late book?" }).click())
          yield* act(() => page.getByText("search rules is at work").waitFor())
          yield* act(() => page.getByRole("link", { name: "Late fees" }).waitFor())
          yield* ready
          yield* ask(page, "Please reserve Ulysses")
          // A page that is loaded again still asks.
          yield* act(() => page.getByRole("button", { name: "Yes, do it" }).waitFor())
          yield* act(() => page.reload())
          yield* act(() => page.getByRole("button", { name: "Yes, do it" }).click())
          yield* act(() => page.locator("article p", { hasText: "on the shelf" }).waitFor())
          yield* ready
          yield* ask(page, "Are you open now?")
          yield* act(() => page.getByText(/It is .* where you are/).waitFor())
          yield* ready
          yield* ask(page, "How long may I keep a film?")
          yield* act(() => page.getByText("search rules is at work").waitFor())
          yield* act(() => page.getByRole("button", { name: "Stop" }).click())
          yield* ready
          assert.strictEqual(yield* act(() => page.evaluate("document.documentElement.scrollWidth")), 390)
          // A server that is gone is an error that the page shows; what it has stays.
          server.stop()
          yield* ask(page, "Hello?")
          yield* act(() => page.getByRole("alert").waitFor())
          assert.isTrue(yield* act(() => page.getByRole("link", { name: "Late fees" }).isVisible()))
          assert.deepStrictEqual(complaints.filter((text) => !text.includes("ERR_CONNECTION_")), [])
        }))
    })
  })
})
