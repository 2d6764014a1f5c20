/**
 * Arguments of calls: what a model writes is JSON, where the schema of a tool may begin with a date, a bigint or a map.
 *
 * Within `LanguageModel.make` a tool has the JSON codec of its schema, so that a call is validated, asked about and kept in the
 * history as the JSON it is. Its handler gets what its own schema decodes.
 */
import * as AiTool from "effect/ai/Tool"
import * as Equal from "effect/Equal"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** The tool with the JSON codec of its schema; the tool itself where they are the same. */
export const ofJson = (tool: AiTool.Any): AiTool.Any => {
  const known = copies.get(tool)
  if (known !== undefined) return known
  // A schema without a JSON form is refused when the tool is offered.
  const codec = Result.getOrElse(
    Result.try(() => Schema.toCodecJson(tool.parametersSchema)),
    () => tool.parametersSchema
  )
  const isSame = codec.ast === tool.parametersSchema.ast || AiTool.isDynamic(tool) && tool.jsonSchema !== undefined
  const copy: AiTool.Any = isSame ? tool : tool.setParameters(codec)
  copies.set(tool, copy)
  originals.set(copy, tool)
  return copy
}

/** The tool that a copy was made of. */
export const original = (tool: AiTool.Any): AiTool.Any => originals.get(tool) ?? tool

const copies = new WeakMap<AiTool.Any, AiTool.Any>()

const originals = new WeakMap<AiTool.Any, AiTool.Any>()

/** Arguments as the schema of the tool begins. What does not fit is left as it is, for the toolkit to refuse. */
export const encoded = (tool: AiTool.Any, params: unknown): unknown => {
  const decoded = decoderOf(tool)(params)
  return Equal.equals(decoded, params) ? params : decoded
}

const decoderOf = (tool: AiTool.Any): (params: unknown) => unknown => {
  const known = decoders.get(tool)
  if (known !== undefined) return known
  const made = Result.getOrElse(
    Result.try(() => {
      const decode = Schema.decodeUnknownResult(Schema.toCodecJson(Schema.toEncoded(tool.parametersSchema)))
      return (params: unknown): unknown =>
        // A transformation of the schema may throw.
        Result.getOrElse(Result.flatMap(Result.try(() => decode(params)), identity), () => params)
    }),
    () => (params: unknown) => params
  )
  decoders.set(tool, made)
  return made
}

const decoders = new WeakMap<AiTool.Any, (params: unknown) => unknown>()
