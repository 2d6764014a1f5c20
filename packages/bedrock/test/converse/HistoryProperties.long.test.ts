import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as History from "../../src/converse/History.ts"
import * as Request from "../../src/converse/Request.ts"
import * as Values from "../../src/converse/Values.ts"
import { ids } from "../catalog/facts.ts"
import { broken } from "./HistoryRules.ts"

/** Every model that something is known of, told apart by what is known, and some that nobody knows. */
const models: ReadonlyMap<string, ModelCatalog.Capabilities> = new Map([
  ["unknown", {}],
  ["nothing-at-all", {
    systemPrompt: false,
    midConversationSystem: false,
    leadingAssistant: true,
    prefill: false,
    toolResultStatus: false,
    besideToolResults: [],
    imagesInToolResults: false,
    documentsInToolResults: false,
    videosInToolResults: false,
    reasoningInHistory: "none",
    caching: { supported: true, where: ["messages"], ttl: ["5m"], maxPoints: 1 },
    toolCallIdPattern: "^[a-z0-9]{9}$"
  }],
  ...ids.map((id) => [id, ModelCatalog.lookup(id)] as const)
])

const capabilitiesOf = (model: string): ModelCatalog.Capabilities => models.get(model) ?? {}

/** Few ids and names, so that they meet, and most of them unfit. */
const id = Schema.Literals(["a", "b", "call 1", "call_1", "", "x".repeat(70)])
const name = Schema.Literals(["weather", "get weather", "get_weather", "", "天気"])
const said = Schema.Literals(["", " \n", "word", "blank at the end "])
const cache = Schema.optional(Message.CacheControl)

const text = Schema.Struct({ type: Schema.tag("text"), text: said, cache })
const image = Schema.Struct({
  type: Schema.tag("image"),
  mediaType: Schema.Literal("image/png"),
  source: Schema.Struct({ uri: Schema.Literal("s3://bucket/image") }),
  cache
})
const video = Schema.Struct({
  type: Schema.tag("video"),
  mediaType: Schema.Literal("video/mp4"),
  source: Schema.Struct({ uri: Schema.Literal("s3://bucket/video") })
})
const found = Schema.Struct({
  type: Schema.tag("search-result"),
  source: Schema.Literal("s"),
  title: Schema.Literal("t"),
  content: Schema.Array(said)
})
const point = Schema.Struct({
  type: Schema.tag("provider"),
  provider: Schema.Literal("aws.bedrock"),
  value: Schema.Struct({ cachePoint: Schema.Struct({ type: Schema.Literal("default") }) })
})
const document = Schema.Struct({
  type: Schema.tag("document"),
  mediaType: Schema.Literals(["text/plain", "application/pdf"]),
  name: Schema.Union([Schema.Literals(["report", "report (2)", "my\u00a0 report.pdf", "", "天気"]), Schema.String]),
  source: Schema.Struct({ text: Schema.Literals(["…", ""]) }),
  cache
})
const reasoning = Schema.Struct({
  type: Schema.tag("reasoning"),
  text: said,
  signature: Schema.optional(Schema.Literal("seal"))
})
const call = Schema.Struct({
  type: Schema.tag("tool-call"),
  id,
  name,
  params: Schema.Union([Schema.Struct({ city: Schema.String }), Schema.String, Schema.Undefined])
})
const result = Schema.Struct({
  type: Schema.tag("tool-result"),
  id,
  result: Schema.optional(Schema.Union([said, Schema.Struct({ celsius: Schema.Int })])),
  parts: Schema.optional(Schema.Array(Schema.Union([
    text,
    document,
    image,
    video,
    found,
    Schema.Struct({ type: Schema.tag("json"), value: Schema.Literals([1, "x"]) })
  ]))),
  isFailure: Schema.optional(Schema.Boolean),
  cache
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
    content: Schema.Union([said, Schema.Array(Schema.Union([text, image, document, video, found, point]))]),
    cache
  }),
  Schema.Struct({
    role: Schema.tag("assistant"),
    content: Schema.Union([said, Schema.Array(Schema.Union([text, reasoning, call, call, result, point]))]),
    cache
  }),
  Schema.Struct({ role: Schema.tag("tool"), content: Schema.Array(result), cache })
]))

const Tools = Schema.optional(Schema.Array(Schema.Struct({
  name: Schema.Literals(["weather", "get_weather"]),
  inputSchema: Schema.Struct({ type: Schema.Literal("object") }),
  cache
})))

const model = Schema.Literals([...models.keys()] as [string, ...Array<string>]) // there are some

const Nasty = Schema.Struct({ model, messages: Messages, tools: Tools })

