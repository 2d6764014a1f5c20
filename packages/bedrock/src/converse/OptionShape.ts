/**
 * What `providerOptions.bedrock` looks like. The SDK drops what it does not know without a word, and fails on what has
 * another type, so both are refused here.
 *
 * Which words the service knows is left to the service: it learns new ones.
 */
import type {
  GuardrailStreamConfiguration,
  InferenceConfiguration,
  JsonSchemaDefinition,
  OutputConfig,
  ToolConfiguration
} from "@aws-sdk/client-bedrock-runtime"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { BedrockChatOptions } from "../BedrockOptions.ts"

const text = Schema.optional(Schema.String)

const number = Schema.optional(Schema.Number)

const block = Schema.Record(Schema.String, Schema.Unknown)

/** Every field of `A` has a shape. */
type Shapes<A> = { readonly [Key in keyof A]-?: Schema.Constraint }

const inferenceConfig = {
  maxTokens: number,
  temperature: number,
  topP: number,
  stopSequences: Schema.optional(Schema.Array(Schema.String))
} satisfies Shapes<InferenceConfiguration>

const toolConfig = {
  tools: Schema.optional(Schema.Array(block)),
  toolChoice: Schema.optional(block)
} satisfies Shapes<ToolConfiguration>

const guardrailConfig = {
  guardrailIdentifier: text,
  guardrailVersion: text,
  trace: text,
  streamProcessingMode: text
} satisfies Shapes<GuardrailStreamConfiguration>

const jsonSchema = { schema: text, name: text, description: text } satisfies Shapes<JsonSchemaDefinition>

const outputConfig = {
  textFormat: Schema.optional(Schema.Struct({
    type: text,
    structure: Schema.optional(Schema.Struct({ jsonSchema: Schema.optional(Schema.Struct(jsonSchema)) }))
  })),
  effort: text
} satisfies Shapes<OutputConfig>

const options = {
  family: text,
  system: Schema.optional(Schema.Array(block)),
  inferenceConfig: Schema.optional(Schema.Struct(inferenceConfig)),
  toolConfig: Schema.optional(Schema.Struct(toolConfig)),
  guardrailConfig: Schema.optional(Schema.Struct(guardrailConfig)),
  additionalModelRequestFields: Schema.optional(block),
  promptVariables: Schema.optional(Schema.Record(Schema.String, Schema.Struct({ text }))),
  additionalModelResponseFieldPaths: Schema.optional(Schema.Array(Schema.String)),
  requestMetadata: Schema.optional(Schema.Record(Schema.String, Schema.String)),
  performanceConfig: Schema.optional(Schema.Struct({ latency: text })),
  serviceTier: Schema.optional(Schema.Struct({ type: text })),
  outputConfig: Schema.optional(Schema.Struct(outputConfig))
} satisfies Shapes<BedrockChatOptions>

/** What is wrong first with options that anybody may have written; `path` leads there. */
export const problem = (
  value: unknown
): { readonly path: ReadonlyArray<PropertyKey>; readonly message: string } | undefined => {
  const result = decode(value)
  if (Result.isSuccess(result)) return undefined
  const [issue] = format(result.failure.issue).issues
  return {
    message: issue?.message ?? "it is no such option",
    path: (issue?.path ?? []).map((step) => typeof step === "object" ? step.key : step)
  }
}

const decode = Schema.decodeUnknownResult(Schema.Struct(options), { onExcessProperty: "error" })

const format = SchemaIssue.makeFormatterStandardSchemaV1()
