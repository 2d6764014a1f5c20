import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as RequestLine from "../src/cli/RequestLine.ts"
import * as Spelling from "../src/cli/Spelling.ts"
import type * as Statistics from "../src/Statistics.ts"

describe("Spelling", () => {
  it("reads faults by name, with a count or a probability, and as JSON", () => {
    const faults = (text: string) => Result.getOrThrow(Spelling.faults(text))
    assert.deepStrictEqual(faults("throttle"), [{ type: "throttle" }])
    assert.deepStrictEqual(faults("reset:20"), [{ type: "reset", times: 20 }])
    assert.deepStrictEqual(faults("stall:2.5%"), [{ type: "stall", probability: 0.025 }])
    assert.deepStrictEqual(faults("ModelTimeoutException:3"), [
      { type: "exception", exception: "ModelTimeoutException", times: 3 }
    ])
    assert.deepStrictEqual(faults(`{"type":"latency","duration":"2 seconds"}`), [
      { type: "latency", duration: "2 seconds" }
    ])
    assert.lengthOf(faults(`[{"type":"reset"},{"type":"stall"}]`), 2)
  })

  it.each([
    ["trottle", "unknown fault"],
    ["toString", "unknown fault"],
    ["throttle:", "unknown fault"],
    ["throttle:-1", "unknown fault"],
    ["latency:3", "duration: Missing key"],
    [`{"type":"throttle","tymes":3}`, "tymes"],
    [`{"type":`, "JSON"]
  ])("refuses the fault %s", (text, reason) => {
    const result = Spelling.faults(text)
    assert.isTrue(Result.isFailure(result))
    assert.include(Result.isFailure(result) ? result.failure.message : "", reason)
  })

  it("refuses a probability above one", () => {
    assert.isTrue(Result.isFailure(Spelling.faults("throttle:200%")))
  })

  it("distinguishes quotas from files", () => {
    const quota = (text: string) => Spelling.isQuota(text) ? Result.getOrThrow(Spelling.quota(text)) : "a file"
    assert.deepStrictEqual(quota("*=50000"), { "*": { tokensPerMinute: 50_000 } })
    assert.deepStrictEqual(quota("*=60rpm"), { "*": { requestsPerMinute: 60 } })
    assert.deepStrictEqual(quota("*=500tpm,60rpm"), { "*": { tokensPerMinute: 500, requestsPerMinute: 60 } })
    assert.deepStrictEqual(quota("us-west-2/*=9"), { "us-west-2/*": { tokensPerMinute: 9 } })
    assert.deepStrictEqual(quota("us.amazon.nova-lite-v1:0=7"), { "us.amazon.nova-lite-v1:0": { tokensPerMinute: 7 } })
    assert.deepStrictEqual(quota(`{"*":{"tokensPerMinute":9,"window":"2 seconds"}}`), {
      "*": { tokensPerMinute: 9, window: "2 seconds" }
    })
    assert.strictEqual(quota("quotas.json"), "a file")
    assert.strictEqual(quota("model=many"), "a file")
  })

  it("reads durations, short and long", () => {
    const millis = (text: string) => Result.map(Spelling.duration(text), Duration.toMillis)
    assert.deepStrictEqual(["250", "250ms", "1.5s", "2m", "3 seconds"].map((text) => Result.getOrThrow(millis(text))), [
      250,
      250,
      1500,
      120_000,
      3000
    ])
    assert.isTrue(Result.isFailure(millis("soon")))
  })
})

describe("RequestLine", () => {
  const request: Statistics.ReceivedRequest = {
    number: 1,
    revision: 9,
    receivedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 600),
    millis: 1234,
    operation: "Converse",
    modelId: "amazon.nova-lite-v1:0",
    protocol: "2",
    path: "/model/amazon.nova-lite-v1%3A0/converse",
    headers: {},
    scheme: "sigv4",
    fingerprint: "of the request",
    body: { messages: [{ role: "user", content: [{ text: "a secret" }] }] },
    requestId: "id",
    status: 200,
    outcome: "completed",
    inputTokens: 12,
    outputTokens: 345,
    faults: [],
    events: 0,
    sentBytes: 0,
    answer: undefined,
    region: "us-east-1",
    refusal: undefined
  }
  const style: RequestLine.Style = { zone: DateTime.zoneMakeOffset(2 * 60 * 60 * 1000), colors: false }

  it("aligns with the column headings", () => {
    const lines = [RequestLine.head, RequestLine.fromRequest(request, style)]
    assert.deepStrictEqual(lines, [
      "time          status       ms       in      out  operation       model",
      "05:04:06.834     200     1234       12      345  Converse        amazon.nova-lite-v1:0"
    ])
  })

  it("names faults, aborted requests and unknown paths", () => {
    const line = (changes: Partial<Statistics.ReceivedRequest>) =>
      RequestLine.fromRequest({ ...request, ...changes }, style).slice(14)
    const [inputTokens, outputTokens] = [undefined, undefined]
    assert.strictEqual(
      line({ status: undefined, outcome: "dropped", faults: ["latency", "reset"], inputTokens, outputTokens }),
      "     -     1234        -        -  Converse        amazon.nova-lite-v1:0  latency, reset"
    )
    assert.strictEqual(
      line({ outcome: "aborted" }),
      "   200     1234       12      345  Converse        amazon.nova-lite-v1:0  aborted"
    )
    assert.strictEqual(
      line({ operation: undefined, modelId: undefined, path: "/x", status: 404, inputTokens, outputTokens }),
      "   404     1234        -        -  ?               /x"
    )
  })

  it("says why a request was refused, and which rule refused it", () => {
    const refusal = {
      exception: "ValidationException",
      message: "The text field in the ContentBlock object at messages.0.content.0 is blank.\r\n",
      rule: { refuses: "blank text", source: "reported" }
    }
    const [, reason] = RequestLine.fromRequest({ ...request, status: 400, refusal }, style).split("v1:0  ")
    assert.strictEqual(
      reason,
      "ValidationException: The text field in the ContentBlock object at messages.0.content.0 is blank.?? [rule: blank text (reported)]"
    )
    const long = RequestLine.fromRequest({ ...request, refusal: { ...refusal, message: "x".repeat(9_999) } }, style)
    assert.isBelow(long.length, 700)
  })

  it("uses colours only if the terminal supports them, and removes control characters of clients", () => {
    const line = (colors: boolean) =>
      RequestLine.fromRequest({ ...request, modelId: "evil\x1b[2J\r\nname" }, { ...style, colors })
    assert.notInclude(line(false), "\x1b")
    assert.include(line(false), "evil?[2J??name")
    assert.include(line(true), "\x1b[32m")
    assert.notInclude(line(true), "\x1b[2J")
  })
})
