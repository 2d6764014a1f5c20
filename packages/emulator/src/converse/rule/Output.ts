/**
 * Rules for inference options: length, sampling, JSON schema, effort, pointers into the model's answer.
 */
import * as Result from "effect/Result"
import * as Json from "../../Json.ts"
import * as OutputFormat from "../OutputFormat.ts"
import type * as Wire from "../Wire.ts"
import { isObject, isUnion, mustSetOne, notAnObject, refused, refusedByModel, unsupported } from "./Finding.ts"
import type { Rule } from "./Rule.ts"
import * as StrictSchema from "./StrictSchema.ts"
import * as Tools from "./Tools.ts"

const structure = "outputConfig.textFormat.structure"

/** For everything beside the prompt. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "`additionalModelRequestFields` other than a JSON object",
    source: "documented",
    *find({ request: { additionalModelRequestFields: fields } }) {
      if (fields !== undefined && !isObject(fields)) yield notAnObject("additionalModelRequestFields")
      return undefined
    }
  },
  {
    refuses: "an output format with an invalid JSON schema",
    source: "model",
    *find({ request: { outputConfig } }) {
      const format = outputConfig?.textFormat
      if (format === undefined) return undefined
      if (!isUnion(format.structure)) yield mustSetOne("OutputFormatStructure", structure, "jsonSchema")
      if (declaredSchema(outputConfig) === undefined) yield notAnObject(`${structure}.jsonSchema.schema`)
      return undefined
    }
  },
  {
    refuses: "a prompt variable without a text",
    source: "model",
    *find({ request: { promptVariables = {} } }) {
      for (const [name, value] of Object.entries(promptVariables)) {
        if (!isUnion(value)) yield mustSetOne("PromptVariableValues", `promptVariables.${name}`, "text")
      }
      return undefined
    }
  },
  {
    refuses: "an unknown effort",
    source: "model",
    *find({ request: { outputConfig } }) {
      if (outputConfig?.effort !== undefined && !efforts.has(outputConfig.effort)) {
        yield refusedByModel("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
      }
      return undefined
    }
  },
  {
    refuses: "an invalid JSON Pointer, or one to the whole document",
    source: "documented",
    *find({ request: { additionalModelResponseFieldPaths = [] } }) {
      for (const path of additionalModelResponseFieldPaths) {
        if (jsonPointer.test(path)) continue
        yield refused(
          `The JSON Pointer ${path} in additionalModelResponseFieldPaths is invalid. Provide a valid JSON Pointer and try again.`
        )
      }
      return undefined
    }
  },
  {
    refuses: "`maxTokens` above the model's maximum",
    source: "reported",
    *find({ model: { maxOutputTokens = Infinity }, request: { inferenceConfig } }) {
      if ((inferenceConfig?.maxTokens ?? 0) > maxOutputTokens) {
        yield refused(
          `The maximum tokens you requested exceeds the model limit of ${maxOutputTokens}. Try again with a maximum tokens value that is lower than ${maxOutputTokens}.`
        )
      }
      return undefined
    }
  },
  {
    refuses: "`temperature` with `topP`, for Claude 4.1 to 4.6",
    source: "reported",
    *find({ model, request: { inferenceConfig: { temperature, topP } = {} } }) {
      if (model.sampling === "one" && temperature !== undefined && topP !== undefined) {
        yield refusedByModel("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
      }
      return undefined
    }
  },
  {
    refuses: "`temperature`, `topP` and `top_k` other than their defaults, for Claude 4.7 and later",
    source: "reported",
    *find({ model, request }) {
      if (model.sampling !== "none") return undefined
      const { temperature = 1, topP = 1 } = request.inferenceConfig ?? {}
      const fields = request.additionalModelRequestFields
      const set = temperature !== 1 ? "temperature" : topP !== 1 ? "top_p" : undefined
      const found = set ?? (isObject(fields) && fields["top_k"] !== undefined ? "top_k" : undefined)
      if (found !== undefined) yield refusedByModel(`\`${found}\` is deprecated for this model.`)
      return undefined
    }
  },
  {
    refuses: "a blank stop sequence, for Claude",
    source: "reported",
    *find({ model, request: { inferenceConfig } }) {
      if (model.rules === "claude" && inferenceConfig?.stopSequences?.some((text) => text.trim() === "") === true) {
        yield refusedByModel("stop_sequences: each stop sequence must contain non-whitespace")
      }
      return undefined
    }
  },
  {
    refuses: "a JSON schema for the answer, for a model without support for it",
    source: "documented",
    *find({ model, request }) {
      if (model.structuredOutput) return undefined
      const declared = request.outputConfig?.textFormat !== undefined
      if (model.rules !== "claude") {
        if (declared) yield unsupported("outputConfig")
      } else if (declared || OutputFormat.schemaOf(request) !== undefined) {
        yield refusedByModel("output_config.format: Extra inputs are not permitted")
      }
      return undefined
    }
  },
  {
    refuses: "in a JSON schema for the answer, for Claude: open objects, bounds, `oneOf`, recursion",
    source: "reported",
    *find({ model, request }) {
      const schema = schemaOf(request)
      const found = model.rules === "claude" && schema !== undefined
        ? StrictSchema.problem(schema, { patterns: true })
        : undefined
      if (found !== undefined) yield refusedByModel(`output_config.format.schema: ${found}`)
      return undefined
    }
  },
  {
    refuses:
      `more than ${StrictSchema.maxUnions} unions, or ${StrictSchema.maxOptional} optional members, in the JSON schemas of the answer and of strict tools together, for Claude`,
    source: "reported",
    *find({ model, request }) {
      const schema = schemaOf(request)
      const schemas = [...schema === undefined ? [] : [schema], ...Tools.strictSchemas(request)]
      const found = model.rules === "claude" ? StrictSchema.complexity(schemas) : undefined
      if (found !== undefined) yield refusedByModel(found)
      return undefined
    }
  }
]

/** The schema of the answer, from any of its fields. */
const schemaOf = (request: Wire.Request): unknown =>
  declaredSchema(request.outputConfig) ?? OutputFormat.schemaOf(request)

const declaredSchema = (outputConfig: Wire.Request["outputConfig"]): Readonly<Record<string, unknown>> | undefined => {
  const text = outputConfig?.textFormat?.structure.jsonSchema?.schema
  const schema = Result.getOrUndefined(Json.fromText(text ?? ""))
  return isObject(schema) ? schema : undefined
}

const efforts: ReadonlySet<string> = new Set(["low", "medium", "high", "xhigh", "max"])

/** RFC 6901, without the pointer to the whole. */
const jsonPointer = /^(?:\/(?:[^/~]|~[01])*)+$/
