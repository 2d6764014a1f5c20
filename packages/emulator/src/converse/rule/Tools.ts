/**
 * Rules for tools: names, schemas and tool choice.
 */
import type * as Block from "../Block.ts"
import type * as Wire from "../Wire.ts"
import {
  duplicates,
  isObject,
  isUnion,
  malformed,
  mustSetOne,
  notAnObject,
  refused,
  refusedByModel,
  unsupported
} from "./Finding.ts"
import type { Rule } from "./Rule.ts"
import * as StrictSchema from "./StrictSchema.ts"

const maxStrictTools = 20

/** The API's own checks of `toolConfig`. */
export const rules: ReadonlyArray<Rule> = [
  {
    refuses: "a tool, its schema, or a choice that sets no member or several",
    source: "model",
    *find({ request: { toolConfig } }) {
      for (const [index, tool] of (toolConfig?.tools ?? []).entries()) {
        const at = `toolConfig.tools.${index}`
        if (!isUnion(tool)) yield mustSetOne("Tool", at, "toolSpec, systemTool, cachePoint")
        if (tool.toolSpec !== undefined && !isUnion(tool.toolSpec.inputSchema)) {
          yield mustSetOne("ToolInputSchema", `${at}.toolSpec.inputSchema`, "json")
        }
      }
      const choice = toolConfig?.toolChoice
      if (choice !== undefined && !isUnion(choice)) {
        yield mustSetOne("ToolChoice", "toolConfig.toolChoice", "auto, any, tool")
      }
      return undefined
    }
  },
  {
    refuses: "a tool whose schema is not a JSON object",
    source: "reported",
    *find({ request }) {
      for (const { at, spec } of specs(request)) {
        if (!isObject(spec.inputSchema.json)) yield notAnObject(`${at}.toolSpec.inputSchema.json`)
      }
      return undefined
    }
  },
  {
    refuses: `a tool whose schema does not have the root type "object"`,
    source: "reported",
    *find({ request }) {
      for (const { at, schema } of schemas(request)) {
        if (schema["type"] !== "object") {
          yield refused(
            `The value at ${at}.toolSpec.inputSchema.json.type must be one of the following: object.`,
            `${at}.toolSpec.inputSchema.json.type`
          )
        }
      }
      return undefined
    }
  },
  {
    refuses: "two tools with the same name",
    source: "reported",
    *find({ request }) {
      const [twice] = duplicates(namesOf(request))
      if (twice !== undefined) yield refused(`The toolConfig.tools field contains duplicate tool names: ${twice}.`)
      return undefined
    }
  },
  {
    refuses: "a choice, an addition or a removal of an unknown tool",
    source: "documented",
    *find({ request }) {
      const names = namesOf(request)
      const chosen = request.toolConfig?.toolChoice?.tool?.name
      if (chosen !== undefined && !names.includes(chosen)) {
        yield refused(
          `The tool specified in toolConfig.toolChoice.tool.name doesn't exist in toolConfig.tools: ${chosen}.`
        )
      }
      for (const { toolAddition, toolRemoval } of (request.messages ?? []).flatMap(({ content }) => content)) {
        const tool = toolAddition?.tool ?? toolRemoval?.tool
        if (tool !== undefined && tool.serverName === undefined && !names.includes(tool.name ?? "")) {
          yield refused(`The tool ${tool.name ?? ""} doesn't exist in toolConfig.tools.`)
        }
      }
      return undefined
    }
  }
]

