/**
 * The subset of our messages, tools and requests that OpenAI's format can represent.
 *
 * Encoding narrows to it, so whatever the format cannot represent is refused with its path instead of being lost. A field
 * added to our data needs its entry here: `satisfies` checks that.
 */
import * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Definition from "@strata/core/chat/ToolDefinition"
import * as Schema from "effect/Schema"

/** Every field of `A` has a schema. */
type Fields<A> = { readonly [Key in keyof A]-?: Schema.Constraint }

/** A field that OpenAI's format does not have. */
const absent = (what: string) =>
  Schema.optionalKey(Schema.Undefined.annotate({ message: `OpenAI's format has no field for ${what}` }))

/** A field that OpenAI's format does not have, whose `false` means the same as nothing. */
const mark = (what: string) =>
  Schema.optionalKey(
    Schema.Union([Schema.Literal(false), Schema.Undefined]).annotate({
      message: `OpenAI's format has no field for ${what}`
    })
  )

const cache = { cache: mark("cache points") }

const providerFields = { providerFields: absent("the fields of a provider") }

const bytesOnly = (what: string) => ({
  bytes: Schema.Uint8Array.pipe(Schema.annotateKey({ messageMissingKey: `OpenAI takes ${what} as bytes only` }))
})

/** It stands before the comma that ends the head of a data URI. */
const MediaType = Schema.String.check(
  Schema.isPattern(/^[^,]+$/, { message: "Expected a media type such as `image/png`" })
)

const TextPart = Schema.Struct(
  {
    type: Schema.Literal("text"),
    text: Schema.String,
    citations: absent("citations"),
    guard: mark("guards"),
    ...providerFields,
    ...cache
  } satisfies Fields<Message.TextPart>
)

const ImagePart = Schema.Struct(
  {
    type: Schema.Literal("image"),
    mediaType: MediaType,
    source: Message.MediaSource.check(
      Schema.makeFilter((source) =>
        "bucketOwner" in source && source.bucketOwner !== undefined
          ? { path: ["bucketOwner"], issue: "OpenAI's format has no field for the owner of a bucket" }
          : undefined
      )
    ),
    guard: mark("guards"),
    ...providerFields,
    ...cache
  } satisfies Fields<Message.ImagePart>
)

const AudioPart = Schema.Struct(
  {
    type: Schema.Literal("audio"),
    mediaType: Schema.Literals(["audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp3"]).annotate({
      message: "OpenAI takes recordings as `audio/wav` and `audio/mpeg` only"
    }),
    source: Schema.Struct(bytesOnly("recordings")),
    ...providerFields,
    ...cache
  } satisfies Fields<Message.AudioPart>
)

const DocumentPart = Schema.Struct(
  {
    type: Schema.Literal("document"),
    mediaType: MediaType,
    name: Schema.String,
    source: Schema.Struct(bytesOnly("documents")),
    context: absent("the context of a document"),
    citations: mark("citations"),
    ...cache
  } satisfies Fields<Message.DocumentPart>
)

const ReasoningPart = Schema.Struct(
  {
    type: Schema.Literal("reasoning"),
    text: Schema.String,
    signature: absent("signed reasoning"),
    redacted: absent("redacted reasoning"),
    ...providerFields
  } satisfies Fields<Message.ReasoningPart>
)

const ToolCallPart = Schema.Struct(
  {
    type: Schema.Literal("tool-call"),
    id: Schema.String,
    name: Schema.String,
    params: Schema.Json,
    providerExecuted: mark("tools a provider runs"),
    // ignored: of calls that the program answers OpenAI's format has one kind
    providerType: Schema.optional(Schema.String),
    ...providerFields
  } satisfies Fields<Message.ToolCallPart>
)

/** `parts` stand in the place of `result`; only without them must it be text or JSON. */
const ToolResultPart = Schema.Struct(
  {
    type: Schema.Literal("tool-result"),
    id: Schema.String,
    result: Schema.Unknown,
    parts: Schema.optional(Schema.Array(
      Schema.Union([TextPart]).annotate({
        message: "OpenAI's format cannot represent this part of a result: it takes text"
      })
    )),
    isFailure: mark("the failure of a tool"),
    providerExecuted: mark("tools a provider runs"),
    providerType: absent("tools a provider runs"),
    ...providerFields,
    ...cache
  } satisfies Fields<Message.ToolResultPart>
).check(
  Schema.makeFilter(({ parts, result }) =>
    parts !== undefined || isJson(result) ? undefined : { path: ["result"], issue: "Expected text or JSON" }
  )
)

