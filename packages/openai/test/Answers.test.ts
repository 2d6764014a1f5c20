import { assert, describe, it } from "@effect/vitest"
import { type ChatRequest, Message } from "@strata/core"
import type { OpenAiProfile } from "@strata/openai"
import { Effect, Result } from "effect"
import * as Asking from "./support/Asking.ts"
import { chunk, completion, events, json, usage } from "./support/FakeServer.ts"

/** The answer whole, and in chunks, which is the same. */
const both = Effect.fnUntraced(function*(
  message: object,
  chunks: ReadonlyArray<object>,
  options?: Asking.Options,
  request?: ChatRequest.Input
) {
  const whole = yield* Asking.generate(json(completion(message)), request, options)
  const pieces = yield* Asking.collect(
    events(...chunks.map((delta) => chunk(delta)), chunk({}, "stop"), { choices: [], ...usage }, "[DONE]"),
    request,
    options
  )
  assert.deepStrictEqual(pieces, whole)
  return whole
})

const replayed = (message: Message.AssistantMessage, profile: OpenAiProfile.Input = "vllm") =>
  Effect.map(
    Asking.sent([Message.user("Hello"), message, Message.user("Go on")], { profile }),
    ([body]) => body.messages[1]
  )

describe("reasoning", () => {
  for (const name of ["reasoning", "reasoning_content"]) {
    it.live(`case 9: \`${name}\` is read, and sent back under this name`, () =>
      Effect.gen(function*() {
        const response = yield* both(
          { content: "Yes.", [name]: "Let me see." },
          [{ [name]: "Let me " }, { [name]: "see." }, { content: "Yes." }]
        )
        const [thought, text] = Message.parts(response.message)
        assert.isTrue(thought?.type === "reasoning" && thought.text === "Let me see.")
        assert.deepStrictEqual(text, { type: "text", text: "Yes." })
        for (const kind of ["vllm", "ollama", "compatible"] as const) {
          const sent = yield* replayed(response.message, kind)
          assert.deepStrictEqual(sent, { role: "assistant", content: "Yes.", [name]: "Let me see." })
        }
        assert.deepStrictEqual(yield* replayed(response.message, "openai"), { role: "assistant", content: "Yes." })
      }))
  }

  it.live("case 9: it is read once where both names are present", () =>
    Effect.gen(function*() {
      const twice = { reasoning: "Hm.", reasoning_content: "Hm." }
      const response = yield* both({ content: "Yes.", ...twice }, [twice, { content: "Yes." }])
      const thoughts = Message.parts(response.message).filter(({ type }) => type === "reasoning")
      assert.strictEqual(thoughts.length, 1)
      assert.isTrue(thoughts[0]?.type === "reasoning" && thoughts[0].text === "Hm.")
    }))

  it.live("case 9: text in tags at the beginning is reasoning where the profile says so", () =>
    Effect.gen(function*() {
      for (const tag of ["think", "reasoning"]) {
        const content = `\n<${tag}>\nLet me see.</${tag}>\n\nYes, <b>it is</b>.`
        const deltas = [...content].map((content) => ({ content }))
        const options = { profile: { reasoningTags: true } }
        const response = yield* both({ content }, deltas, options)
        const [thought, text] = Message.parts(response.message)
        assert.isTrue(thought?.type === "reasoning" && thought.text === "\nLet me see.")
        assert.isTrue(text?.type === "text" && text.text === "Yes, <b>it is</b>.")
        assert.deepStrictEqual(yield* replayed(response.message), { role: "assistant", content: "Yes, <b>it is</b>." })
        assert.strictEqual((yield* both({ content }, deltas, { profile: { reasoningTags: false } })).text, content)
      }
    }))

  it.live("case 9: tags elsewhere, or other tags, are text", () =>
    Effect.gen(function*() {
      for (const content of ["See <think>this</think>", "<thin", "<thinker>a</thinker>", " <b>x</b>"]) {
        const options = { profile: { reasoningTags: true } }
        const response = yield* both({ content }, [...content].map((content) => ({ content })), options)
        assert.strictEqual(response.text, content)
      }
      const open = "<think>for ever"
      const response = yield* both({ content: open }, [{ content: open }], { profile: { reasoningTags: true } })
      assert.strictEqual(response.text, "")
      assert.isTrue(Message.parts(response.message)[0]?.type === "reasoning")
    }))
})

