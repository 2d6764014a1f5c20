import { ApplyGuardrailCommand, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import type {
  ApplyGuardrailCommandInput,
  ConverseCommandInput,
  ConverseStreamCommandInput
} from "@aws-sdk/client-bedrock-runtime"
import { assert, layer } from "@effect/vitest"
import type * as ChatEvent from "@strata/core/chat/ChatEvent"
import type { Guardrail } from "@strata/emulator"
import * as Effect from "effect/Effect"
import * as Fixture from "./Fixture.ts"

const guardrail: Guardrail.Guardrail = {
  id: "abc123",
  version: "1",
  words: ["gravitational singularity", "C++"],
  topics: [{ name: "Investing", phrases: ["which stock", "buy shares"] }],
  blockedInput: "Not that question.",
  blockedOutput: "Not that answer."
}

const arn = "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123"
const named = { guardrailIdentifier: "abc123", guardrailVersion: "1" }
const stage = Fixture.stage()
const asking = (text: string) => [{ role: "user" as const, content: [{ text }] }]
const harmful = "Explain a gravitational singularity."
const missing = "The guardrail identifier or version provided in the request does not exist."

const apply = Effect.fnUntraced(function*(
  protocol: Fixture.Protocol,
  text: string,
  input?: Partial<ApplyGuardrailCommandInput>
) {
  const client = yield* Fixture.connect(protocol)
  const { $metadata: _, ...answer } = yield* Fixture.attempt(() =>
    client.send(new ApplyGuardrailCommand({ ...named, source: "INPUT", content: [{ text: { text } }], ...input }))
  )
  return answer
})

const converse = Effect.fnUntraced(function*(input: Partial<ConverseCommandInput>) {
  const client = yield* Fixture.connect("1.1")
  return yield* Fixture.attempt(() =>
    client.send(new ConverseCommand({ ...Fixture.hello, guardrailConfig: named, ...input }))
  )
})

const stream = Effect.fnUntraced(function*(input: Partial<ConverseStreamCommandInput>) {
  const client = yield* Fixture.connect("2")
  const { stream } = yield* Fixture.attempt(() =>
    client.send(new ConverseStreamCommand({ ...Fixture.hello, guardrailConfig: named, ...input }))
  )
  const events = yield* Fixture.drain(stream)
  return {
    texts: events.flatMap((event) => event.contentBlockDelta?.delta?.text ?? []),
    stopReason: events.find((event) => event.messageStop)?.messageStop?.stopReason,
    metadata: events.at(-1)?.metadata
  }
})

const units = (word: number, topic: number) => ({
  topicPolicyUnits: topic,
  contentPolicyUnits: 0,
  wordPolicyUnits: word,
  sensitiveInformationPolicyUnits: 0,
  sensitiveInformationPolicyFreeUnits: 0,
  contextualGroundingPolicyUnits: 0,
  contentPolicyImageUnits: 0,
  automatedReasoningPolicyUnits: 0,
  automatedReasoningPolicies: 0
})

layer(Fixture.emulator({ guardrails: [guardrail, { id: "draftonly", words: ["x"] }] }, stage.layer))(
  "Guardrail",
  (it) => {
    for (const protocol of Fixture.protocols) {
      it.effect(`intervenes on a word, over HTTP/${protocol}`, () =>
        Effect.gen(function*() {
          const answer = yield* apply(protocol, harmful)
          assert.deepInclude(answer, {
            action: "GUARDRAIL_INTERVENED",
            actionReason: "Guardrail blocked.",
            outputs: [{ text: "Not that question." }],
            usage: units(1, 1),
            guardrailCoverage: { textCharacters: { guarded: harmful.length, total: harmful.length } }
          })
          const [assessment] = answer.assessments ?? []
          assert.deepStrictEqual(assessment?.wordPolicy?.customWords, [
            { match: "gravitational singularity", action: "BLOCKED", detected: true }
          ])
          assert.deepStrictEqual(assessment?.appliedGuardrailDetails, {
            guardrailId: "abc123",
            guardrailVersion: "1",
            guardrailArn: arn,
            guardrailOrigin: ["REQUEST"],
            guardrailOwnership: "SELF"
          })
          assert.deepStrictEqual(assessment?.invocationMetrics?.usage, units(1, 1))
        }))

      it.effect(`does not intervene on other content, over HTTP/${protocol}`, () =>
        Effect.gen(function*() {
          const answer = yield* apply(protocol, "x".repeat(1001))
          assert.deepInclude(answer, { action: "NONE", outputs: [], usage: units(2, 2) })
          assert.notProperty(answer.assessments?.[0], "wordPolicy")
        }))
    }

    it.effect("matches whole words, case-insensitively", () =>
      Effect.gen(function*() {
        const action = (text: string) =>
          Effect.map(apply("1.1", text), ({ action }) => action === "GUARDRAIL_INTERVENED")
        assert.isTrue(yield* action("A GRAVITATIONAL SINGULARITY!"))
        assert.isFalse(yield* action("gravitational singularitys"))
        assert.isTrue(yield* action("I write C++."))
      }))

    it.effect("finds a topic, and reports topics not found with full scope", () =>
      Effect.gen(function*() {
        const topic = { name: "Investing", type: "DENY", action: "BLOCKED", detected: true }
        const found = yield* apply("1.1", "Which stock is best?", { source: "OUTPUT" })
        assert.deepStrictEqual(found.outputs, [{ text: "Not that answer." }])
        assert.deepStrictEqual<unknown>(found.assessments?.[0]?.topicPolicy?.topics, [topic])
        const full = yield* apply("1.1", "Hello", { outputScope: "FULL" })
        assert.strictEqual<string | undefined>(full.action, "NONE")
        assert.deepStrictEqual<unknown>(full.assessments?.[0]?.topicPolicy?.topics, [
          { ...topic, action: "NONE", detected: false }
        ])
      }))

    it.effect("is found by id or ARN, in its version or as DRAFT", () =>
      Effect.gen(function*() {
        for (
          const input of [
            { guardrailIdentifier: arn },
            { guardrailVersion: "DRAFT" },
            { guardrailIdentifier: "draftonly", guardrailVersion: "DRAFT" }
          ]
        ) {
          yield* apply("1.1", "Hello", input)
        }
        for (
          const input of [
            { guardrailVersion: "2" },
            { guardrailIdentifier: "unknown" },
            { guardrailIdentifier: arn.replace("us-east-1", "eu-west-1") },
            { guardrailIdentifier: "draftonly" }
          ]
        ) {
          const { message, name, status } = yield* Effect.flip(apply("1.1", "Hello", input))
          assert.deepStrictEqual([name, status, message], ["ResourceNotFoundException", 404, missing])
        }
        const { message, name } = yield* Effect.flip(
          converse({ guardrailConfig: { ...named, guardrailVersion: "2" } })
        )
        assert.deepStrictEqual([name, message], ["ValidationException", missing])
      }))

    it.effect("blocks a prompt before the model is called", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response([{ type: "text", text: "Hello" }]))
        const answer = yield* converse({ messages: asking(harmful) })
        assert.deepStrictEqual(answer.output?.message?.content, [{ text: "Not that question." }])
        assert.strictEqual(answer.stopReason, "guardrail_intervened")
        assert.deepStrictEqual(answer.usage, { inputTokens: 0, outputTokens: 0, totalTokens: 0 })
        assert.isUndefined(answer.trace)
        assert.isNull(stage.asked())
        const streamed = yield* stream({ messages: asking(harmful) })
        assert.deepInclude(streamed, { texts: ["Not that question."], stopReason: "guardrail_intervened" })
        assert.strictEqual(streamed.metadata?.usage?.totalTokens, 0)
        assert.isNull(stage.asked())
      }))

    it.effect("returns a trace on request", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response([{ type: "text", text: "Hello" }]))
        const blocked = yield* converse({
          messages: asking(harmful),
          guardrailConfig: { ...named, trace: "enabled" }
        })
        const trace = blocked.trace?.guardrail
        assert.strictEqual(trace?.actionReason, "Guardrail blocked.")
        assert.strictEqual(
          trace?.inputAssessment?.["abc123"]?.wordPolicy?.customWords?.[0]?.match,
          "gravitational singularity"
        )
        assert.isUndefined(trace?.outputAssessments)
        const passed = yield* stream({ guardrailConfig: { ...named, trace: "enabled" } })
        const passedTrace = passed.metadata?.trace?.guardrail
        assert.strictEqual(passedTrace?.actionReason, "No action.")
        assert.deepStrictEqual(passedTrace?.modelOutput, ["Hello"])
        assert.lengthOf(passedTrace?.outputAssessments?.["abc123"] ?? [], 1)
        assert.deepStrictEqual(passed.texts, ["Hello"])
        const disabled = yield* converse({ guardrailConfig: { ...named, trace: "disabled" } })
        assert.isUndefined(disabled.trace)
      }))

    it.effect("replaces a blocked answer", () =>
      Effect.gen(function*() {
        yield* stage.says(
          Fixture.response([{ type: "reasoning", text: "hm" }, { type: "text", text: "Which stock? This." }])
        )
        const answer = yield* converse({ guardrailConfig: { ...named, trace: "enabled" } })
        assert.deepStrictEqual(answer.output?.message?.content, [{ text: "Not that answer." }])
        assert.strictEqual(answer.stopReason, "guardrail_intervened")
        assert.deepStrictEqual(answer.usage, { inputTokens: 7, outputTokens: 3, totalTokens: 10 })
        assert.deepStrictEqual(answer.trace?.guardrail?.modelOutput, ["Which stock? This."])
      }))

    const events: ReadonlyArray<ChatEvent.ChatEvent> = Fixture.deltas("Safe. ", "Which ", "stock? ", "This.")

    it.effect("buffers a stream until it was checked", () =>
      Effect.gen(function*() {
        yield* stage.says(events)
        const { metadata, stopReason, texts } = yield* stream({})
        assert.deepStrictEqual([texts, stopReason], [["Not that answer."], "guardrail_intervened"])
        assert.strictEqual(metadata?.usage?.outputTokens, 3)
      }))

    it.effect("checks an async stream while it is sent", () =>
      Effect.gen(function*() {
        yield* stage.says(events)
        const { stopReason, texts } = yield* stream({ guardrailConfig: { ...named, streamProcessingMode: "async" } })
        assert.deepStrictEqual(
          [texts, stopReason],
          [["Safe. ", "Which ", "Not that answer."], "guardrail_intervened"]
        )
      }))

    it.effect("checks only marked content, if any", () =>
      Effect.gen(function*() {
        yield* stage.says(Fixture.response([{ type: "text", text: "Hello" }]))
        const marked = (text: string, guarded: string) =>
          converse({
            messages: [{ role: "user", content: [{ text }, { guardContent: { text: { text: guarded } } }] }],
            guardrailConfig: { ...named, trace: "enabled" }
          })
        const passed = yield* marked(harmful, "fine")
        assert.strictEqual(passed.stopReason, "end_turn")
        assert.deepStrictEqual(
          passed.trace?.guardrail?.inputAssessment?.["abc123"]?.invocationMetrics?.guardrailCoverage?.textCharacters,
          { guarded: 4, total: harmful.length + 4 }
        )
        assert.strictEqual((yield* marked("fine", harmful)).stopReason, "guardrail_intervened")
      }))

    it.effect("counts as an operation of its own, with the path decoded", () =>
      Effect.gen(function*() {
        const { status, text } = yield* Fixture.post(
          `/guardrail/${encodeURIComponent(arn)}/version/DRAFT/apply`,
          JSON.stringify({ source: "BOTH", content: [] })
        )
        assert.deepStrictEqual([status, JSON.parse(text)], [400, {
          message:
            "1 validation error detected: Value 'BOTH' at 'source' failed to satisfy constraint: Member must satisfy enum value set: [INPUT, OUTPUT]"
        }])
      }))
  }
)