const isJson = Schema.is(Schema.Json)

const AssistantPart = Schema.Union([TextPart, ReasoningPart, ToolCallPart]).annotate({
  message: "OpenAI's format cannot represent this part of an assistant message: it takes text, reasoning and tool calls"
})

/** OpenAI's format keeps reasoning, text and tool calls in fields of their own, so this order is the only one it has. */
const inOrder = Schema.makeFilter((parts: ReadonlyArray<typeof AssistantPart.Type>) => {
  const rank = { reasoning: 0, text: 1, "tool-call": 2 }
  const misplaced = parts.findIndex(({ type }, index) => {
    const before = parts[index - 1]?.type
    return before !== undefined && (rank[type] < rank[before] || type === "reasoning")
  })
  return misplaced === -1
    ? undefined
    : { path: [misplaced], issue: "OpenAI's format has one piece of reasoning first, then text, then tool calls" }
})

const SystemMessage = Schema.Struct(
  {
    role: Schema.Literal("system"),
    content: Schema.Union([
      Schema.String,
      Schema.Array(
        Schema.Union([TextPart]).annotate({
          message: "OpenAI's format cannot represent this part of a system message: it takes text"
        })
      )
    ]),
    ...cache
  } satisfies Fields<Message.SystemMessage>
)

const UserMessage = Schema.Struct(
  {
    role: Schema.Literal("user"),
    content: Schema.Union([
      Schema.String,
      Schema.Array(
        Schema.Union([TextPart, ImagePart, AudioPart, DocumentPart]).annotate({
          message:
            "OpenAI's format cannot represent this part of a user message: it takes text, images, recordings and documents"
        })
      )
    ]),
    ...cache
  } satisfies Fields<Message.UserMessage>
)

const AssistantMessage = Schema.Struct(
  {
    role: Schema.Literal("assistant"),
    content: Schema.Union([Schema.String, Schema.Array(AssistantPart).check(inOrder)]),
    ...cache
  } satisfies Fields<Message.AssistantMessage>
)

const ToolMessage = Schema.Struct(
  {
    role: Schema.Literal("tool"),
    content: Schema.Array(ToolResultPart),
    ...cache
  } satisfies Fields<Message.ToolMessage>
)

export const ChatMessage = Schema.Union([SystemMessage, UserMessage, AssistantMessage, ToolMessage])

export const ToolDefinition = Schema.Struct(
  {
    type: absent("tools of a provider"),
    name: Schema.String,
    description: Schema.optional(Schema.String),
    inputSchema: Schema.Record(Schema.String, Schema.Unknown),
    strict: Schema.optional(Schema.Boolean),
    ...cache
  } satisfies Fields<Definition.ToolDefinition> & Pick<Fields<Definition.ProviderTool>, "type">
)

const Reasoning = Schema.Union([
  Schema.Literal(false),
  Schema.Struct(
    {
      effort: Schema.optional(
        Schema.Literals(["low", "medium", "high", "xhigh"]).annotate({
          message: "OpenAI's efforts are low, medium, high and xhigh"
        })
      ),
      budgetTokens: absent("a budget of reasoning"),
      display: absent("what is shown of reasoning"),
      interleaved: mark("reasoning between calls of tools")
    } satisfies Fields<Exclude<ChatRequest.Reasoning, false>>
  )
])

export const Request = Schema.Struct(
  {
    model: Schema.optional(Schema.String),
    messages: Schema.Union([Schema.String, Schema.Array(ChatMessage)]),
    maxTokens: Schema.optional(Schema.Finite),
    temperature: Schema.optional(Schema.Finite),
    topP: Schema.optional(Schema.Finite),
    stopSequences: Schema.optional(Schema.Array(Schema.String)),
    tools: Schema.optional(Schema.Array(ToolDefinition)),
    toolChoice: Schema.optional(Definition.ToolChoice),
    parallelToolCalls: Schema.optional(Schema.Boolean),
    responseFormat: Schema.optional(ChatRequest.ResponseFormat),
    reasoning: Schema.optional(Reasoning),
    providerOptions: absent("options of a provider")
  } satisfies Fields<ChatRequest.ChatRequest>
)

export type Request = typeof Request.Type
export type ToolDefinition = typeof ToolDefinition.Type
export type ChatMessage = typeof ChatMessage.Type
export type UserPart = Exclude<typeof UserMessage.Type["content"], string>[number]
export type Assistant = typeof AssistantMessage.Type
export type ToolCall = typeof ToolCallPart.Type
