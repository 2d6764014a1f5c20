import { ConverseCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert } from "@effect/vitest"
import { Emulator } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Locator, Page } from "playwright-core"
import * as Fixture from "./Fixture.ts"
import * as WebBrowser from "./WebBrowser.ts"

const quota = {
  [Fixture.modelId]: { tokensPerMinute: 20_000, algorithm: "fixed" as const },
  "amazon.nova-pro-v1:0": { requestsPerMinute: 60, algorithm: "fixed" as const }
}

const patience = 60_000

/** Waits until the element contains the text. */
const says = (locator: Locator, text: string) => Fixture.attempt(() => locator.filter({ hasText: text }).waitFor())

/** Makes the page poll now, as when it becomes visible, instead of within a second. */
const look = (page: Page) =>
  Fixture.attempt(() => page.evaluate("document.dispatchEvent(new Event('visibilitychange'))"))

const textOf = (locator: Locator) => Fixture.attempt(() => locator.innerText())

const rowsOf = (page: Page) => page.locator("tr.request")

WebBrowser.suite("The page", (it) => {
  it.effect(
    "lists requests as they arrive, the newest first, without prompts, and says why one was refused",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const client = yield* Fixture.connect("1.1")
        const { asked, complaints, page } = yield* WebBrowser.open(emulator.url)
        yield* says(page.locator("#connection"), "Live")
        yield* says(page.locator("#snippet"), emulator.url)
        yield* Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello)))
        yield* says(rowsOf(page), "Converse")
        yield* Effect.ignore(
          Fixture.attempt(() => client.send(new ConverseCommand({ ...Fixture.hello, modelId: "no.such" })))
        )
        yield* look(page)
        yield* says(rowsOf(page).first(), "no.such")
        assert.match(yield* textOf(rowsOf(page).first()), /Converse\s+no\.such\s+400/)
        assert.match(
          yield* textOf(rowsOf(page).last()),
          /Converse\s+amazon\.nova-lite-v1:0\s+200\s+[\d,]+\s+7\s+3\s+1$/
        )
        yield* Fixture.attempt(() => page.locator(".opener").first().press("Enter"))
        yield* says(page.locator(".facts"), "ValidationException: The provided model identifier is invalid.")
        yield* Fixture.attempt(() => page.locator(".opener").first().press("Enter"))
        yield* Fixture.attempt(() => page.locator(".opener").last().press("Enter"))
        const [, answered] = yield* emulator.requests.pipe(Effect.map((requests) => requests.toReversed()))
        yield* says(page.locator(".facts"), answered?.requestId ?? "")
        const details = yield* textOf(page.locator("tr.details:not([hidden])"))
        assert.include(details, "capture: true")
        assert.notInclude(details, "\"Hi\"")
        assert.deepStrictEqual(complaints, [])
        assert.deepStrictEqual(asked.filter((url) => !url.startsWith(`${emulator.url}/`)), [])
      }).pipe(Effect.provide(Fixture.emulator())),
    patience
  )

  it.effect(
    "adds a fault by its form, and counts, removes and clears pending faults",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const client = yield* Fixture.connect("1.1")
        const call = Effect.result(Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello))))
        const { complaints, page } = yield* WebBrowser.open(emulator.url)
        yield* Fixture.attempt(() => page.locator("#adding > summary").click())
        yield* Fixture.attempt(() => page.getByLabel("Type", { exact: true }).selectOption("exception"))
        yield* Fixture.attempt(() => page.getByLabel("Exception").selectOption("ModelTimeoutException"))
        yield* Fixture.attempt(() => page.getByLabel("Operation", { exact: true }).selectOption("Converse"))
        yield* Fixture.attempt(() => page.getByLabel("Times").fill("2"))
        const forAWhile = page.getByLabel("For", { exact: true })
        yield* Fixture.attempt(() => forAWhile.fill("3 parsecs"))
        yield* Fixture.attempt(() => forAWhile.press("Enter"))
        assert.strictEqual(yield* Fixture.attempt(() => page.locator("input:user-invalid").count()), 1)
        yield* Fixture.attempt(() => forAWhile.fill("90s"))
        yield* Fixture.attempt(() => page.getByText("More", { exact: true }).click())
        yield* Fixture.attempt(() => page.getByLabel("In every").fill("10s"))
        yield* Fixture.attempt(() => page.getByLabel("In every").press("Enter"))
        yield* says(page.getByRole("alert"), "Missing key")
        assert.deepStrictEqual(yield* emulator.faults, [])
        yield* Fixture.attempt(() => page.getByLabel("In every").clear())
        yield* Fixture.attempt(() => forAWhile.press("Enter"))
        yield* says(page.locator("#pending li"), "exception")
        assert.deepStrictEqual((yield* emulator.faults).map(({ fault }) => fault), [{
          type: "exception",
          exception: "ModelTimeoutException",
          operation: "Converse",
          times: 2,
          lasting: "90 seconds"
        }])
        const struck = yield* call
        assert.strictEqual(struck._tag === "Failure" && struck.failure.name, "ModelTimeoutException")
        yield* look(page)
        yield* says(page.locator("#pending li"), "struck 1 ×")
        yield* says(rowsOf(page).first(), "exception")

        yield* Fixture.attempt(() => page.getByRole("button", { name: "Throttle everything" }).click())
        yield* says(page.locator("#pending"), "throttle")
        yield* Fixture.attempt(() => page.getByRole("button", { name: "Remove fault 1" }).click())
        yield* Fixture.attempt(() => page.getByText("Fault 1 was removed.").waitFor())
        assert.deepStrictEqual((yield* emulator.faults).map(({ fault }) => fault.type), ["throttle"])
        yield* Fixture.attempt(() => page.getByRole("button", { name: "Clear all" }).click())
        yield* Fixture.attempt(() => page.getByText("No pending faults.").waitFor())
        assert.deepStrictEqual(yield* emulator.faults, [])
        assert.strictEqual((yield* call)._tag, "Success")
        // browsers log the refused form submissions
        assert.isTrue(complaints.every((complaint) => complaint.includes("400")), complaints.join("\n"))
      }).pipe(Effect.provide(Fixture.emulator())),
    patience
  )

  it.effect("shows used and reserved tokens, and requests, of quotas", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const client = yield* Fixture.connect("1.1")
      const ask = (maxTokens: number) =>
        Fixture.attempt((abortSignal) =>
          client.send(new ConverseCommand({ ...Fixture.hello, inferenceConfig: { maxTokens } }), { abortSignal })
        )
      const { page } = yield* WebBrowser.open(emulator.url)
      const meter = page.getByRole("meter", { name: Fixture.modelId })
      yield* Fixture.attempt(() => meter.waitFor())
      const widths = Fixture.attempt(() =>
        meter.locator("span").evaluateAll((bars) => bars.map((bar) => bar.getAttribute("style")))
      )
      assert.deepStrictEqual(yield* widths, ["width: 0%;", "width: 0%;"])
      // the double's answer costs 10,000 tokens, and the second never ends
      yield* ask(10)
      yield* look(page)
      yield* says(page.locator("#quotas"), "10,000 left of 20,000 per minute")
      yield* Effect.forkChild(ask(4_999))
      yield* says(page.locator("#quotas"), "5,000 reserved")
      assert.deepStrictEqual(yield* widths, ["width: 50%;", "width: 25%;"])
      yield* Effect.ignore(ask(5_001))
      yield* look(page)
      yield* says(page.locator("#quotas"), "1 throttled")
      yield* says(page.locator("#quotas"), "60 of 60 requests left per minute")
      yield* says(page.locator("#counters div").nth(1), "1")
      yield* emulator.setQuota({})
      yield* look(page)
      yield* Fixture.attempt(() => page.getByText("No quotas are configured.").waitFor())
    }).pipe(Effect.provide(Fixture.emulator({ quota }, Layer.merge(spender(), Fixture.embedding())))), patience)

  it.effect(
    "lets a page of another origin call a model, and read its answer, its error and its headers",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const { page } = yield* WebBrowser.open(yield* foreign)
        const key = Redacted.value(emulator.apiKey)
        const seen = yield* Fixture.attempt(() => page.evaluate(conversation(emulator.url, key)))
        const requestIds = (yield* emulator.requests).map(({ requestId }) => requestId)
        assert.deepStrictEqual(seen, [
          { status: 200, text: "Hello", requestId: requestIds[0], type: null },
          { status: 400, requestId: requestIds[1], type: "ValidationException" }
        ])
      }).pipe(Effect.provide(Fixture.emulator())),
    patience
  )

  it.effect("refuses faults from a page of another origin", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { page } = yield* WebBrowser.open(yield* foreign)
      const outcomes = yield* Fixture.attempt(() => page.evaluate(attack(emulator.url)))
      assert.deepStrictEqual(outcomes, ["refused", "refused", "refused", "refused"])
      assert.deepStrictEqual((yield* emulator.faults).map(({ id }) => id), [1])
    }).pipe(Effect.provide(Fixture.emulator({ faults: [{ type: "stall", text: "never" }] }))), patience)
})

