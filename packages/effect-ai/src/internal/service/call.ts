/** A request of ours as options of a language model of `effect/ai`. */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as ChatResponse from "@strata/core/chat/ChatResponse"
import * as Message from "@strata/core/chat/Message"
import type * as ToolDefinition from "@strata/core/chat/ToolDefinition"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as AiTool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import type * as Stream from "effect/Stream"
import { ToolCache } from "../../StrataMetadata.ts"
import { Format, Options, type RequestOptions } from "../model/turn.ts"
import * as ToPrompt from "./toPrompt.ts"

/** Who is asked, and how it gets the fields that `effect/ai` has no place for. */
export interface Target extends ToPrompt.Target {
  readonly settings?: ((request: ChatRequest.Resolved) => Context.Context<never>) | undefined
}

/** A call: its options, its context, and the schema of a structured answer, if any. */
export interface Call {
  readonly options: {
    readonly prompt: Prompt.Prompt
    readonly toolkit?: Toolkit.WithHandler<Record<string, AiTool.Any>>
    readonly toolChoice?: LanguageModel.ToolChoice<string>
    readonly disableToolCallResolution: true
    readonly toolCallValidation: "deferred"
  }
  readonly context: Context.Context<never>
  readonly schema?: Schema.Codec<unknown, Record<string, unknown>>
}

/** What is asked of a model, whose own types depend on the options. */
export interface Functions {
  readonly generateText: (options: Call["options"]) => Answer
  readonly generateObject: (options: Call["options"] & Pick<Call, "schema">) => Answer
  readonly streamText: (options: Call["options"]) => Stream.Stream<Response.AnyPart, unknown>
}

type Answer = Effect.Effect<{ readonly content: ReadonlyArray<Response.AnyPart> }, unknown>

/** The functions of a model. */
export const functionsOf = (model: LanguageModel.LanguageModel): Functions => model as unknown as Functions // see there

type Failure = ProviderError.UnsupportedFeatureError | ProviderError.InvalidRequestError

/** The call for a request. */
export const make = (request: ChatRequest.Resolved, target: Target): Result.Result<Call, Failure> =>
  Result.gen(function*() {
    const { messages: _, model, responseFormat, toolChoice, tools = [], ...rest } = request
    const own: RequestOptions = model === target.model ? rest : { model, ...rest }
    let context = Context.make(Options, { ...own, model }) as Context.Context<never>
    if (target.settings !== undefined) {
      const { settings } = target
      const given = yield* Result.try({
        try: () => settings(request),
        catch: (cause) => Check.threw({ provider: target.provider, model }, "settings", cause)
      })
      if (!Check.holds(Context.isContext, given)) {
        return yield* Result.fail(Check.invalid("settings", "it returned no context", "Return a `Context`"))
      }
      context = Context.merge(context, given as Context.Context<never>)
    } else if (!target.isOurs) yield* unsettled(own, target)
    const prompt = yield* ToPrompt.make(request, target)
    const isJson = responseFormat?.type === "json"
    if (isJson && target.isOurs) context = Context.add(context, Format, responseFormat)
    const schema = isJson && !target.isOurs ? yield* schemaOf(responseFormat, target) : undefined
    return {
      context,
      options: {
        prompt,
        ...(tools.length > 0 && { toolkit: toolkitOf(tools) }),
        ...(tools.length > 0 && toolChoice !== undefined && { toolChoice: choiceOf(toolChoice) }),
        disableToolCallResolution: true as const,
        toolCallValidation: "deferred" as const
      },
      ...(schema !== undefined && { schema })
    }
  })

/** Fails for the first field that a model of `effect/ai` cannot be told. */
const unsettled = (own: RequestOptions, { model, provider }: Target): Result.Result<void, Failure> => {
  for (const [field, value] of Object.entries(own)) {
    if (value === undefined || field === "providerOptions" && Object.keys(value).length === 0) continue
    const problem =
      `a request of \`effect/ai\` has no such field. Leave it out, or give \`settings\` to \`EffectAiChat.layer\`.`
    return Result.fail(
      new ProviderError.UnsupportedFeatureError({
        provider,
        model,
        feature: field,
        field,
        problem,
        message: `${field}: ${problem}`
      })
    )
  }
  return Result.void
}

/** Tools whose calls are not resolved. */
const toolkitOf = (
  tools: ReadonlyArray<ToolDefinition.RequestTool>
): Toolkit.WithHandler<Record<string, AiTool.Any>> => ({
  tools: Object.fromEntries(tools.map((tool) => [tool.name, toolOf(tool)])),
  handle: (name) =>
    Effect.fail(AiError.make({
      module: "Toolkit",
      method: `${name}.handle`,
      reason: new AiError.ToolConfigurationError({ toolName: name, description: "The tool is run by the program" })
    }))
})

const toolOf = (tool: ToolDefinition.RequestTool): AiTool.Any => {
  const known = toolsByDefinition.get(tool)
  if (known !== undefined) return known
  const made = marked(tool)
  toolsByDefinition.set(tool, made)
  return made
}

const toolsByDefinition = new WeakMap<ToolDefinition.RequestTool, AiTool.Any>()

const marked = (tool: ToolDefinition.RequestTool): AiTool.Any => {
  if ("type" in tool) {
    const define = AiTool.providerDefined({
      id: `${tool.provider}.${tool.name}`,
      customName: tool.name,
      providerName: tool.name,
      parameters: Schema.Unknown,
      success: Schema.Unknown
    })
    return define(undefined)
  }
  const made = AiTool.dynamic(tool.name, { description: tool.description, parameters: tool.inputSchema })
  const strict = tool.strict === undefined ? made : made.annotate(AiTool.Strict, tool.strict)
  return tool.cache === undefined ? strict : strict.annotate(ToolCache, tool.cache)
}

const choiceOf = (choice: ToolDefinition.ToolChoice): LanguageModel.ToolChoice<string> =>
  typeof choice === "object" ? { tool: choice.name } : choice === "any" ? "required" : choice

/** A schema with this JSON Schema. */
const schemaOf = (
  { schema }: ChatRequest.JsonFormat,
  { model, provider }: Target
): Result.Result<Schema.Codec<unknown, Record<string, unknown>>, Failure> =>
  Result.try({
    // A JSON Schema of type `object`, as every response format has.
    try: () =>
      SchemaRepresentation.fromJsonSchemaDocument(JsonSchema.fromSchemaDraft2020_12(schema)) as Schema.Codec<
        unknown,
        Record<string, unknown>
      >,
    catch: (cause) => {
      const field = "responseFormat.schema"
      const problem = "Effect cannot read this JSON Schema, and a model of `effect/ai` takes schemas of Effect only."
      return new ProviderError.UnsupportedFeatureError({
        provider,
        model,
        feature: "responseFormat",
        field,
        problem,
        message: `${field}: ${problem}`,
        cause
      })
    }
  })

/** The answer in an error that says its text is not a value of the schema: decoding it, or asking again, is the caller's. */
export const misfit = (
  error: unknown,
  { model }: { readonly model: string }
): ChatResponse.ChatResponse | undefined => {
  if (!AiError.isAiError(error) || error.reason._tag !== "StructuredOutputError") return undefined
  const { responseText, usage } = error.reason
  return ChatResponse.make(responseText === "" ? [] : [Message.text(responseText)], {
    finishReason: "stop",
    model,
    usage: Usage.make({ inputTokens: usage?.promptTokens ?? 0, outputTokens: usage?.completionTokens ?? 0 }),
    providerMetadata: {}
  })
}
