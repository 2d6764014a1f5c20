/**
 * The shape of `providerOptions.bedrock`. The SDK silently drops unknown fields and fails on wrong types, so both are
 * refused here.
 *
 * Values of enumerations are left to the service, which adds new ones.
 */
import type {
  GuardrailStreamConfiguration,
  InferenceConfiguration,
  JsonSchemaDefinition,
  OutputConfig,
  PerformanceConfiguration,
  ServiceTier,
  ToolConfiguration
} from "@aws-sdk/client-bedrock-runtime"
import * as Check from "@strata/core/Check"
import * as Predicate from "effect/Predicate"
import type { BedrockChatOptions } from "../BedrockOptions.ts"
import * as RequestMetadata from "../internal/requestMetadata.ts"

/** Every field of `A` has a shape, and may be missing. */
type Shapes<A> = { readonly [Key in keyof A]-?: Check.Check<unknown> }

const fieldsOf = <A extends object>(shapes: Shapes<A>): Check.Check<unknown> =>
  Check.partial<Readonly<Record<string, unknown>>>({ ...shapes })

const number = Check.number({ remedy: "Use a number" })

const texts = Check.list(Check.text)

/** Its contents are checked by the service. */
const block = Check.instance(
  (given): given is object => Predicate.isObject(given) && !Array.isArray(given),
  "Write it as the reference of Converse does"
)

/** An object with arbitrary names. */
const record = (check: Check.Check<unknown>): Check.Check<unknown> => (given, at) => {
  if (block(given, at) === Check.refused) return Check.refused
  for (const [name, value] of Object.entries(given as object)) {
    at.path.push(name)
    if (check(value, at) === Check.refused) return Check.refused
    at.path.pop()
  }
  return given
}

/** {@link BedrockChatOptions} that may be any value. */
export const check = fieldsOf<BedrockChatOptions>({
  family: Check.text,
  system: Check.list(block),
  inferenceConfig: fieldsOf<InferenceConfiguration>({
    maxTokens: number,
    temperature: number,
    topP: number,
    stopSequences: texts
  }),
  toolConfig: fieldsOf<ToolConfiguration>({ tools: Check.list(block), toolChoice: block }),
  guardrailConfig: fieldsOf<GuardrailStreamConfiguration>({
    guardrailIdentifier: Check.text,
    guardrailVersion: Check.text,
    trace: Check.text,
    streamProcessingMode: Check.text
  }),
  additionalModelRequestFields: block,
  promptVariables: record(fieldsOf<{ readonly text: string }>({ text: Check.text })),
  additionalModelResponseFieldPaths: texts,
  requestMetadata: RequestMetadata.check,
  performanceConfig: fieldsOf<PerformanceConfiguration>({ latency: Check.text }),
  serviceTier: fieldsOf<ServiceTier>({ type: Check.text }),
  outputConfig: fieldsOf<OutputConfig>({
    textFormat: fieldsOf<NonNullable<OutputConfig["textFormat"]>>({
      type: Check.text,
      structure: fieldsOf<{ readonly jsonSchema: JsonSchemaDefinition }>({
        jsonSchema: fieldsOf<JsonSchemaDefinition>({ schema: Check.text, name: Check.text, description: Check.text })
      })
    }),
    effort: Check.text
  })
})