/** Answers once, with a usage of 10,000 tokens; later calls never end. */
const spender = () => {
  let answers = 0
  return Fixture.chat({
    generate: () =>
      answers++ > 0
        ? Effect.never
        : Effect.succeed(Fixture.response([{ type: "text", text: "Hello" }], {
          usage: { ...Fixture.usage, inputTokens: 4_000, outputTokens: 6_000, totalTokens: 10_000 }
        }))
  })
}

/** A web server of another origin on the same machine. */
const foreign = Effect.acquireRelease(
  Effect.callback<Http.Server>((resume) => {
    const server = Http.createServer((_, response) =>
      response.setHeader("content-type", "text/html").end("<title>Foreign</title>")
    )
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.closeAllConnections()).pipe(Effect.andThen(Effect.sync(() => server.close())))
).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`))

/** Two calls of a model with an API key, as text: it runs in the browser. */
const conversation = (url: string, key: string) =>
  `(async () => {
  const call = async (text) => {
    const response = await fetch("${url}/model/${Fixture.modelId}/converse", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer ${key}" },
      body: JSON.stringify({ messages: [{ role: "user", content: [{ text }] }] })
    })
    const { output } = await response.json()
    return {
      status: response.status,
      ...(output && { text: output.message.content[0].text }),
      requestId: response.headers.get("x-amzn-requestid"),
      type: response.headers.get("x-amzn-errortype")?.split(":")[0] ?? null
    }
  }
  return [await call("Hi"), await call("")]
})()`

/** The requests of such a site, as text: it runs in the browser. */
const attack = (url: string) =>
  `(async () => {
  const outcomes = []
  const body = JSON.stringify({ type: "throttle" })
  for (const options of [
    { method: "POST", headers: { "content-type": "application/json" }, body },
    { method: "POST", mode: "no-cors", body },
    { method: "DELETE" },
    {}
  ]) {
    await fetch("${url}/_strata/faults", options).then(
      () => outcomes.push("sent"),
      () => outcomes.push("refused")
    )
  }
  return outcomes
})()`
