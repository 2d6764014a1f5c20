import { assert, describe, it } from "@effect/vitest"
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { BedrockChatOptions } from "../../src/BedrockOptions.ts"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Limits from "../../src/converse/Limits.ts"
import * as Media from "../../src/converse/Media.ts"
import * as Request from "../../src/converse/Request.ts"
import * as ConverseShapes from "../support/ConverseShapes.ts"

const models = [
  "acme.oracle-v1:0",
  "amazon.nova-2-lite-v1:0",
  "anthropic.claude-opus-4-6-v1",
  "meta.llama3-3-70b-instruct-v1:0",
  "mistral.mistral-large-2402-v1:0",
  "mistral.mistral-7b-instruct-v0:2"
]

const { maxTokens, messages: _, model: __, providerOptions: ___, reasoning, ...fields } = ChatRequest.ChatRequest.fields

/** Any request, with the options of Bedrock that have limits. */
const Asked = Schema.Struct({
  ...fields,
  maxTokens,
  reasoning,
  model: Schema.Literals(models),
  messages: Schema.Array(Message.Message),
  bedrock: Schema.Struct({
    requestMetadata: Schema.optional(Schema.Record(Schema.String, Schema.String)),
    additionalModelResponseFieldPaths: Schema.optional(Schema.Array(Schema.String)),
    promptVariables: Schema.optional(Schema.Record(Schema.String, Schema.Struct({ text: Schema.String }))),
    inferenceConfig: Schema.optional(Schema.Struct({
      maxTokens,
      temperature: fields.temperature,
      topP: fields.topP,
      stopSequences: fields.stopSequences
    }))
  })
})

const resolved = ({ bedrock, ...asked }: typeof Asked.Type): ChatRequest.Resolved => ({
  ...asked,
  providerOptions: { bedrock: bedrock as BedrockChatOptions } // the types of the SDK are mutable
})

const encode = (request: ChatRequest.Resolved) =>
  Request.encode(request, { capabilities: ModelCatalog.lookup(request.model), history: "repair" })

/** What the service would object to. */
const violations = (request: ChatRequest.Resolved) =>
  Result.map(encode(request), ({ input }) => ConverseShapes.request(input, "input"))

/** Blocks in the service's own words are not ours to check. */
const isOurs = ({ messages, tools }: ChatRequest.Resolved) =>
  messages.every((message) =>
    Message.parts(message).every((part) =>
      part.type !== "provider" && (part.type !== "tool-result" || part.providerExecuted !== true) &&
      (part.type !== "tool-call" || isJson(part.params)) && (part.type !== "tool-result" || isJson(part.result))
    )
  ) && (tools ?? []).every((tool) => "type" in tool || isJson(tool.inputSchema))

const isJson = (value: unknown) => Result.isSuccess(Result.try(() => JSON.stringify(value)))

