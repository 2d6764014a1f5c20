/**
 * The tools of a request, and the way back of their arguments.
 *
 * The API is strict by default, which would make every argument required in silence: `strict` is always written, and true only
 * where the schema can be turned into the strict dialect and back.
 */
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Result from "effect/Result"
import type * as Shape from "../schema/Shape.ts"
import * as Strict from "../schema/Strict.ts"
import * as Adjustment from "./Adjustment.ts"
import type { Unfit } from "./Content.ts"
import type { Item } from "./History.ts"

/** The tools as they are sent, and the shapes of those whose schema was made strict, by name. */
export interface Tools {
  readonly sent: ReadonlyArray<Item>
  readonly shapes: ReadonlyMap<string, Shape.Shape>
}

/** Encodes tools; fails for one that another provider runs. `isStrict`: whether the server knows the strict dialect. */
export const encode = (
  tools: ReadonlyArray<ToolDefinition.RequestTool>,
  { adjust, isStrict, providers }: {
    readonly adjust: Adjustment.Adjust
    readonly isStrict: boolean
    readonly providers: ReadonlyArray<string>
  }
): Result.Result<Tools, Unfit> =>
  Result.gen(function*() {
    const sent: Array<Item> = []
    const shapes = new Map<string, Shape.Shape>()
    for (const [index, tool] of tools.entries()) {
      const field = `tools[${index}]`
      if ("type" in tool) {
        if (!providers.includes(tool.provider)) return yield* Result.fail(foreign(field, tool.provider))
        sent.push({ type: tool.name })
        continue
      }
      const { description, inputSchema, name } = tool
      const strict = tool.strict === true && isStrict ? Strict.make(inputSchema) : undefined
      if (strict !== undefined) shapes.set(name, strict.shape)
      else if (tool.strict === true) adjust(Adjustment.laxSchema, field)
      sent.push({
        type: "function",
        name,
        ...(description !== undefined && { description }),
        parameters: strict?.schema ?? inputSchema,
        strict: strict !== undefined
      })
    }
    return { sent, shapes }
  })

const foreign = (field: string, provider: string): Unfit => ({
  field,
  feature: `tools of ${provider}`,
  problem: `this is a tool of ${provider}`,
  remedy: "Leave it out, or define a tool of your own"
})

/** The choice as the API writes it. */
export const choice = (
  given: ToolDefinition.ToolChoice,
  tools: ReadonlyArray<ToolDefinition.RequestTool>
): unknown => {
  if (given === "any") return "required"
  if (typeof given === "string") return given
  const isOwn = tools.some((tool) => tool.name === given.name && !("type" in tool))
  return isOwn ? { type: "function", name: given.name } : { type: given.name }
}
