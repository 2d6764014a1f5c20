import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/ChatRequest"
import * as Message from "@strata/core/Message"
import * as Tool from "@strata/core/Tool"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as History from "../../src/converse/History.ts"
import * as Request from "../../src/converse/Request.ts"
import * as ModelCatalog from "../../src/ModelCatalog.ts"
import { broken } from "./HistoryRules.ts"

const models: Record<string, ModelCatalog.Capabilities> = {
  unknown: {},
  nova: ModelCatalog.lookup("amazon.nova-lite-v1:0"),
  titan: ModelCatalog.lookup("amazon.titan-text-express-v1"),
  claude: ModelCatalog.lookup("anthropic.claude-sonnet-4-5-20250929-v1:0"),
  mistral: ModelCatalog.lookup("mistral.mistral-large-2402-v1:0"),
  llama: ModelCatalog.lookup("meta.llama3-1-70b-instruct-v1:0"),
  writer: ModelCatalog.lookup("us.writer.palmyra-x5-v1:0"),
  "nothing at all": {
    systemPrompt: false,
    midConversationSystem: false,
    leadingAssistant: true,
    toolResultStatus: false,
    besideToolResults: [],
    toolCallIdPattern: "^[a-z0-9]{9}$"
  }
}

/** Few ids and names, so that they meet, and most of them unfit. */
const id = Schema.Literals(["a", "b", "call 1", "call_1", "", "x".repeat(70)])
const name = Schema.Literals(["weather", "get weather", "get_weather", "", "天気"])
const said = Schema.Literals(["", " \n", "word", "blank at the end "])
const cache = Schema.optional(Message.CacheControl)

const text = Schema.Struct({ type: Schema.tag("text"), text: said, cache })
const image = Schema.Struct({
  type: Schema.tag("image"),
  mediaType: Schema.Literal("image/png"),
  source: Schema.Struct({ uri: Schema.Literal("s3://bucket/image") })
})
const document = Schema.Struct({
  type: Schema.tag("document"),
  mediaType: Schema.Literal("text/plain"),
  name: Schema.Union([Schema.Literals(["report", "report (2)", "my\u00a0 report.pdf", "", "天気"]), Schema.String]),
  source: Schema.Struct({ text: Schema.Literal("…") }),
  cache
})
const reasoning = Schema.Struct({ type: Schema.tag("reasoning"), text: said, signature: Schema.Literal("seal") })
const call = Schema.Struct({
  type: Schema.tag("tool-call"),
  id,
  name,
  params: Schema.Union([Schema.Struct({ city: Schema.String }), Schema.String, Schema.Undefined])
})
const result = Schema.Struct({
  type: Schema.tag("tool-result"),
  id,
  result: Schema.Union([said, Schema.Struct({ celsius: Schema.Int })]),
  parts: Schema.optional(Schema.Array(Schema.Union([text, document]))),
  isFailure: Schema.optional(Schema.Boolean)
})
const change = Schema.Struct({ type: Schema.tag("tool-removal"), name: Schema.Literal("weather") })

/** Messages of every role, each broken in its own way. */
const Messages = Schema.Array(Schema.Union([
  Schema.Struct({
    role: Schema.tag("system"),
    content: Schema.Union([said, Schema.Array(Schema.Union([text, change]))]),
    cache
  }),
  Schema.Struct({
    role: Schema.tag("user"),
    content: Schema.Union([said, Schema.Array(Schema.Union([text, image, document]))]),
    cache
  }),
  Schema.Struct({
    role: Schema.tag("assistant"),
    content: Schema.Union([said, Schema.Array(Schema.Union([text, reasoning, call, call, result]))]),
    cache
  }),
  Schema.Struct({ role: Schema.tag("tool"), content: Schema.Array(result), cache })
]))

const Tools = Schema.optional(Schema.Array(Schema.Struct({
  name: Schema.Literals(["weather", "get_weather"]),
  inputSchema: Schema.Struct({ type: Schema.Literal("object") })
})))

