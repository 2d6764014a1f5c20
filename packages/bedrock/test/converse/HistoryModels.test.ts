import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Result from "effect/Result"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Request from "../../src/converse/Request.ts"

const { assistant, text, tool, user } = Message

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

const encode = (model: string, request: Partial<ChatRequest.Resolved>, history: "repair" | "strict" = "repair") =>
  Request.encode({ model, messages: [user("Hi")], ...request }, { capabilities: ModelCatalog.lookup(model), history })

const sent = (model: string, request: Partial<ChatRequest.Resolved>) => {
  const { changes, input } = Result.getOrThrow(encode(model, request))
  return { messages: input.messages ?? [], changes: changes.map(({ field, type }) => [type, field]) }
}

const refused = (model: string, request: Partial<ChatRequest.Resolved>) => {
  const result = encode(model, request, "strict")
  assert(Result.isFailure(result) && result.failure._tag === "InvalidRequestError")
  assert.isString(result.failure.remedy)
  return result.failure.field
}

const redacted = new Uint8Array([1])

const answered = (...parts: ReadonlyArray<Message.AssistantPart>) => ({
  messages: [user("Q"), assistant([...parts, text("hi")]), user("R")]
})

describe("converse/History and models", () => {
  describe("reasoning", () => {
    const plain: Message.ReasoningPart = { type: "reasoning", text: "t" }
    const signed: Message.ReasoningPart = { ...plain, signature: "s" }
    const sealed: Message.ReasoningPart = { type: "reasoning", text: "", redacted }

    const kept = (model: string, part: Message.ReasoningPart) => {
      const { changes, messages } = sent(model, answered(part))
      const block = messages[1]?.content?.find(({ reasoningContent }) => reasoningContent !== undefined)
      return [block?.reasoningContent, changes.map(([type]) => type)]
    }
    const left = [undefined, ["omitted-reasoning"]]
    const unsigned = { reasoningText: { text: "t" } }

    it("is sent back to Claude with its signature only", () => {
      for (const model of [claude, "anthropic.claude-3-7-sonnet-20250219-v1:0", "us.anthropic.claude-opus-5"]) {
        assert.deepStrictEqual(kept(model, plain), left)
        assert.deepStrictEqual(kept(model, signed), [{ reasoningText: { text: "t", signature: "s" } }, []])
        assert.deepStrictEqual(kept(model, sealed), [{ redactedContent: redacted }, []])
      }
    })

    it.each([
      "us.deepseek.r1-v1:0",
      "us.meta.llama4-maverick-17b-instruct-v1:0",
      "anthropic.claude-3-haiku-20240307-v1:0",
      "amazon.nova-lite-v1:0",
      "cohere.command-r-v1:0",
      "mistral.mistral-large-3-675b-instruct"
    ])("does not go to %s", (model) => {
      for (const part of [plain, signed, sealed]) assert.deepStrictEqual(kept(model, part), left)
    })

    it.each(["us.amazon.nova-2-lite-v1:0", "minimax.minimax-m2", "openai.gpt-oss-120b-1:0", "qwen.qwen3-32b-v1:0"])(
      "goes to %s without a signature",
      (model) => {
        assert.deepStrictEqual(kept(model, plain), [unsigned, []])
        assert.deepStrictEqual(kept(model, signed), [unsigned, ["omitted-signature"]])
        assert.deepStrictEqual(kept(model, sealed), left)
        assert.deepStrictEqual(kept(model, { ...sealed, text: "t" }), left)
        for (const text of ["", " "]) assert.deepStrictEqual(kept(model, { ...signed, text }), left)
      }
    )

    it("is sent unchanged to an unknown model", () => {
      for (const model of ["acme.oracle-v1:0", "global.openai.gpt-5.6-terra"]) {
        assert.deepStrictEqual(kept(model, signed), [{ reasoningText: { text: "t", signature: "s" } }, []])
        assert.deepStrictEqual(kept(model, sealed), [{ redactedContent: redacted }, []])
      }
    })

    it("is dropped together with a turn that had nothing else", () => {
      assert.deepStrictEqual(sent("us.deepseek.r1-v1:0", { messages: [user("Q"), assistant([plain]), user("R")] }), {
        messages: [{ role: "user", content: [{ text: "Q" }, { text: "R" }] }],
        changes: [["omitted-reasoning", "messages[1].content[0]"], ["joined-message", "messages[2]"]]
      })
    })

    it("that is signed keeps everything beside it unchanged, empty text too", () => {
      const parts = [
        { type: "reasoning", text: "a", signature: "s1" },
        text(""),
        { type: "reasoning", text: "b", signature: "s2" }
      ] as const
      const { changes, messages } = sent(claude, answered(...parts))
      assert.deepStrictEqual(messages[1]?.content?.[1], { text: "" })
      assert.deepStrictEqual(changes, [])
      assert.deepStrictEqual(sent(claude, answered(text(""))).changes, [["dropped-blank", "messages[1].content[0]"]])
    })

    it("of others is refused in strict mode, and its signature is not", () => {
      assert.strictEqual(refused(claude, answered(plain)), "messages[1].content[0]")
      assert.isTrue(Result.isSuccess(encode("minimax.minimax-m2", answered(signed), "strict")))
    })
  })

  describe("media in the results of tools", () => {
    const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: { bytes: new Uint8Array([1]) } }
    const document: Message.DocumentPart = {
      type: "document",
      mediaType: "application/pdf",
      name: "a_report",
      source: { bytes: new Uint8Array([1]) }
    }
    const asked = (...parts: ReadonlyArray<Message.ToolResultContent>) => ({
      tools: [{ name: "look", inputSchema: { type: "object" } }],
      messages: [
        user("Q"),
        assistant([{ type: "tool-call", id: "abcdefghi", name: "look", params: {} }]),
        tool([{ type: "tool-result", id: "abcdefghi", parts }]),
        user("And?")
      ]
    })
    const png = { image: { format: "png", source: { bytes: new Uint8Array([1]) } } } as const

    it.each([
      "qwen.qwen3-vl-235b-a22b",
      "us.mistral.pixtral-large-2502-v1:0",
      "moonshotai.kimi-k2.5",
      "global.openai.gpt-5.6-terra",
      "google.gemma-3-27b-it"
    ])("stand beside the results for %s", (model) => {
      const { changes, messages } = sent(model, asked(text("Two:"), image, image))
      assert.deepStrictEqual<unknown>(messages[2], {
        role: "user",
        content: [
          {
            toolResult: {
              toolUseId: "abcdefghi",
              content: [
                { text: "Two:" },
                { text: "Image 1 is attached behind the results." },
                { text: "Image 2 is attached behind the results." }
              ]
            }
          },
          png,
          png,
          { text: "And?" }
        ]
      })
      assert.deepStrictEqual(changes, [
        ["moved-media", "messages[2].content[0].parts[1]"],
        ["moved-media", "messages[2].content[0].parts[2]"]
      ])
      assert.strictEqual(refused(model, asked(image)), "messages[2].content[0].parts[0]")
    })

    it.each([claude, "us.amazon.nova-lite-v1:0", "us.meta.llama4-maverick-17b-instruct-v1:0", "acme.oracle-v1:0"])(
      "stay in them for %s",
      (model) => {
        const { changes, messages } = sent(model, asked(image))
        assert.deepStrictEqual<unknown>(messages[2]?.content?.[0]?.toolResult?.content, [png])
        assert.notInclude(changes.map(([type]) => type), "moved-media")
      }
    )

    it("are a separate message where results must be alone", () => {
      const { messages } = sent("mistral.magistral-small-2509", asked(image))
      assert.deepStrictEqual(
        messages.slice(2).map(({ content }) => content?.map((block) => Object.keys(block)[0])),
        [["toolResult"], ["text"], ["image", "text"]]
      )
    })

    it("of documents keep their names", () => {
      const { messages } = sent("qwen.qwen3-vl-235b-a22b", asked(document))
      assert.deepStrictEqual(messages[2]?.content?.[0]?.toolResult?.content, [
        { text: "The document \"a_report\" is attached behind the results." }
      ])
      assert.strictEqual(messages[2]?.content?.[1]?.document?.name, "a_report")
    })

    it("are refused where the model cannot read them at all, in a message or in a result", () => {
      const features = (model: string, request: Partial<ChatRequest.Resolved>) =>
        ModelCatalog.check(ModelCatalog.lookup(model), { model, messages: [], ...request }, { streaming: false })
          .map(({ feature }) => feature)
      const video: Message.VideoPart = { ...image, type: "video", mediaType: "video/mp4" }
      const audio: Message.AudioPart = { ...image, type: "audio", mediaType: "audio/wav" }
      assert.deepStrictEqual(features("cohere.command-r-v1:0", asked(image)), ["images"])
      assert.deepStrictEqual(features(claude, { messages: [user([video, audio])] }), ["videos", "audio"])
      assert.deepStrictEqual(features(claude, asked(video)), ["videos"])
      assert.deepStrictEqual(features("us.amazon.nova-lite-v1:0", { messages: [user([video])] }), [])
      assert.deepStrictEqual(features("mistral.voxtral-mini-3b-2507", { messages: [user([audio])] }), [])
    })
  })

  describe("a last message of the assistant", () => {
    const open = { messages: [user("Q"), assistant("{")] }

    it.each(["us.anthropic.claude-sonnet-4-6", "anthropic.claude-opus-4-8", "us.anthropic.claude-haiku-5-1"])(
      "is followed by one of the user for %s",
      (model) => {
        const { changes, messages } = sent(model, open)
        assert.deepStrictEqual(messages.slice(1), [
          { role: "assistant", content: [{ text: "{" }] },
          { role: "user", content: [{ text: "Go on." }] }
        ])
        assert.deepStrictEqual(changes, [["added-user", "messages[1]"]])
        assert.strictEqual(refused(model, open), "messages[1]")
      }
    )

    it("has its calls answered there", () => {
      const call: Message.ToolCallPart = { type: "tool-call", id: "a", name: "look", params: {} }
      const { changes, messages } = sent("us.anthropic.claude-sonnet-4-6", {
        tools: [{ name: "look", inputSchema: { type: "object" } }],
        messages: [user("Q"), assistant([call])]
      })
      assert.deepStrictEqual(messages[2]?.content?.map(({ toolResult }) => toolResult?.status), ["error"])
      assert.deepStrictEqual(changes, [["missing-result", "messages[1].content[0]"]])
    })

    it.each([claude, "us.amazon.nova-2-lite-v1:0"])("is gone on from by %s", (model) => {
      assert.deepStrictEqual(sent(model, open).changes, [])
    })
  })

  it("lets the assistant begin with Claude, which was recorded to take it", () => {
    const messages = [assistant("Welcome"), user("Thanks")]
    assert.deepStrictEqual(sent(claude, { messages }).changes, [])
    assert.deepStrictEqual(sent("us.amazon.nova-lite-v1:0", { messages }).changes, [["inserted-user", "messages[0]"]])
  })

  it("leaves ids of calls to Pixtral and Devstral as Bedrock made them", () => {
    const id = "tooluse_Z4oIdWzp6MUkuN99WX3jLkA"
    const messages = [
      user("Q"),
      assistant([{ type: "tool-call", id, name: "look", params: {} }]),
      tool([{ type: "tool-result", id, result: "ok" }])
    ]
    const tools = [{ name: "look", inputSchema: { type: "object" } }]
    for (const model of ["us.mistral.pixtral-large-2502-v1:0", "mistral.devstral-2-123b"]) {
      assert.deepStrictEqual(sent(model, { messages, tools }).changes, [])
    }
    assert.deepStrictEqual(sent("mistral.mistral-large-2402-v1:0", { messages, tools }).changes, [
      ["renamed-call", "messages[1].content[0].id"]
    ])
  })

  it("offers a provider tool again, if no other tool was called", () => {
    const searched: ReadonlyArray<Message.AssistantPart> = [
      { type: "tool-call", id: "s", name: "nova_grounding", params: {}, providerExecuted: true },
      { type: "tool-result", id: "s", result: [{ text: "[HIDDEN]" }], providerExecuted: true }
    ]
    const toolsOf = (...parts: ReadonlyArray<Message.AssistantPart>) =>
      Result.getOrThrow(encode("us.amazon.nova-2-lite-v1:0", answered(...searched, ...parts))).input.toolConfig?.tools
    assert.deepStrictEqual(toolsOf(), [{ systemTool: { name: "nova_grounding" } }])
    const called = toolsOf({ type: "tool-call", id: "a", name: "look", params: {} })
    assert.deepStrictEqual(called?.map((tool) => tool.toolSpec?.name), ["look"])
  })

  it("sends a citation without text as it came", () => {
    const location = { type: "web", url: "https://example.org", domain: "example.org" } as const
    const { changes, messages } = sent(
      "us.amazon.nova-2-lite-v1:0",
      answered({ ...text(""), citations: [{ location }] })
    )
    assert.deepStrictEqual<unknown>(messages[1]?.content?.[0], {
      citationsContent: { citations: [{ location: { web: { url: "https://example.org", domain: "example.org" } } }] }
    })
    assert.deepStrictEqual(changes, [])
  })
})
