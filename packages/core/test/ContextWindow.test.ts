import { assert, describe, it } from "@effect/vitest"
import { type ChatRequest, ContextWindow, Message } from "@strata/core"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Histories from "./support/Histories.ts"

const { words } = Histories

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const png = (): Message.ImagePart => ({ type: "image", mediaType: "image/png", source: { bytes: Uint8Array.of(1) } })

const fit = (request: ChatRequest.ChatRequest, options: ContextWindow.Options, from?: number) =>
  Result.getOrThrow(ContextWindow.fit(request, options, from))

const messagesOf = ({ request }: ContextWindow.Fitted) => request.messages as ReadonlyArray<Message.Message>

/** Turns of about 100 tokens. */
const turns = (count: number): ReadonlyArray<Message.Message> =>
  Array.from({ length: count }, (_, index) => [
    Message.user(`${index} ${words(40)}`),
    Message.assistant(`${index} ${words(40)}`)
  ]).flat()

describe("ContextWindow", () => {
  it.prop(
    "case 64: any history at any budget is a valid request with the system prompt and the last message of the user, or too long",
    [Histories.Pieces, between(1, 3_000), between(0, 24), Schema.UndefinedOr(between(32, 64))],
    ([pieces, maxTokens, from, maxResultTokens]) => {
      const given = Histories.of(pieces)
      const fitted = ContextWindow.fit({ messages: given }, { maxTokens, reserve: 0, maxResultTokens }, from)
      if (Result.isFailure(fitted)) {
        assert.strictEqual(fitted.failure._tag, "ContextLengthExceededError")
        return
      }
      const { request, sizes } = fitted.success
      const messages = request.messages as ReadonlyArray<Message.Message>
      assert.isUndefined(Histories.troubleOf(messages))
      assert.isAtMost(ContextWindow.sizesOf(request, { reserve: 0 }).total, maxTokens)
      assert.strictEqual(ContextWindow.sizesOf(request, { reserve: 0 }).total, sizes.total)
      const isKept = (message: Message.Message | undefined) => message === undefined || messages.includes(message)
      for (const message of given) if (message.role === "system") assert.isTrue(isKept(message))
      assert.isTrue(isKept(given.findLast(({ role }) => role === "user")))
    },
    { arbitrary: { runs: 300 } }
  )

  it("case 64: leaves out whole turns, with calls and results", () => {
    const call: Message.ToolCallPart = { type: "tool-call", id: "1", name: "look", params: {} }
    const messages = [
      Message.system("Be brief."),
      Message.user("first"),
      Message.assistant([call]),
      Message.tool([{ type: "tool-result", id: "1", result: words(300) }]),
      Message.assistant("looked"),
      Message.user("second"),
      Message.assistant("yes")
    ]
    const { from, request } = fit({ messages }, { maxTokens: 200, reserve: 0 })
    assert.strictEqual(from, 5)
    assert.deepStrictEqual(request.messages, [messages[0]!, messages[5]!, messages[6]!])
  })

  it("a request that fits is not touched", () => {
    const messages = turns(3)
    const fitted = fit({ messages, model: "m", temperature: 0 }, { maxTokens: 10_000 })
    assert.deepStrictEqual(fitted.request, { messages, model: "m", temperature: 0 })
    assert.strictEqual(fitted.from, 0)
  })

  it("case 68: between cuts a request begins with all of the one before; a cut goes down to the low-water mark", () => {
    const options: ContextWindow.Options = { maxTokens: 2_000, reserve: 200, lowWater: 0.5 }
    let from = 0
    let before: ReadonlyArray<Message.Message> = []
    const cuts: Array<number> = []
    const all = turns(100)
    for (let length = 1; length <= all.length; length += 2) {
      const fitted = fit({ messages: all.slice(0, length) }, options, from)
      const messages = messagesOf(fitted)
      if (fitted.from !== from) {
        cuts.push(length)
        assert.isAtMost(fitted.sizes.total, 1_000)
      } else {
        assert.deepStrictEqual(messages.slice(0, before.length), before)
      }
      from = fitted.from
      before = messages
    }
    assert.isAtLeast(cuts.length, 5)
    assert.isAtMost(cuts.length, 12)
  })

  it("case 68: the prefix stays the same to the byte while results are shortened and calls repaired", () => {
    const call = (id: string): Message.ToolCallPart => ({ type: "tool-call", id, name: "look", params: {} })
    const result = (id: string): Message.ToolResultPart => ({ type: "tool-result", id, result: words(500) })
    const messages: Array<Message.Message> = []
    let before = ""
    for (let turn = 0; turn < 12; turn++) {
      messages.push(
        Message.user(`${turn}`),
        Message.assistant([call("same"), call("lost")]),
        Message.tool([result("same")])
      )
      const text = JSON.stringify(messagesOf(fit({ messages }, { maxTokens: 100_000, maxResultTokens: 100 })))
      assert.isTrue(text.startsWith(before.slice(0, -1)))
      before = text
    }
  })

  describe("case 69: the budget counts", () => {
    const plain: ChatRequest.ChatRequest = { messages: [Message.user("Hi")] }
    const call = (params: unknown): Message.ToolCallPart => ({ type: "tool-call", id: "1", name: "look", params })
    const answered = (params: unknown, result: unknown): ChatRequest.ChatRequest => ({
      messages: [
        Message.user("Hi"),
        Message.assistant([call(params)]),
        Message.tool([{ type: "tool-result", id: "1", result }])
      ]
    })
    const cases: Readonly<Record<string, ChatRequest.ChatRequest>> = {
      "the system prompt": { messages: [Message.system(words(1_000)), Message.user("Hi")] },
      "schemas of tools": { ...plain, tools: [{ name: "look", inputSchema: { type: "object", title: words(1_000) } }] },
      "the schema of the answer": { ...plain, responseFormat: { type: "json", schema: { title: words(1_000) } } },
      "arguments of calls": answered({ text: words(1_000) }, ""),
      "results": answered({}, words(1_000)),
      "results in JSON": answered({}, { text: words(1_000) }),
      "images": { messages: [Message.user([png()])] },
      "images in results": {
        messages: [
          Message.user("Hi"),
          Message.assistant([call({})]),
          Message.tool([{ type: "tool-result", id: "1", parts: [png()] }])
        ]
      },
      "the reserve of the answer": { ...plain, maxTokens: 1_000 }
    }
    for (const [name, request] of Object.entries(cases)) {
      it(`case 69: ${name}`, () => {
        const reserve = request.maxTokens ?? 0
        const fitted = ContextWindow.fit(request, { maxTokens: 900, reserve: request.maxTokens ?? 0 })
        assert.isTrue(Result.isFailure(fitted))
        if (Result.isSuccess(fitted)) return
        const error = fitted.failure
        assert.strictEqual(error._tag, "ContextLengthExceededError")
        if (error._tag !== "ContextLengthExceededError") return
        const { total } = ContextWindow.sizesOf(request, { reserve })
        assert.deepStrictEqual(error.measured, { unit: "tokens", actual: total, limit: 900 })
        assert.isAbove(total, 900)
        assert.match(error.message, /System prompt: \d+, tools: \d+, last turn: \d+, reserve of the answer: \d+/)
        assert.isTrue(Result.isSuccess(ContextWindow.fit(request, { maxTokens: 4_000, reserve })))
      })
    }
  })

  describe("case 69: long results", () => {
    const tool = (part: Omit<Message.ToolResultPart, "type" | "id">): ChatRequest.ChatRequest => ({
      messages: [
        Message.user("Hi"),
        Message.assistant([{ type: "tool-call", id: "1", name: "look", params: {} }]),
        Message.tool([{ type: "tool-result", id: "1", ...part }])
      ]
    })
    const options = { maxTokens: 2_000, reserve: 0, maxResultTokens: 100 }
    const resultOf = (request: ChatRequest.ChatRequest) => {
      const last = messagesOf(fit(request, options)).at(-1)
      return last?.role === "tool" ? last.content[0] : undefined
    }

    it("are shortened in the middle, with a mark that counts, if that is asked for", () => {
      const result = `begin ${words(5_000)} end`
      assert.isTrue(Result.isFailure(ContextWindow.fit(tool({ result }), { maxTokens: 2_000, reserve: 0 })))
      const short = `${resultOf(tool({ result }))?.result}`
      assert.match(short, /^begin .*\n\[… (\d+) characters were left out here …\]\n.* end$/s)
      const left = Number(/(\d+) characters/.exec(short)?.[1])
      assert.strictEqual(short.replace(/\n\[.*\]\n/s, "").length + left, result.length)
      assert.isAtMost(ContextWindow.tokensOf(Message.user(short)), 125)
    })

    it("as JSON become text; parts are shortened each, media stay", () => {
      assert.match(
        `${resultOf(tool({ result: { rows: [words(900)] } }))?.result}`,
        /^\{"rows":\["word.*left out here.*"\]\}$/s
      )
      const parts = resultOf(tool({ parts: [Message.text(words(900)), { type: "json", value: [words(900)] }, png()] }))
        ?.parts
      assert.deepStrictEqual(parts?.map(({ type }) => type), ["text", "text", "image"])
    })

    it("that are short enough, and those of a provider's tools, stay as they are", () => {
      const request = tool({ result: { rows: 3 } })
      assert.strictEqual(messagesOf(fit(request, options))[2], request.messages[2] as never)
    })

    it("are not cut within a character", () => {
      const short = `${resultOf(tool({ result: "😀".repeat(2_000) }))?.result}`
      assert.isTrue(short.isWellFormed())
    })
  })

  it("an assistant that begins is announced by a message of the user", () => {
    const messages = [Message.assistant("Welcome!"), Message.user("Hi")]
    const [first, ...rest] = messagesOf(fit({ messages }, { maxTokens: 10_000 }))
    assert.strictEqual(first?.role, "user")
    assert.deepStrictEqual(rest, messages)
  })

  it("messages of the user without an answer are one turn, unless only the last has room", () => {
    const messages = [Message.user(words(500)), Message.user(words(500)), Message.user("last")]
    assert.deepStrictEqual(messagesOf(fit({ messages }, { maxTokens: 5_000, reserve: 0 })), messages)
    assert.deepStrictEqual(messagesOf(fit({ messages }, { maxTokens: 600, reserve: 0 })), [Message.user("last")])
  })

  it("invalid options are refused", () => {
    for (const options of [{ maxTokens: 0 }, { maxTokens: 1, lowWater: 2 }, { maxTokens: 1, maxResultTokens: 3 }]) {
      const fitted = ContextWindow.fit({ messages: "Hi" }, options)
      assert.strictEqual(Result.isFailure(fitted) && fitted.failure._tag, "InvalidRequestError")
    }
  })
})