/** One question, for which there is a shorter way, and what is nearly one. */
const Questions = Schema.Struct({
  model,
  messages: Schema.Array(
    Schema.Struct({ role: Schema.Literals(["system", "user", "user", "assistant"]), content: said, cache })
  )
    .check(Schema.isMinLength(1), Schema.isMaxLength(3))
})

/** Anything the types allow. */
const Anything = Schema.Struct({
  model,
  messages: Schema.Array(Message.Message),
  tools: Schema.optional(Schema.Array(ToolDefinition.RequestTool))
})

const settled = (request: ChatRequest.Resolved) => Result.getOrThrow(Values.settle(request, () => {}))

const repair = (request: ChatRequest.Resolved) =>
  Result.getOrThrow(
    History.normalize(settled(request), { capabilities: capabilitiesOf(request.model), mode: "repair" })
  )

const encode = (request: ChatRequest.Resolved) =>
  Result.getOrThrow(Request.encode(request, { capabilities: capabilitiesOf(request.model), history: "repair" }))

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

/** Of all models together. */
const options = { arbitrary: { runs: 800 }, timeout: 60_000 }

describe("converse/History", () => {
  it.prop("sends only what Bedrock accepts", [Nasty], ([request]) => {
    assert.deepStrictEqual(broken(encode(request).input, capabilitiesOf(request.model)), [])
  }, options)

  it.prop("takes plain text as it takes a list of one text", [Questions], ([request]) => {
    const listed = request.messages.map(({ content, ...message }) => ({ ...message, content: [Message.text(content)] }))
    const { input } = encode(request)
    assert.deepStrictEqual(input, encode({ ...request, messages: listed as ReadonlyArray<Message.Message> }).input) // still messages
  }, options)

  it.prop("is idempotent", [Nasty], ([request]) => {
    const once = repair(request)
    const twice = repair(once.request)
    assert.deepStrictEqual(twice.changes, [])
    assert.strictEqual(twice.request, once.request)
    assert.deepStrictEqual(encode(twice.request).input, encode(request).input)
  }, options)

  it.prop("reports whatever it changes, at a place that is there", [Nasty], ([request]) => {
    const { changes, request: sent } = repair(request)
    if (changes.length === 0) assert.strictEqual(sent, settled(request))
    else assert.notDeepEqual(sent, request)
    for (const { field } of changes) {
      const index = /^messages\[(\d+)\]/.exec(field)?.[1]
      const tool = /^tools\[(\d+)\]$/.exec(field)?.[1]
      if (index !== undefined) assert.isDefined(request.messages[Number(index)])
      else if (tool !== undefined) assert.isDefined(request.tools?.[Number(tool)])
      else assert.include(["messages", "tools"], field)
    }
  }, options)

  it.prop("reports every loss of text, images, documents and reasoning", [Nasty], ([request]) => {
    const messages = numbered(request.messages)
    const { changes, request: { messages: sent } } = repair({ ...request, messages })
    const all = JSON.stringify(sent)
    for (const part of partsOf(messages, "text")) {
      if (part.type === "text") assert.include(all, JSON.stringify(part.text.trimEnd()).slice(1, -1))
    }
    const omitted = changes.filter(({ type }) => type === "omitted-reasoning").length
    assert.strictEqual(partsOf(sent, "reasoning").length + omitted, partsOf(messages, "reasoning").length)
    const media = (where: ReadonlyArray<Message.Message>, type: Message.Part["type"]) =>
      partsOf(where, type).length +
      partsOf(where, "tool-result").flatMap((part) =>
        part.type === "tool-result" ? (part.parts ?? []).filter((inner) => inner.type === type) : []
      ).length
    for (const type of ["image", "document", "video", "search-result"] as const) {
      assert.strictEqual(media(sent, type), media(messages, type), type)
    }
  }, options)

  it.prop("refuses in strict mode exactly what it would change for the model", [Nasty], ([request]) => {
    const strict = History.normalize(settled(request), {
      capabilities: capabilitiesOf(request.model),
      mode: "strict"
    })
    const lossless = [
      "joined-message",
      "gathered-results",
      "omitted-status",
      "omitted-signature",
      "omitted-cache-point",
      "moved-cache-point",
      "changed-cache-ttl"
    ]
    assert.strictEqual(Result.isSuccess(strict), repair(request).changes.every(({ type }) => lossless.includes(type)))
  }, options)

  it.prop("is total", [Anything], ([request]) => {
    if (Result.isFailure(Values.settle(request, () => {}))) return
    const once = repair(request)
    assert.deepStrictEqual(repair(once.request).changes, [])
    assert.isObject(
      Request.encode(request, { capabilities: capabilitiesOf(request.model), history: "strict" })
    )
  }, { arbitrary: { runs: 400 }, timeout: 60_000 })
})