/** Makes values the service takes of those that only have the right type. */
const constrain = {
  media: <Part extends Message.ImagePart | Message.VideoPart | Message.AudioPart | Message.DocumentPart>(
    part: Part
  ): Part => {
    const formats = { image: Media.image, video: Media.video, audio: Media.audio, document: Media.document }[part.type]
    const isGuarded = "guard" in part && part.guard === true
    const mediaType = isGuarded ? "image/png" : formats[part.mediaType.length % formats.length]?.[0]
    const bytes = { bytes: new Uint8Array([1, 2, 3]) }
    const source = "uri" in part.source && !isGuarded ? { uri: `s3://bucket/${part.mediaType}` } : bytes
    return { ...part, mediaType, source: "bytes" in part.source || "uri" in part.source ? source : part.source }
  },
  part: (part: Message.Part): Message.Part => {
    switch (part.type) {
      case "text":
        return { ...part, citations: part.citations?.map(({ location: _, ...citation }) => citation) }
      case "image":
      case "video":
      case "audio":
      case "document":
        return constrain.media(part)
      case "tool-call":
        return { ...part, id: label(part.id), name: label(part.name), params: { a: 1 } }
      case "tool-result":
        return {
          ...part,
          id: label(part.id),
          result: "done",
          providerExecuted: undefined,
          parts: part.parts?.map(constrain.inner)
        }
      case "tool-addition":
      case "tool-removal":
        return { ...part, name: label(part.name), kind: undefined, serverName: undefined }
      case "provider":
        return Message.text("said otherwise")
      default:
        return part
    }
  },
  // a part stays of its type, or becomes text
  inner: (part: NonNullable<Message.ToolResultPart["parts"]>[number]) => constrain.part(part) as typeof part,
  message: (message: Message.Message): Message.Message =>
    typeof message.content === "string" ? message : {
      ...message,
      content: Message.parts(message).map(constrain.part)
    } as Message.Message,
  request: ({ bedrock, ...asked }: typeof Asked.Type): ChatRequest.Resolved => ({
    ...asked,
    maxTokens: 4000,
    reasoning: undefined,
    temperature: 0.5,
    topP: undefined,
    toolChoice: undefined,
    stopSequences: asked.stopSequences?.filter((sequence) => sequence !== ""),
    tools: asked.tools?.map((tool): ToolDefinition.RequestTool =>
      "type" in tool
        ? { ...tool, provider: "aws.bedrock", name: label(tool.name) }
        : { ...tool, name: label(tool.name), inputSchema: { type: "object" } }
    ),
    responseFormat: asked.responseFormat?.type === "json"
      ? { ...asked.responseFormat, schema: { type: "object" } }
      : asked.responseFormat,
    messages: [Message.user("Hello"), ...asked.messages.map(constrain.message)],
    providerOptions: {
      bedrock: {
        family: "amazon.nova-2-lite-v1:0",
        ...(bedrock.promptVariables && { promptVariables: bedrock.promptVariables }),
        requestMetadata: Object.fromEntries(
          [["team", "a"], ...Object.entries(bedrock.requestMetadata ?? {})].slice(0, 16).map((
            [key = "", value = ""]
          ) => [
            label(key),
            label(value)
          ])
        ),
        additionalModelResponseFieldPaths: (bedrock.additionalModelResponseFieldPaths ?? []).slice(0, 10).map((path) =>
          `/${label(path)}`
        )
      }
    }
  })
}

const label = (text: string): string => `a${text.replaceAll(/[^a-zA-Z0-9_-]/g, "-")}`.slice(0, 64)

const runs = { arbitrary: { runs: 300 }, timeout: 60_000 }

describe("converse/Request and the constraints of Converse", () => {
  it.prop("encodes every valid request to a valid input", [Asked], ([asked]) => {
    const request = constrain.request(asked)
    const result = violations(request)
    assert(Result.isSuccess(result), Result.isFailure(result) ? result.failure.message : "")
    assert.deepStrictEqual(result.success, [], `${result.success}`)
  }, runs)

  it.prop("refuses a request, or encodes it to a valid input", [Asked], ([asked]) => {
    const request = resolved(asked)
    if (!isOurs(request)) return
    const result = violations(request)
    assert.deepStrictEqual(Result.getOrElse(result, () => []), [])
    if (Result.isFailure(result) && result.failure._tag === "InvalidRequestError") assert.isString(result.failure.field)
  }, runs)

  it("drops guard and citations of parts that cannot have them", () => {
    const marked = { ...Message.text("See"), guard: true, citations: [{ title: "A book" }] }
    const image = {
      type: "image",
      mediaType: "image/png",
      source: { bytes: new Uint8Array([1]) },
      guard: true
    } as const
    const request = {
      model: "acme.oracle-v1:0",
      messages: [
        Message.system([marked]),
        Message.user("Look it up"),
        Message.assistant([{ type: "tool-call", id: "a", name: "look", params: {} }]),
        Message.tool([{ type: "tool-result", id: "a", result: "", parts: [marked, image] }])
      ]
    }
    assert.deepStrictEqual(Result.getOrThrow(violations(request)), [])
    const { input } = Result.getOrThrow(encode(request))
    assert.deepStrictEqual(input.messages?.[2]?.content?.[0]?.toolResult?.content, [
      { text: "See" },
      { image: { format: "png", source: { bytes: new Uint8Array([1]) } } }
    ])
  })

  it.prop("answers for every part, whatever it holds", [Message.Part], ([part]) => {
    Limits.checkPart(part, { model: "m", field: "f" }, { imageBytes: 1, documentBytes: 1 })
  })
})
