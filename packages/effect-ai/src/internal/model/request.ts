/** A request of `effect/ai` as one of ours. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as StructuredOutput from "@strata/core/chat/StructuredOutput"
import * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Check from "@strata/core/Check"
import type * as ProviderError from "@strata/core/ProviderError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as AiTool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ToolCache } from "../../StrataMetadata.ts"
import * as Arguments from "./arguments.ts"
import * as FromPrompt from "./fromPrompt.ts"
import { Format, type RequestOptions, unknownTool } from "./turn.ts"

/** The request; `defaults` are options of the layer, `options` those of this request. */
export const make = Effect.fnUntraced(function*(
  given: LanguageModel.ProviderOptions,
  defaults: RequestOptions,
  options: RequestOptions
): Effect.fn.Return<ChatRequest.ChatRequest, ProviderError.InvalidRequestError> {
  const messages = yield* Effect.fromResult(FromPrompt.messages(given.prompt))
  const { toolChoice } = given
  const offered = given.tools.filter(({ name }) => name !== unknownTool)
  const tools = yield* Effect.forEach(offered, (tool) => definition(Arguments.original(tool)))
  const { responseFormat } = given
  const format = responseFormat.type === "json"
    ? yield* StructuredOutput.format(responseFormat.schema, { name: responseFormat.objectName })
    : yield* Format
  return {
    ...merged(defaults, options),
    messages,
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 && toolChoice !== "auto" && { toolChoice: choiceOf(toolChoice) }),
    ...(format !== undefined && { responseFormat: format })
  }
})

/** The documents of a request, in the order that citations count them. */
export const documentsOf = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.DocumentPart> =>
  messages.flatMap((message) =>
    message.role !== "user" || typeof message.content === "string"
      ? []
      : message.content.filter((part) => part.type === "document")
  )

/** The tool as our services know it. Its schema is the one that `Arguments` decodes. */
export const definition = (
  tool: AiTool.Any
): Effect.Effect<ToolDefinition.RequestTool, ProviderError.InvalidRequestError> => {
  const known = definitions.get(tool)
  if (known !== undefined) return Effect.succeed(known)
  const cache = Context.get(tool.annotations, ToolCache)
  const marks = cache === false ? {} : { cache }
  if (AiTool.isProviderDefined(tool) && !tool.requiresHandler) {
    return Effect.succeed({
      type: "provider",
      provider: tool.id.slice(0, tool.id.lastIndexOf(".")),
      name: tool.providerName,
      ...marks
    })
  }
  return Effect.map(described(tool), (definition): ToolDefinition.RequestTool => {
    const made = { ...definition, ...marks }
    definitions.set(tool, made)
    return made
  })
}

const definitions = new WeakMap<AiTool.Any, ToolDefinition.RequestTool>()

const described = (
  tool: AiTool.Any
): Effect.Effect<ToolDefinition.ToolDefinition, ProviderError.InvalidRequestError> => {
  const description = AiTool.getDescription(tool)
  const strict = AiTool.getStrictMode(tool)
  const texts = { ...(description !== undefined && { description }), ...(strict !== undefined && { strict }) }
  const inputSchema = AiTool.isDynamic(tool) ? tool.jsonSchema : undefined
  const isOpen = inputSchema === undefined && tool.parametersSchema === Schema.Unknown
  if (inputSchema !== undefined || isOpen) {
    return Effect.succeed({ name: tool.name, ...texts, inputSchema: { type: "object", ...inputSchema } })
  }
  // A record of nothing is what `effect/ai` has for a tool without arguments.
  const input = tool.parametersSchema === AiTool.EmptyParams ? noArguments : tool.parametersSchema
  return ToolDefinition.make(tool.name, { input, ...texts })
}

const noArguments = Schema.Struct({})

const choiceOf = (choice: Exclude<LanguageModel.ToolChoice<string>, "auto">): ToolDefinition.ToolChoice => {
  if (choice === "none") return choice
  if (choice === "required") return "any"
  // The tools are already those of `oneOf`.
  if ("oneOf" in choice) return choice.mode === "required" ? "any" : "auto"
  return { name: choice.tool }
}

/** Options of a request over those of a layer; those of providers one by one. The service checks them. */
export const merged = (defaults: RequestOptions, options: RequestOptions): RequestOptions => {
  const [outer, inner] = [Check.fieldsOf(defaults), Check.fieldsOf(options)]
  const fields = { ...outer, ...inner }
  // The fields are those of the options, or one that the service refuses.
  return (outer.providerOptions === undefined || inner.providerOptions === undefined
    ? fields
    : { ...fields, providerOptions: joined(outer.providerOptions, inner.providerOptions) }) as RequestOptions
}

const joined = (outer: unknown, inner: unknown): unknown =>
  Result.getOrElse(
    Result.try(() => Predicate.isObject(outer) && Predicate.isObject(inner) ? { ...outer, ...inner } : inner),
    () => inner
  )
