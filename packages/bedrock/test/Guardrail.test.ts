import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BedrockClient } from "../src/BedrockClient.ts"
import * as Guardrail from "../src/Guardrail.ts"
import { assessment } from "./guardrail/answers.ts"
import { connect } from "./support/Client.ts"
import * as WireServer from "./support/WireServer.ts"

const answering = (body: unknown): WireServer.Handler => (_, answer) => {
  answer.head(200, { "content-type": "application/json", "x-amzn-requestid": "request-6" })
  answer.end(JSON.stringify(body))
}

const passed = { action: "NONE", outputs: [], assessments: [{}], usage: { topicPolicyUnits: 1 } }

const apply = Effect.fnUntraced(function*(request: Guardrail.Request, handler = answering(passed)) {
  const server = yield* WireServer.http1(handler)
  const client = yield* connect(server)
  const result = yield* Effect.result(Effect.provideService(Guardrail.apply(request), BedrockClient, client))
  const [received] = server.received
  return { result, received, sent: received === undefined ? undefined : JSON.parse(received.body) }
})

const guardrail = { id: "gr1", version: "DRAFT" }

/** Requests of those who have no types. */
const fromJavaScript = (requests: ReadonlyArray<readonly [field: string, request: unknown]>) =>
  requests as ReadonlyArray<readonly [string, Guardrail.Request]>