const model = Schema.Literal("any")

const Nasty = Schema.Struct({ model, messages: Messages, tools: Tools })

/** Anything the types allow. */
const Anything = Schema.Struct({
  model,
  messages: Schema.Array(Message.Message),
  tools: Schema.optional(Schema.Array(Tool.RequestTool))
})

const repair = (request: ChatRequest.Resolved, capabilities: ModelCatalog.Capabilities) =>
  Result.getOrThrow(History.normalize(request, { capabilities, mode: "repair" }))

const encode = (request: ChatRequest.Resolved, capabilities: ModelCatalog.Capabilities) =>
  Result.getOrThrow(Request.encode(request, { capabilities, history: "repair" })).input

/** Each text told apart from the others, so that one that gets lost is missed. */
const numbered = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.Message> =>
  messages.map((message, index) =>
    message.role === "tool" || typeof message.content === "string" ? message : {
      ...message,
      content: message.content.map((part, inner) =>
        part.type === "text" && part.text.trim() !== "" ? { ...part, text: `${index}.${inner} ${part.text}` } : part
      )
    } as Message.Message // the parts keep their types
  )

const partsOf = <Type extends Message.Part["type"]>(messages: ReadonlyArray<Message.Message>, type: Type) =>
  messages.flatMap((message) => Message.parts(message).filter((part) => part.type === type))

const options = { arbitrary: { runs: 100 } }

describe.each(Object.entries(models))("converse/History for %s", (_, capabilities) => {
  it.prop("sends only what Bedrock takes", [Nasty], ([request]) => {
    assert.deepStrictEqual(broken(encode(request, capabilities), capabilities), [])
  }, options)

  it.prop("changes nothing a second time", [Nasty], ([request]) => {
    const once = repair(request, capabilities)
    const twice = repair(once.request, capabilities)
    assert.deepStrictEqual(twice.changes, [])
    assert.strictEqual(twice.request, once.request)
    assert.deepStrictEqual(encode(twice.request, capabilities), encode(request, capabilities))
  }, options)

  it.prop("reports whatever it changes, at a place that is there", [Nasty], ([request]) => {
    const { changes, request: sent } = repair(request, capabilities)
    if (changes.length === 0) assert.strictEqual(sent, request)
    else assert.notDeepEqual(sent, request)
    for (const { field } of changes) {
      const index = /^messages\[(\d+)\]/.exec(field)?.[1]
      if (index === undefined) assert.include(["messages", "tools"], field)
      else assert.isDefined(request.messages[Number(index)])
    }
  }, options)

  it.prop("loses no word, no image, no document and no thought", [Nasty], ([request]) => {
    const messages = numbered(request.messages)
    const sent = repair({ ...request, messages }, capabilities).request.messages
    const all = JSON.stringify(sent)
    for (const part of partsOf(messages, "text")) {
      if (part.type === "text") assert.include(all, JSON.stringify(part.text.trimEnd()).slice(1, -1))
    }
    assert.deepStrictEqual(partsOf(sent, "reasoning"), partsOf(messages, "reasoning"))
    assert.strictEqual(partsOf(sent, "image").length, partsOf(messages, "image").length)
    assert.isAtLeast(partsOf(sent, "document").length, partsOf(messages, "document").length)
  }, options)

  it.prop("refuses in strict mode exactly what it would change for the model", [Nasty], ([request]) => {
    const strict = History.normalize(request, { capabilities, mode: "strict" })
    const { changes } = repair(request, capabilities)
    const lossless = ["joined-message", "gathered-results", "omitted-status"]
    assert.strictEqual(Result.isSuccess(strict), changes.every(({ type }) => lossless.includes(type)))
  }, options)

  it.prop("has an answer for anything", [Anything], ([request]) => {
    const once = repair(request, capabilities)
    assert.deepStrictEqual(repair(once.request, capabilities).changes, [])
    assert.isObject(Request.encode(request, { capabilities, history: "strict" }))
  }, options)
})
