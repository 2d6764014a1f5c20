/**
 * Answers of every kind, for properties that hold for all of them.
 */
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import * as Usage from "@strata/core/Usage"
import * as Schema from "effect/Schema"

const Part = Schema.Union([
  Schema.Struct({
    type: Schema.tag("text"),
    text: Schema.String,
    citations: Schema.optionalKey(Schema.NonEmptyArray(Message.Citation)),
    guard: Schema.optionalKey(Message.Guard),
    cache: Schema.optionalKey(Message.CacheControl),
    providerFields: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
  }),
  Schema.Struct({
    type: Schema.tag("reasoning"),
    text: Schema.String,
    signature: Schema.optionalKey(Schema.String),
    redacted: Schema.optionalKey(Schema.Uint8Array),
    providerFields: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
  }),
  Schema.Struct({
    type: Schema.tag("tool-call"),
    id: Schema.String,
    name: Schema.String,
    params: Schema.Json,
    providerExecuted: Schema.optionalKey(Schema.Boolean),
    providerType: Schema.optionalKey(Schema.String)
  }),
  Schema.Struct({ type: Schema.tag("tool-result"), id: Schema.String, result: Schema.Json }),
  Message.ImagePart,
  Message.AudioPart,
  Schema.Struct({ type: Schema.tag("provider"), provider: Schema.String, value: Schema.Json })
])

/** What a model can say. */
export const Parts = Schema.Array(Part)

/** How it can end. */
export const Outcome = Schema.Struct({
  finishReason: ChatResponse.FinishReason,
  usage: Usage.Usage,
  model: Schema.String,
  requestId: Schema.UndefinedOr(Schema.String),
  providerMetadata: Schema.Record(Schema.String, Schema.Json)
})
