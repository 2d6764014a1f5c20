/**
 * What `providerOptions.bedrock` looks like. The SDK drops what it does not know without a word, and fails on what has
 * another type, so both are refused here.
 *
 * Which words the service knows is left to the service: it learns new ones.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { BedrockChatOptions } from "../BedrockOptions.ts"

const text = Schema.optional(Schema.String)

const number = Schema.optional(Schema.Number)

const block = Schema.Record(Schema.String, Schema.Unknown)

/** Every option has a shape. */
const shapes = {
  family: text,
  system: Schema.optional(Schema.Array(block)),
  inferenceConfig: Schema.optional(Schema.Struct({
    maxTokens: number,
    temperature: number,
    topP: number,
    stopSequences: Schema.optional(Schema.Array(Schema.String))
  })),
  toolConfig: Schema.optional(Schema.Struct({
    tools: Schema.optional(Schema.Array(block)),
    toolChoice: Schema.optional(block)
  })),
  guardrailConfig: Schema.optional(Schema.Struct({
    guardrailIdentifier: text,
    guardrailVersion: text,
    trace: text,
    streamProcessingMode: text
  })),
  additionalModelRequestFields: Schema.optional(block),
  promptVariables: Schema.optional(Schema.Record(Schema.String, Schema.Struct({ text }))),
  additionalModelResponseFieldPaths: Schema.optional(Schema.Array(Schema.String)),
  requestMetadata: Schema.optional(Schema.Record(Schema.String, Schema.String)),
  performanceConfig: Schema.optional(Schema.Struct({ latency: text })),
  serviceTier: Schema.optional(Schema.Struct({ type: text })),
  outputConfig: Schema.optional(Schema.Struct({
    textFormat: Schema.optional(Schema.Struct({
      type: text,
      structure: Schema.optional(Schema.Struct({
        jsonSchema: Schema.optional(Schema.Struct({ schema: text, name: text, description: text }))
      }))
    })),
    effort: text
  }))
} satisfies Record<keyof BedrockChatOptions, Schema.Constraint>

/** What is wrong first with options that anybody may have written; `path` leads there. */
export const problem = (
  options: unknown
): { readonly path: ReadonlyArray<PropertyKey>; readonly message: string } | undefined => {
  const result = decode(options)
  if (Result.isSuccess(result)) return undefined
  const [issue] = format(result.failure.issue).issues
  return {
    message: issue?.message ?? "it is no such option",
    path: (issue?.path ?? []).map((step) => typeof step === "object" ? step.key : step)
  }
}

const decode = Schema.decodeUnknownResult(Schema.Struct(shapes), { onExcessProperty: "error" })

const format = SchemaIssue.makeFormatterStandardSchemaV1()
