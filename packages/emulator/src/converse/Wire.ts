/**
 * The body of a Converse request as the service's model declares it: shapes, enumerations, lengths and ranges.
 *
 * `null` members count as missing, and unknown ones are ignored, as in the service. The conversation is checked in
 * `Validation.ts`.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as AwsError from "../AwsError.ts"
import * as Violation from "../Violation.ts"
import * as Block from "./Block.ts"
import * as Constraint from "./Constraint.ts"

const optional = Schema.optionalKey

/** One turn. */
export type Message = typeof Message.Type
/** @see {@link Message} */
export const Message = Schema.Struct({
  role: Constraint.oneOf(["user", "assistant", "system"]),
  content: Schema.Array(Block.Content)
})

const ToolConfig = Schema.Struct({
  tools: Schema.Array(Block.Tool).check(Constraint.minLength(1)),
  toolChoice: optional(Schema.Struct({
    auto: optional(Constraint.JsonObject),
    any: optional(Constraint.JsonObject),
    tool: optional(Schema.Struct({ name: Constraint.ToolName }))
  }))
})

const OutputConfig = Schema.Struct({
  textFormat: optional(Schema.Struct({
    type: Constraint.oneOf(["json_schema"]),
    structure: Schema.Struct({
      jsonSchema: optional(Schema.Struct({
        schema: Schema.String,
        name: optional(Schema.String),
        description: optional(Schema.String)
      }))
    })
  })),
  effort: optional(Constraint.text(0, 16))
})

/** The guardrail of the request; `streamProcessingMode` is for streams. */
export type GuardrailConfig = typeof GuardrailConfig.Type
/** @see {@link GuardrailConfig} */
export const GuardrailConfig = Schema.Struct({
  guardrailIdentifier: optional(
    Constraint.text(0, 2048).check(
      Constraint.pattern(
        "(|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))"
      )
    )
  ),
  guardrailVersion: optional(Schema.String.check(Constraint.pattern("(|([1-9][0-9]{0,7})|(DRAFT))"))),
  trace: optional(Constraint.oneOf(["enabled", "disabled", "enabled_full"])),
  streamProcessingMode: optional(Constraint.oneOf(["sync", "async"]))
})

const metadataText = (minimum: number) =>
  Constraint.text(minimum, 256).check(Constraint.pattern(`[a-zA-Z0-9\\s:_@$#=/+,-.]{${minimum},256}`))

const RequestMetadata = Schema.Record(Schema.String, metadataText(0)).check(
  Schema.makeFilter((metadata) => {
    const { length } = Object.keys(metadata)
    if (length < 1) return "Member must have length greater than or equal to 1"
    if (length > 16) return "Member must have length less than or equal to 16"
    return Object.keys(metadata).every(isMetadataKey) ||
      "Map keys must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}]"
  })
)

const isMetadataKey = Schema.is(metadataText(1))

const prompt = {
  messages: optional(Schema.Array(Message)),
  system: optional(Schema.Array(Block.System)),
  toolConfig: optional(ToolConfig),
  additionalModelRequestFields: optional(Schema.Unknown)
}

/** A prompt, as counted by CountTokens. */
export type Prompt = typeof Prompt.Type
/** @see {@link Prompt} */
export const Prompt = Schema.Struct(prompt)

/** The body of Converse and of ConverseStream. */
export type Request = typeof Request.Type
/** @see {@link Request} */
export const Request = Schema.Struct({
  ...prompt,
  inferenceConfig: optional(Schema.Struct({
    maxTokens: optional(Schema.Int.check(Constraint.atLeast(1))),
    temperature: optional(Schema.Finite.check(Constraint.atLeast(0), Constraint.atMost(1))),
    topP: optional(Schema.Finite.check(Constraint.atLeast(0), Constraint.atMost(1))),
    stopSequences: optional(Schema.Array(Constraint.NonEmptyString).check(Constraint.maxLength(2500)))
  })),
  guardrailConfig: optional(GuardrailConfig),
  promptVariables: optional(Schema.Record(Schema.String, Schema.Struct({ text: optional(Schema.String) }))),
  additionalModelResponseFieldPaths: optional(
    Schema.Array(Constraint.text(1, 256)).check(Constraint.maxLength(10))
  ),
  requestMetadata: optional(RequestMetadata),
  performanceConfig: optional(Schema.Struct({ latency: optional(Constraint.oneOf(["standard", "optimized"])) })),
  serviceTier: optional(Schema.Struct({ type: Constraint.oneOf(["priority", "default", "flex", "reserved"]) })),
  outputConfig: optional(OutputConfig)
})

/** A decoder of bodies that fails with the API's messages; `at` is the path of the body. */
export const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, ...at: ReadonlyArray<string>) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  return (body: unknown): Result.Result<S["Type"], AwsError.AwsError> => {
    const present = withoutNulls(body)
    return Result.mapError(decode(present), ({ issue }) =>
      Violation.toCoral(
        Violation.collect(issue, present).map((violation) => ({ ...violation, path: [...at, ...violation.path] }))
      ))
  }
}

/** Members that hold any JSON: a `null` in them is a value. */
const opaque: ReadonlySet<string> = new Set(["input", "json", "additionalModelRequestFields"])

/** Above the depth of any declared member. */
const maxDepth = 32

/** The value itself where it has no nulls, which is nearly always: a copy of each request would be slow. */
const withoutNulls = (value: unknown, depth = 0): unknown => {
  if (typeof value !== "object" || value === null || depth > maxDepth) return value
  if (Array.isArray(value)) {
    const items: ReadonlyArray<unknown> = value.map((item) => withoutNulls(item, depth + 1))
    return items.every((item, index) => item === value[index]) ? value : items
  }
  const entries = Object.entries(value)
  const kept: Array<[string, unknown]> = []
  let same = true
  for (const [key, member] of entries) {
    const present = opaque.has(key) ? member : withoutNulls(member, depth + 1)
    if (member !== null) kept.push([key, present])
    same &&= member !== null && present === member
  }
  return same ? value : Object.fromEntries(kept)
}