describe("Azure", () => {
  const safe = { hate: { filtered: false, severity: "safe" } }
  const found = { violence: { filtered: true, severity: "medium" } }

  it.live("case 8: chunks without a choice or without a delta hold no text", () =>
    Effect.gen(function*() {
      const opening = { choices: [], prompt_filter_results: [{ prompt_index: 0, content_filter_results: safe }] }
      const later = {
        choices: [{ index: 0, finish_reason: null, content_filter_results: safe, content_filter_offsets: {} }]
      }
      const response = yield* Asking.collect(
        events(
          opening,
          chunk({ role: "assistant" }),
          chunk({ content: "Hi" }),
          later,
          chunk({}, "stop"),
          later,
          "[DONE]"
        )
      )
      assert.strictEqual(response.text, "Hi")
      assert.strictEqual(response.finishReason, "stop")
      assert.deepStrictEqual(response.providerMetadata.openai?.contentFilterResults, safe)
    }))

  it.live("case 8: a blocked prompt and a blocked answer are the same outcome, with the categories", () =>
    Effect.gen(function*() {
      const refusal = json({
        error: {
          message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
          type: null,
          param: "prompt",
          code: "content_filter",
          status: 400,
          innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: found }
        }
      }, 400)
      const withheld = completion({}, "content_filter", {
        choices: [{ index: 0, finish_reason: "content_filter", content_filter_results: found }]
      })
      const prompt = [yield* Asking.generate(refusal), yield* Asking.collect(refusal)]
      const answer = [
        yield* Asking.generate(json(withheld)),
        yield* Asking.collect(events(
          chunk({ content: "How " }),
          { choices: [{ index: 0, finish_reason: "content_filter", content_filter_results: found }] },
          "[DONE]"
        ))
      ]
      for (const response of [...prompt, ...answer]) {
        assert.strictEqual(response.finishReason, "content-filter")
        assert.deepStrictEqual(response.providerMetadata.openai?.contentFilter?.categories, found)
      }
      assert.deepStrictEqual(prompt.map(({ providerMetadata }) => providerMetadata.openai?.contentFilter?.blocked), [
        "prompt",
        "prompt"
      ])
      assert.strictEqual(answer[1]?.text, "How ")
      assert.deepStrictEqual(answer.map(({ providerMetadata }) => providerMetadata.openai?.contentFilter?.blocked), [
        "answer",
        "answer"
      ])
    }))
})

describe("usage", () => {
  const counted = {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 4 }
  }

  it.live("case 11: it is taken from whichever chunk has it, and the text of that chunk is kept", () =>
    Effect.gen(function*() {
      const streams = [
        [chunk({ content: "Hi" }), chunk({}, "stop"), { choices: [], usage: counted }],
        [chunk({ content: "Hi" }, "stop", { usage: counted })],
        [
          chunk({ content: "H" }, null, { usage: { prompt_tokens: 1 } }),
          chunk({ content: "i" }, "stop", { usage: counted })
        ],
        [chunk({ content: "Hi" }, null, { usage: counted }), chunk({}, "stop", { usage: null })]
      ]
      for (const stream of streams) {
        const response = yield* Asking.collect(events(...stream, "[DONE]"))
        assert.strictEqual(response.text, "Hi")
        assert.deepStrictEqual(
          { ...response.usage },
          { inputTokens: 6, cacheReadTokens: 4, cacheWriteTokens: 0, outputTokens: 5, totalTokens: 15 }
        )
        assert.deepStrictEqual(response.providerMetadata.openai?.usage, counted)
      }
    }))

  it.live("case 11: usage that is missing is absent", () =>
    Effect.gen(function*() {
      const streamed = yield* Asking.collect(events(chunk({ content: "Hi" }, "stop"), "[DONE]"))
      const whole = yield* Asking.generate(json({ ...completion({ content: "Hi" }), usage: undefined }))
      for (const { providerMetadata: { openai } } of [streamed, whole]) {
        assert.isFalse(openai !== undefined && "usage" in openai)
        assert.deepStrictEqual(openai?.warnings?.map(({ type }) => type), ["no-usage"])
      }
    }))

  it.live("case 11: `stream_options` is sent only where the profile has it", () =>
    Effect.gen(function*() {
      const [whole, streamed] = yield* Asking.sent("Hello")
      assert.isFalse("stream_options" in whole || "stream" in whole)
      assert.deepStrictEqual(streamed.stream_options, { include_usage: true })
      const [, without] = yield* Asking.sent("Hello", { profile: { streamUsage: false } })
      assert.isFalse("stream_options" in without)
      assert.isTrue(without.stream)
    }))

  it.live("case 19: a prompt that the server cut is told", () =>
    Effect.gen(function*() {
      const request = "All of this matters, and most of it is not read. ".repeat(2000)
      const counters = (prompt_tokens: number) => ({ usage: { prompt_tokens, completion_tokens: 1 } })
      for (const [tokens, expected] of [[2048, "prompt-cut"], [21_000, undefined]] as const) {
        const whole = yield* Asking.generate(json(completion({ content: "Hm" }, "stop", counters(tokens))), request)
        const streamed = yield* Asking.collect(
          events(chunk({ content: "Hm" }, "stop", counters(tokens)), "[DONE]"),
          request
        )
        for (const response of [whole, streamed]) {
          assert.strictEqual(response.providerMetadata.openai?.warnings?.map(({ type }) => type).join(), expected)
        }
      }
    }))
})

