/**
 * Requests with schemas, and what left this machine for them: bodies that were received, and the changes reported.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Policy from "@strata/core/policy/Policy"
import * as Tool from "@strata/core/tool/Tool"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as BedrockChat from "../../src/BedrockChat.ts"
import * as BedrockClient from "../../src/BedrockClient.ts"
import type { Capabilities } from "../../src/catalog/Capabilities.ts"
import * as ModelCatalog from "../../src/catalog/ModelCatalog.ts"
import * as Client from "./Client.ts"
import * as WireServer from "./WireServer.ts"

export const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
export const olderClaude = "us.anthropic.claude-opus-4-1-20250805-v1:0"
export const nova = "us.amazon.nova-lite-v1:0"
export const nova2 = "us.amazon.nova-2-lite-v1:0"
export const llama = "us.meta.llama4-maverick-17b-instruct-v1:0"
export const qwen = "qwen.qwen3-coder-480b-a35b-v1:0"
export const unknown = "acme.oracle-v1:0"

interface Sent {
  readonly toolConfig?: {
    readonly tools: ReadonlyArray<{
      readonly toolSpec: {
        readonly name: string
        readonly description?: string
        readonly inputSchema: { readonly json: JsonSchema.JsonSchema }
        readonly strict?: boolean
      }
    }>
    readonly toolChoice?: unknown
  }
  readonly outputConfig?: {
    readonly textFormat?: { readonly structure: { readonly jsonSchema: { readonly schema: string } } }
  }
}

/** Sends a request, and gives the body that was received with the answer that came back. */
export const exchange = (
  model: string,
  request: Omit<ChatRequest.ChatRequest, "messages">,
  capabilities: Capabilities = {}
) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* WireServer.http1(WireServer.answering)
    const client = yield* Client.connect(server)
    const chat = yield* BedrockChat.make({ model, policy: Policy.none }).pipe(
      Effect.provideService(BedrockClient.BedrockClient, client)
    )
    const answer = yield* chat.generate({ messages: "Hello", maxTokens: 5_000, ...request }).pipe(
      Effect.provideService(
        ModelCatalog.ModelCatalog,
        ModelCatalog.extend([{ match: { id: model }, capabilities }])
      )
    )
    const sent: Sent = JSON.parse(server.received[0]?.body ?? "")
    return { sent, changes: answer.providerMetadata.bedrock?.changes?.map(({ field, type }) => [type, field]) ?? [] }
  }))

export const toolSpecs = ({ toolConfig }: Sent) => toolConfig?.tools.map(({ toolSpec }) => toolSpec) ?? []

export const schemas = (sent: Sent) => toolSpecs(sent).map(({ inputSchema }) => inputSchema.json)

export const native = ({ outputConfig }: Sent): JsonSchema.JsonSchema | undefined => {
  const schema = outputConfig?.textFormat?.structure.jsonSchema.schema
  return schema === undefined ? undefined : JSON.parse(schema)
}

export const define = (input: Schema.ConstraintDecoder<object, unknown>, strict?: boolean) =>
  Tool.definition(Tool.make("t", { input, strict, handler: () => Effect.void }))

export const fields = (count: number, field: Schema.Struct.Fields[string]) =>
  Schema.Struct(Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, field])))

export const text = { type: "string" }

/** What servers of the Model Context Protocol write. */
export const mcp = {
  $schema: "http://json-schema.org/draft-07/schema#",
  type: "object",
  properties: { q: text },
  required: ["q"],
  additionalProperties: false
}
