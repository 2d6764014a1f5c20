import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert } from "@effect/vitest"
import { Emulator, Recording, Replay, Script } from "@strata/emulator"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Locator, Page } from "playwright-core"
import * as Batch from "./BatchFixture.ts"
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
        yield* says(page.locator(".why"), "400 ValidationException")
        yield* says(page.locator(".why"), "The provided model identifier is invalid.")
        yield* says(rowsOf(page).first().locator(".reason"), "The provided model identifier is invalid")
        yield* says(page.locator("#news"), "was refused: 400 ValidationException")
        yield* Fixture.attempt(() => page.locator(".opener").first().press("Enter"))
        yield* Fixture.attempt(() => page.locator(".opener").last().press("Enter"))
        const [, answered] = yield* emulator.requests.pipe(Effect.map((requests) => requests.toReversed()))
        yield* says(page.locator("tr.details:not([hidden]) > td > .facts"), answered?.requestId ?? "")
        const details = yield* textOf(page.locator("tr.details:not([hidden])"))
        assert.include(details, "Keep bodies")
        assert.notInclude(details, "\"Hi\"")
        assert.deepStrictEqual(complaints, [])
        assert.deepStrictEqual(asked.filter((url) => !url.startsWith(`${emulator.url}/`)), [])
      }).pipe(Effect.provide(Fixture.emulator())),
    patience
  )

  it.effect(
    "adds a fault by its form, changes it, and counts, removes and clears pending faults",
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
        yield* says(page.getByRole("alert"), "Only for: Missing key")
        assert.strictEqual(
          yield* Fixture.attempt(() => page.getByLabel("Only for").getAttribute("aria-invalid")),
          "true"
        )
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

        yield* Fixture.attempt(() => page.getByRole("button", { name: "Edit fault 1" }).click())
        assert.strictEqual(yield* Fixture.attempt(() => forAWhile.inputValue()), "1.5 min")
        yield* Fixture.attempt(() => page.getByLabel("Times").fill("7"))
        yield* Fixture.attempt(() => page.getByLabel("Operation", { exact: true }).selectOption(""))
        yield* Fixture.attempt(() => page.getByRole("button", { name: "Change fault 1" }).click())
        yield* Fixture.attempt(() => page.getByText("Fault 1 was changed").waitFor())
        yield* says(page.locator("#pending li"), "7 ×")
        assert.deepStrictEqual((yield* emulator.faults).map(({ fault, id, struck }) => ({ fault, id, struck })), [{
          id: 1,
          struck: 0,
          fault: { type: "exception", exception: "ModelTimeoutException", times: 7, lasting: "1.5 minutes" }
        }])
        yield* Fixture.attempt(() => page.getByRole("checkbox", { name: "As JSON" }).check())
        yield* Fixture.attempt(() => page.locator("#fault-json").fill("{\"type\": \"stall\", \"afterEvents\": -1}"))
        yield* Fixture.attempt(() => page.getByRole("button", { name: "Add this fault" }).click())
        yield* says(page.getByRole("alert"), "afterEvents")

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
      // the chart marks it, on a page that is opened later too
      const chart = page.locator(`#quotas li:has-text("${Fixture.modelId}") figure`)
      yield* Fixture.attempt(() => chart.and(page.locator("[data-refused='1']")).waitFor())
      yield* Fixture.attempt(() => page.reload())
      yield* Fixture.attempt(() => chart.and(page.locator("[data-refused='1'][data-most='15000']")).waitFor())
      assert.strictEqual(yield* Fixture.attempt(() => chart.locator(".refused-mark").count()), 1)
      yield* says(rowsOf(page).first().locator(".reason"), "of 20,000 tokens left")
      yield* says(page.locator("#quotas"), "60 of 60 requests left per minute")
      yield* says(page.locator("#counters div").nth(1), "1")
      yield* emulator.setQuota({})
      yield* look(page)
      yield* Fixture.attempt(() => page.getByText("No quotas are configured.").waitFor())
    }).pipe(Effect.provide(Fixture.emulator({ quota }, Layer.merge(spender(), Fixture.embedding())))), patience)

  it.effect("sends a test request on a first visit, and has the lines to paste", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { complaints, page } = yield* WebBrowser.open(emulator.url)
      yield* Fixture.attempt(() => page.getByText("No requests yet.").waitFor())
      for (
        const [language, line] of [["Python", "boto3.client"], ["AWS CLI", "--endpoint-url"], ["OpenAI SDK", "/v1"]]
      ) {
        yield* Fixture.attempt(() => page.getByRole("radio", { name: language ?? "" }).check())
        yield* says(page.locator("#snippet"), line ?? "")
      }
      yield* Fixture.attempt(() => page.getByRole("button", { name: "Send a test request" }).click())
      yield* says(rowsOf(page), "Converse")
      yield* Fixture.attempt(() => page.getByRole("button", { name: "Send a streamed one" }).click())
      yield* says(rowsOf(page).first(), "ConverseStream")
      yield* Fixture.attempt(() => page.getByRole("button", { name: "Send one that is refused" }).click())
      yield* says(rowsOf(page).first().locator(".reason"), "The text field in the ContentBlock object")
      const requests = yield* emulator.requests
      assert.deepStrictEqual(requests.map(({ scheme, status }) => [scheme, status]), [
        ["bearer", 200],
        ["bearer", 200],
        ["bearer", 400]
      ])
      assert.isTrue(complaints.every((complaint) => complaint.includes("400")), complaints.join("\n"))
    }).pipe(Effect.provide(Fixture.emulator())), patience)

  it.effect("shows a stream as it flows, and that its client stopped it", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const after = (deferred: Deferred.Deferred<void>, delta: string) =>
        Stream.fromEffect(Effect.as(Deferred.await(deferred), { type: "text-delta", index: 0, delta } as const))
      const services = Layer.merge(
        Fixture.chat({
          stream: () =>
            Stream.fromIterable(Fixture.deltas("Once ").slice(0, 1)).pipe(
              Stream.concat(after(first, "upon a time")),
              Stream.concat(after(second, "never"))
            )
        }),
        Fixture.embedding()
      )
      yield* Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const client = yield* Fixture.connect("2")
        const { page } = yield* WebBrowser.open(emulator.url)
        yield* Fixture.attempt(() => page.getByRole("switch", { name: "Keep bodies" }).check())
        yield* Fixture.attempt(() => page.getByText("Bodies are kept from now on.").waitFor())
        const gone = new AbortController()
        const { stream } = yield* Fixture.attempt(() =>
          client.send(new ConverseStreamCommand(Fixture.hello), { abortSignal: gone.signal })
        )
        const drained = yield* Effect.forkChild(Effect.ignore(Fixture.drain(stream)))
        const row = rowsOf(page).first()
        yield* says(row.locator(".status"), "200 sending")
        yield* says(row.locator(".tail"), "Once")
        const events = Effect.map(textOf(row.locator("[data-label=Events]")), Number)
        const before = yield* events
        assert.isAbove(before, 0)
        yield* Deferred.succeed(first, undefined)
        yield* says(row.locator(".tail"), "Once upon a time")
        assert.isAbove(yield* events, before)
        yield* Fixture.attempt(() => page.locator(".opener").press("Enter"))
        yield* says(page.locator("tr.details"), "Once upon a time")
        gone.abort()
        yield* says(row.locator(".status"), "200 aborted")
        yield* says(row.locator(".reason"), "Stopped by the client after")
        yield* Fiber.join(drained)
      }).pipe(Effect.provide(Fixture.emulator({}, services)))
    }), patience)

  it.effect("edits the script, and keeps the former one when it is wrong", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const client = yield* Fixture.connect("1.1")
      const answer = Effect.map(
        Fixture.attempt(() => client.send(new ConverseCommand(Fixture.hello))),
        ({ output }) => output?.message?.content?.[0]?.text
      )
      const { page } = yield* WebBrowser.open(emulator.url)
      yield* Fixture.attempt(() => page.locator("#script summary").click())
      const text = page.getByLabel("Rules, or a list of answers")
      assert.include(yield* Fixture.attempt(() => text.inputValue()), "\"old\"")
      const put = Fixture.attempt(() => page.getByRole("button", { name: "Put it in force" }).click())
      yield* Fixture.attempt(() => text.fill("{\"rules\": [{\"answer\": {\"delay\": true}}]}"))
      yield* put
      yield* says(page.locator("#script-problems"), "rules[0].answer.delay")
      yield* says(page.locator("#script-remedy"), "The former script still answers.")
      assert.strictEqual(yield* answer, "old")
      yield* Fixture.attempt(() => text.fill("{\"rules\": [], \"default\": \"new\"}"))
      yield* put
      yield* says(page.locator("#script-news"), "The script is in force.")
      assert.strictEqual(yield* answer, "new")
    }).pipe(Effect.provide(Script.layerEmulator({ rules: [], default: "old" }))), patience)

  it.effect("has a recording to download, which a replay reads", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const ask = Fixture.converse(Fixture.hello)
      const { page } = yield* WebBrowser.open(emulator.url)
      yield* Fixture.attempt(() => page.getByRole("switch", { name: "Keep bodies" }).check())
      yield* Fixture.attempt(() => page.getByText("Bodies are kept from now on.").waitFor())
      const answered = yield* ask
      const link = page.getByRole("link", { name: "Download the recording (1)" })
      const text = yield* Fixture.attempt(async () => {
        const downloading = page.waitForEvent("download")
        await link.click()
        const download = await downloading
        assert.strictEqual(download.suggestedFilename(), "recording.json")
        return Fs.readFile(await download.path(), "utf8")
      })
      const recording = yield* Effect.fromResult(Recording.fromText(text, "recording.json"))
      const { responder } = yield* Replay.make(recording.exchanges)
      const replayed = yield* ask.pipe(Effect.provide(Fixture.emulator({ responder })))
      assert.deepStrictEqual([replayed.status, replayed.text], [200, answered.text])
    }).pipe(Effect.provide(Fixture.emulator())), patience)

  it.effect("lists batch jobs, with their progress, and stops one", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { create, put } = yield* Batch.open
      yield* put("in/a.jsonl", Batch.toLines(Batch.records(3)))
      yield* create({ jobName: "done" })
      const { page } = yield* WebBrowser.open(emulator.url)
      const job = (name: string) => page.locator("#batch-list li").filter({ hasText: name })
      yield* emulator.advance("1 hour")
      yield* says(job("done"), "3 of 3 records, 0 with an error")
      yield* says(job("done"), "Completed")
      yield* create({ jobName: "endless" })
      yield* Fixture.attempt(() => page.getByRole("button", { name: "Stop the job endless" }).click())
      yield* says(job("endless"), "Stopping")
      yield* emulator.advance("1 hour")
      yield* says(job("endless"), "Stopped")
    }).pipe(Effect.provide(Fixture.emulator({
      s3: { buckets: ["data"] },
      batch: { minRecords: 1, submitted: "5 minutes", stopping: "1 minute" }
    }))), patience)

  it.effect("shows the latest of many requests, in a bounded number of rows", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { page } = yield* WebBrowser.open(emulator.url)
      yield* says(page.locator("#connection"), "Live")
      yield* Effect.forEach(Array.from({ length: 600 }), () => Fixture.converse(Fixture.hello), {
        concurrency: 20,
        discard: true
      })
      yield* says(rowsOf(page).first(), "details of request 600")
      assert.strictEqual(yield* Fixture.attempt(() => rowsOf(page).count()), 256)
    }).pipe(Effect.provide(Fixture.emulator({ history: 2_000 }))), patience)

  it.effect("goes on with an emulator that was started again", () =>
    Effect.gen(function*() {
      const first = yield* Scope.make()
      const { url } = yield* Fixture.emulator().pipe(
        Layer.buildWithScope(first),
        Effect.map(Context.get(Emulator.Emulator))
      )
      const { page } = yield* WebBrowser.open(url)
      yield* says(page.locator("#connection"), "Live")
      yield* Fixture.attempt(() => page.getByRole("button", { name: "Send a test request" }).click())
      yield* says(rowsOf(page), "Converse")
      yield* Scope.close(first, Exit.void)
      yield* says(page.locator("#connection"), "Not reachable")
      yield* Effect.gen(function*() {
        yield* says(page.locator("#connection"), "Live")
        assert.strictEqual(yield* Fixture.attempt(() => rowsOf(page).count()), 0)
        yield* says(page.locator("#pending"), "throttle")
        yield* Fixture.attempt(() => page.getByRole("button", { name: "Send a test request" }).click())
        yield* says(rowsOf(page), "429")
      }).pipe(Effect.provide(Fixture.emulator({ port: Number(new URL(url).port), faults: [{ type: "throttle" }] })))
    }), patience)

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