describe("other parts of an answer", () => {
  it.live("a refusal is text with the finish reason `refusal`", () =>
    Effect.gen(function*() {
      const response = yield* both({ content: null, refusal: "I cannot help." }, [{ refusal: "I cannot " }, {
        refusal: "help."
      }])
      assert.strictEqual(response.text, "I cannot help.")
      assert.strictEqual(response.finishReason, "refusal")
    }))

  it.live("citations of a web search are those of the text", () =>
    Effect.gen(function*() {
      const annotations = [{ type: "url_citation", url_citation: { url: "https://a.example", title: "A" } }]
      const response = yield* both({ content: "Hm", annotations }, [{ content: "Hm" }, { annotations }])
      assert.deepStrictEqual(Message.parts(response.message), [{
        type: "text",
        text: "Hm",
        citations: [{ title: "A", source: "https://a.example", location: { type: "web", url: "https://a.example" } }]
      }])
    }))

  it.live("the probabilities of all tokens are kept together", () =>
    Effect.gen(function*() {
      const [one, other] = [{ token: "H", logprob: -0.1 }, { token: "i", logprob: -0.2 }]
      const piece = (content: string, tokens: ReadonlyArray<object>) => ({
        choices: [{ index: 0, delta: { content }, finish_reason: null, logprobs: { content: tokens, refusal: null } }]
      })
      const response = yield* Asking.collect(events(piece("H", [one]), piece("i", [other]), chunk({}, "stop")))
      assert.deepStrictEqual(response.providerMetadata.openai?.logprobs, { content: [one, other], refusal: null })
    }))

  it.live("unknown fields and chunks pass by", () =>
    Effect.gen(function*() {
      const response = yield* Asking.collect(
        events(
          { type: "invented", x: 1 },
          { ...chunk({ content: "Hi", x: [] }), y: {} },
          { object: "z" },
          chunk({}, "stop")
        )
      )
      assert.strictEqual(response.text, "Hi")
    }))

  it.live("a stop sequence and unknown reasons are told", () =>
    Effect.gen(function*() {
      const body = completion({ content: "a" }, "stop", {
        choices: [{ index: 0, message: { content: "a" }, finish_reason: "stop", stop_reason: "END" }]
      })
      const stopped = yield* Asking.generate(json(body), { messages: "Hello", stopSequences: ["END"] })
      assert.strictEqual(stopped.finishReason, "stop-sequence")
      const other = yield* Asking.generate(json(completion({ content: "a" }, "tired")))
      assert.strictEqual(other.finishReason, "other")
      assert.strictEqual(other.providerMetadata.openai?.finishReason, "tired")
    }))

  it.live("an answer without a message, or an event that is not JSON, cannot be decoded", () =>
    Effect.gen(function*() {
      for (const body of [{}, { choices: [] }, { choices: [{}] }, [], "text", 1, null]) {
        const error = yield* Effect.flip(Asking.generate(json(body)))
        assert.strictEqual(error._tag, "MalformedResponseError", JSON.stringify(body))
      }
      const { exit } = yield* Asking.stream(events("{\"choices\":["))
      assert.isTrue(Result.isFailure(exit) && exit.failure._tag === "MalformedResponseError")
    }))
})
