import { assert, describe, it } from "@effect/vitest"
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Request from "../../src/converse/Request.ts"
import * as Metering from "../../src/internal/metering.ts"
import { ids } from "./facts.ts"

type Fields<A> = Record<keyof A, true>

/** All fields of all kinds, by their types: one that is added has to be added here. */
const fields: Fields<ModelCatalog.Capabilities> = {
  streaming: true,
  systemPrompt: true,
  midConversationSystem: true,
  leadingAssistant: true,
  prefill: true,
  userTurnsInARow: true,
  imageInput: true,
  documentInput: true,
  videoInput: true,
  audioInput: true,
  tools: true,
  toolsWhileStreaming: true,
  toolChoice: true,
  disableParallelToolUse: true,
  strictTools: true,
  toolSchemas: true,
  toolResultStatus: true,
  imagesInToolResults: true,
  documentsInToolResults: true,
  videosInToolResults: true,
  besideToolResults: true,
  toolCallIdPattern: true,
  nativeJson: true,
  strictLimits: true,
  blankStopSequences: true,
  sampling: true,
  topPAndTemperatureTogether: true,
  reasoning: true,
  reasoningInHistory: true,
  forcedToolWithReasoning: true,
  temperatureWithReasoning: true,
  caching: true,
  maxOutputTokens: true,
  outputBurndown: true,
  limits: true
}

const caching: Fields<ModelCatalog.Caching> = {
  supported: true,
  where: true,
  ttl: true,
  maxPoints: true,
  behindBlankText: true
}

const toolSchemas: Fields<ModelCatalog.ToolSchemas> = { topKeywords: true, topCombinators: true }

const strictLimits: Fields<ModelCatalog.StrictLimits> = { tools: true, optional: true, unions: true }

const limits: Fields<ModelCatalog.Limits> = {
  imagesPerRequest: true,
  imageBytes: true,
  documentsPerMessage: true,
  documentBytes: true
}

type Known<Control> = Extract<ModelCatalog.Reasoning, { readonly control: Control }>

const reasoning: Fields<Known<"budget"> & Known<"effort">> = {
  control: true,
  minTokens: true,
  sealsToolUse: true,
  levels: true,
  adaptive: true,
  alwaysOn: true,
  off: true,
  bareLevels: true,
  fields: true,
  path: true,
  display: true,
  interleaved: true
}

/** An object that writes down which of its fields are read, and which of those of its objects. */
const watched = <A extends object>(value: A, read: Set<string>, prefix = ""): A =>
  new Proxy(value, {
    get: (target, key) => {
      const field: unknown = Reflect.get(target, key)
      if (typeof key !== "string") return field
      read.add(prefix + key)
      return typeof field === "object" && field !== null && !Array.isArray(field) && prefix === ""
        ? watched(field, read, `${key}.`)
        : field
    }
  })

const bytes = { bytes: new Uint8Array([1]) }
const image: Message.ImagePart = { type: "image", mediaType: "image/png", source: bytes }
const document: Message.DocumentPart = { type: "document", mediaType: "application/pdf", name: "a", source: bytes }
const video: Message.VideoPart = { type: "video", mediaType: "video/mp4", source: bytes }
const audio: Message.AudioPart = { type: "audio", mediaType: "audio/wav", source: bytes }
const tools = [{ name: "look", inputSchema: { type: "object" }, strict: true }]

/** Requests that a rule for each field has something to say about. */
const corpus: ReadonlyArray<Partial<ChatRequest.Resolved>> = [
  {
    messages: [Message.system("S"), Message.assistant("A"), Message.user("B"), Message.system("C"), Message.user("D")]
  },
  { messages: [Message.user("Q"), Message.assistant("A")], stopSequences: ["\n"], temperature: 0, topP: 1 },
  { messages: [Message.user([Message.text("See"), image, document, video, audio])] },
  {
    tools,
    toolChoice: "any",
    parallelToolCalls: false,
    messages: [
      Message.user([Message.text("Q", { cache: true }), Message.text(" ", { cache: { ttl: "1h" } })]),
      Message.assistant([
        { type: "reasoning", text: "t" },
        { type: "tool-call", id: "a", name: "look", params: {} }
      ]),
      Message.tool([{ type: "tool-result", id: "a", parts: [image, document, video], isFailure: true }]),
      Message.user("Be quick")
    ]
  },
  { responseFormat: { type: "json", schema: { type: "object" } } },
  { responseFormat: { type: "json", schema: { type: "object" } }, reasoning: {} },
  ...([false, {}, { effort: "high" }, { budgetTokens: 2000, display: "omitted", interleaved: true }] as const)
    .flatMap((reasoning) => [{ reasoning }, { reasoning, tools, toolChoice: "any", temperature: 0.5 } as const]),
  {
    tools,
    reasoning: {},
    messages: [
      Message.user("Q"),
      Message.assistant([{ type: "tool-call", id: "a", name: "look", params: {} }]),
      Message.tool([{ type: "tool-result", id: "a", result: "ok" }])
    ]
  }
]

describe("catalog/Capabilities", () => {
  it("has no field that no rule reads", () => {
    const read = new Set<string>()
    for (const model of ids) {
      for (const request of corpus) {
        const capabilities: ModelCatalog.Capabilities = watched(ModelCatalog.lookup(model), read)
        const asked = { model, messages: [Message.user("Hi")], ...request }
        ModelCatalog.check(capabilities, asked, { streaming: true })
        Request.encode(asked, { capabilities, history: "repair", streaming: true })
        Metering.figures(capabilities)
      }
    }
    const known = [
      ...Object.keys(fields),
      ...Object.keys(caching).map((field) => `caching.${field}`),
      ...Object.keys(limits).map((field) => `limits.${field}`),
      ...Object.keys(toolSchemas).map((field) => `toolSchemas.${field}`),
      ...Object.keys(strictLimits).map((field) => `strictLimits.${field}`),
      ...Object.keys(reasoning).map((field) => `reasoning.${field}`)
    ]
    assert.deepStrictEqual(known.filter((field) => !read.has(field)), [])
  }, 30_000)

  it("has no entry with a field that the types do not know", () => {
    const known = new Set(Object.keys(fields))
    for (const { capabilities } of ModelCatalog.builtIn) {
      assert.deepStrictEqual(Object.keys(capabilities).filter((field) => !known.has(field)), [])
    }
  })
})