describe("Guardrail", () => {
  it.live("passes content that no policy matches", () =>
    Effect.gen(function*() {
      const { received, result, sent } = yield* apply({ guardrail, source: "input", content: "Hello" })
      assert.strictEqual(received?.path, "/guardrail/gr1/version/DRAFT/apply")
      assert.deepStrictEqual(sent, { source: "INPUT", content: [{ text: { text: "Hello" } }] })
      assert(result._tag === "Success")
      assert.deepInclude(result.success, {
        intervened: false,
        action: "none",
        outputs: [],
        assessments: [],
        policies: [],
        coverage: {},
        requestId: "request-6"
      })
      assert.strictEqual(result.success.usage.topicUnits, 1)
      assert.strictEqual(result.success.usage.groundingUnits, 0)
    }))

  it.live("returns action, findings and usage", () =>
    Effect.gen(function*() {
      const { result } = yield* apply(
        { guardrail, source: "output", content: "Write to ada@example.org" },
        answering({
          action: "GUARDRAIL_INTERVENED",
          actionReason: "Guardrail blocked.",
          outputs: [{ text: "I cannot say that." }],
          assessments: [assessment],
          usage: { contentPolicyUnits: 2, contextualGroundingPolicyUnits: 3 },
          guardrailCoverage: { textCharacters: { guarded: 20, total: 24 } }
        })
      )
      assert(result._tag === "Success")
      const { assessments, ...outcome } = result.success
      assert.deepInclude(outcome, {
        intervened: true,
        action: "blocked",
        outputs: ["I cannot say that."],
        policies: ["topic", "pii"],
        reason: "Guardrail blocked.",
        coverage: { textCharacters: { guarded: 20, total: 24 } }
      })
      assert.lengthOf(assessments, 8)
      assert.strictEqual(outcome.usage.contentUnits, 2)
      assert.strictEqual(outcome.usage.groundingUnits, 3)
    }))

  it.live("counts an unexplained intervention as blocked", () =>
    Effect.gen(function*() {
      const { result } = yield* apply(
        { guardrail, source: "input", content: "Hello" },
        answering({ action: "GUARDRAIL_INTERVENED" })
      )
      assert(result._tag === "Success")
      assert.strictEqual(result.success.action, "blocked")
    }))

  it.live("sends qualifiers, images and the scope", () =>
    Effect.gen(function*() {
      const { sent } = yield* apply({
        guardrail,
        source: "output",
        outputScope: "full",
        content: [
          { type: "text", text: "The manual", guard: { qualifiers: ["grounding_source"] } },
          { type: "text", text: "The answer", guard: true },
          { type: "image", mediaType: "image/jpeg", source: { bytes: new Uint8Array([1, 2, 3]) } }
        ]
      })
      assert.deepStrictEqual(sent, {
        source: "OUTPUT",
        outputScope: "FULL",
        content: [
          { text: { text: "The manual", qualifiers: ["grounding_source"] } },
          { text: { text: "The answer" } },
          { image: { format: "jpeg", source: { bytes: "AQID" } } }
        ]
      })
    }))

  const image = (mediaType: string, source: { readonly bytes: Uint8Array } | { readonly uri: string }) =>
    ({ type: "image", mediaType, source }) as const

  it.live.each<readonly [string, Guardrail.Request]>([
    ["content", { guardrail, source: "input", content: [] }],
    [
      "content[0].mediaType",
      { guardrail, source: "input", content: [image("image/gif", { bytes: new Uint8Array(1) })] }
    ],
    ["content[0].source.bytes", {
      guardrail,
      source: "input",
      content: [image("image/png", { uri: "s3://bucket/a.png" })]
    }],
    ["content[0].source.bytes", {
      guardrail,
      source: "input",
      content: [image("image/png", { bytes: new Uint8Array() })]
    }],
    ["guardrail.version", { guardrail: { id: "gr1", version: "latest" }, source: "input", content: "Hello" }],
    ["guardrail.id", { guardrail: { id: "", version: "1" }, source: "input", content: "Hello" }],
    ...fromJavaScript([
      ["request", null],
      ["request", []],
      ["guardrail", {}],
      ["guardrail", { guardrail: "gr1" }],
      ["guardrail.version", { guardrail: { id: "gr1", version: 1 } }],
      ["source", { guardrail, source: "INPUT", content: "Hello" }],
      ["outputScope", { guardrail, source: "input", outputScope: "everything", content: "Hello" }],
      ["content", { guardrail, source: "input" }],
      ["content", { guardrail, source: "input", content: { text: "Hello" } }],
      ["content[1]", { guardrail, source: "input", content: [{ type: "text", text: "a" }, null] }],
      ["content[0].type", { guardrail, source: "input", content: [{ type: "image_url", image_url: "a" }] }],
      ["content[0].text", { guardrail, source: "input", content: [{ type: "text", text: 5 }] }],
      [
        "content[0].guard.qualifiers[0]",
        { guardrail, source: "input", content: [{ type: "text", text: "a", guard: { qualifiers: ["all"] } }] }
      ],
      ["content[0].mediaType", { guardrail, source: "input", content: [{ type: "image", source: {} }] }],
      [
        "content[0].source.bytes",
        { guardrail, source: "input", content: [{ type: "image", mediaType: "image/png", source: { bytes: "AQID" } }] }
      ]
    ])
  ])("refuses what is wrong in %s before it is sent", ([field, request]) =>
    Effect.gen(function*() {
      const { received, result } = yield* apply(request)
      assert(result._tag === "Failure" && result.failure._tag === "InvalidRequestError")
      assert.strictEqual(result.failure.field, field)
      assert.isUndefined(received)
    }))

  it.live("fails with typed errors that hold no text", () =>
    Effect.gen(function*() {
      const { result } = yield* apply(
        { guardrail, source: "input", content: "a confidential text" },
        WireServer.failing(429, "ThrottlingException", "slow down")
      )
      assert(result._tag === "Failure")
      assert.strictEqual(result.failure._tag, "RateLimitError")
      assert.notInclude(JSON.stringify(result.failure), "confidential")
    }))
  it.live("puts a sign in the place of half a surrogate pair, which has no bytes", () =>
    Effect.gen(function*() {
      const { sent } = yield* apply({ guardrail, source: "input", content: "a\ud83d b \ud83d\ude00" })
      assert.deepStrictEqual(sent.content, [{ text: { text: "a\ufffd b \ud83d\ude00" } }])
    }))

  it.live.each<readonly [answer: object, problem: string]>([
    [{ action: 5 }, "`action` is a number instead of text"],
    [{ action: "NONE", outputs: "x" }, "`outputs` is text instead of a list"],
    [{ action: "NONE", outputs: [{ text: {} }] }, "`outputs[0].text` is an object instead of text"],
    [
      { action: "NONE", assessments: [{ topicPolicy: { topics: [{ detected: "yes" }] } }] },
      "`assessments[0].topicPolicy.topics[0].detected` is text instead of a boolean"
    ]
  ])("fails with MalformedResponseError on %j", ([answer, problem]) =>
    Effect.gen(function*() {
      const { result } = yield* apply({ guardrail, source: "input", content: "Hello" }, answering(answer))
      assert(result._tag === "Failure")
      assert.strictEqual(result.failure._tag, "MalformedResponseError")
      assert.match(result.failure.message, /^guardrail gr1 at 127\.0\.0\.1:\d+: /)
      assert.include(result.failure.message, `: the answer cannot be decoded: ${problem} (request `)
    }))

  it.live("reads missing and null members as empty", () =>
    Effect.gen(function*() {
      const { result } = yield* apply(
        { guardrail, source: "input", content: "Hello" },
        answering({
          action: "NONE",
          outputs: null,
          usage: { topicPolicyUnits: -1, contentPolicyUnits: "2" },
          guardrailCoverage: { images: null, textCharacters: { guarded: 3 } },
          assessments: [null, { wordPolicy: null, sensitiveInformationPolicy: { regexes: null } }]
        })
      )
      assert(result._tag === "Success")
      assert.deepInclude(result.success, {
        action: "none",
        outputs: [],
        assessments: [],
        coverage: { textCharacters: { guarded: 3, total: 0 } }
      })
      assert.isTrue(Object.values(result.success.usage).every((units) => units === 0))
    }))
})