/** The model's own checks. */
export const ofModel: ReadonlyArray<Rule> = [
  {
    refuses: "tools, for a model without them",
    source: "documented",
    *find({ model, request, streaming }) {
      if (request.toolConfig === undefined) return undefined
      if (model.tools === "never") yield refused("This model doesn't support tool use.")
      if (streaming && model.tools === "not-while-streaming") {
        yield refused("This model doesn't support tool use in streaming mode.")
      }
      return undefined
    }
  },
  {
    refuses: "a forced tool, for a model without forced tools: Llama, Claude Opus 5.5, Fable 5 and others",
    source: "reported",
    *find({ model, request }) {
      for (const choice of ["any", "tool"] as const) {
        if (request.toolConfig?.toolChoice?.[choice] === undefined || model.toolChoices.includes(choice)) continue
        yield model.rules === "claude"
          ? refusedByModel(`tool_choice: type "tool" and "any" are not supported for this model.`)
          : unsupported(`toolConfig.toolChoice.${choice}`)
      }
      return undefined
    }
  },
  {
    refuses: "`strict` on a tool, for a model without it",
    source: "documented",
    *find({ model, request }) {
      const index = (request.toolConfig?.tools ?? []).findIndex(({ toolSpec }) => toolSpec?.strict !== undefined)
      if (model.strictTools || index < 0) return undefined
      yield model.rules === "claude"
        ? refusedByModel(`tools.${index}.custom.strict: Extra inputs are not permitted`)
        : unsupported("strict")
      return undefined
    }
  },
  {
    refuses: "`anyOf`, `oneOf` or `allOf` at the root of a tool's schema, for Claude",
    source: "reported",
    *find({ model, request }) {
      for (const { index, schema } of schemas(request)) {
        if (model.rules === "claude" && ["anyOf", "oneOf", "allOf"].some((key) => key in schema)) {
          yield refusedByModel(
            `tools.${index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`
          )
        }
      }
      return undefined
    }
  },
  {
    refuses: "a key such as `$schema`, `$defs` or `anyOf` at the root of a tool's schema, for Nova",
    source: "reported",
    *find({ model, request }) {
      for (const { index, schema } of schemas(request)) {
        const extraneous = Object.keys(schema).find((key) => !rootKeysOfNova.has(key))
        if (model.rules === "nova" && extraneous !== undefined) {
          yield refusedByModel(
            malformed(
              `#/toolConfig/tools/${index}/toolSpec/inputSchema/json: extraneous key [${extraneous}] is not permitted`
            )
          )
        }
      }
      return undefined
    }
  },
  {
    refuses: "in a strict tool, for Claude: open objects, bounds, patterns, `oneOf`, recursion",
    source: "reported",
    *find({ model, request }) {
      if (model.rules !== "claude") return undefined
      for (const { index, schema, spec } of schemas(request)) {
        const found = spec.strict === true ? StrictSchema.problem(schema, { patterns: false }) : undefined
        if (found !== undefined) yield refusedByModel(`tools.${index}.custom: ${found}`)
      }
      return undefined
    }
  },
  {
    refuses: `more than ${maxStrictTools} strict tools, for Claude`,
    source: "reported",
    *find({ model, request }) {
      const strict = [...specs(request)].filter(({ spec }) => spec.strict === true).length
      if (model.rules === "claude" && strict > maxStrictTools) {
        yield refusedByModel(
          `Too many strict tools (${strict}). The maximum number of strict tools supported is ${maxStrictTools}.`
        )
      }
      return undefined
    }
  }
]

/**
 * The root keywords Nova accepts in a tool's schema. Only the first three are documented to have an effect; the others
 * were recorded as accepted, or are documented as ignored.
 */
const rootKeysOfNova: ReadonlySet<string> = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "description",
  "strict",
  "title"
])

/** The schemas of all strict tools of a request. */
export const strictSchemas = (request: Wire.Prompt): ReadonlyArray<unknown> =>
  [...schemas(request)].flatMap(({ schema, spec }) => spec.strict === true ? [schema] : [])

interface Spec {
  readonly at: string
  readonly index: number
  readonly spec: NonNullable<Block.Tool["toolSpec"]>
}

function* specs({ toolConfig }: Wire.Prompt): Generator<Spec> {
  for (const [index, { toolSpec: spec }] of (toolConfig?.tools ?? []).entries()) {
    if (spec !== undefined) yield { at: `toolConfig.tools.${index}`, index, spec }
  }
}

function* schemas(request: Wire.Prompt) {
  for (const found of specs(request)) {
    const schema = found.spec.inputSchema.json
    if (isObject(schema)) yield { ...found, schema }
  }
}

const namesOf = ({ toolConfig }: Wire.Prompt): ReadonlyArray<string> =>
  (toolConfig?.tools ?? []).flatMap(({ systemTool, toolSpec }) => toolSpec?.name ?? systemTool?.name ?? [])
