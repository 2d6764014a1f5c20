/**
 * Capabilities of models, by family and version.
 *
 * The catalogue is data that ages: models appear every month, and AWS adds features to existing ones. An unknown model
 * is assumed to be capable of everything, without limits, and programs can overlay their own entries.
 */
import type * as ChatRequest from "@strata/core/chat/ChatRequest"
import * as Message from "@strata/core/chat/Message"
import * as Check from "@strata/core/Check"
import * as ProviderError from "@strata/core/ProviderError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import { providerName } from "../internal/provider.ts"
import * as Amazon from "./Amazon.ts"
import * as Anthropic from "./Anthropic.ts"
import type { Capabilities, ToolChoice } from "./Capabilities.ts"
import { type Entry, matches, overlay } from "./Entry.ts"
import * as Meta from "./Meta.ts"
import * as Mistral from "./Mistral.ts"
import * as ModelId from "./ModelId.ts"
import * as OpenAi from "./OpenAi.ts"
import * as OpenWeights from "./OpenWeights.ts"
import * as TextModels from "./TextModels.ts"

export type {
  Caching,
  Capabilities,
  Effort,
  Limits,
  Path,
  Reasoning,
  ReasoningInHistory,
  ReasoningRequest,
  RequestFields,
  StrictLimits,
  ToolChoice,
  ToolSchemas
} from "./Capabilities.ts"
export type { Entry, Match } from "./Entry.ts"

/** Entries, from general to specific: where several match a model, the later one wins. */
export type Catalog = ReadonlyArray<Entry>

/** The entries that come with Strata. */
export const builtIn: Catalog = [
  ...Anthropic.entries,
  ...Amazon.entries,
  ...Meta.entries,
  ...Mistral.entries,
  ...TextModels.entries,
  ...OpenAi.entries,
  ...OpenWeights.entries
]

/** The catalogue in force: {@link builtIn} unless a layer provides another. */
export const ModelCatalog = Context.Reference<Catalog>("@strata/bedrock/ModelCatalog", {
  defaultValue: () => builtIn
})

/**
 * What helps to find the model behind an id.
 *
 * - `family`: the model behind an opaque id, such as the ARN of an application inference profile: a model id, or the
 *   beginning of one with its vendor and version (`anthropic.claude-sonnet-4-5`). It does not affect an id that names
 *   its vendor.
 * - `catalog`: the catalogue to search; {@link builtIn} when missing.
 */
export interface LookupOptions {
  readonly family?: string | undefined
  readonly catalog?: Catalog | undefined
}

/**
 * Capabilities of a model, and its `vendor`, `family` and `version` as `ModelId` reads them from the id or the hint.
 */
export interface Model extends Capabilities {
  readonly vendor?: string | undefined
  readonly family?: string | undefined
  readonly version?: string | undefined
}

/**
 * Capabilities of a model by its id, inference profile id or ARN. Total: an unknown id, or an argument that is not a
 * catalogue, gives a model of which nothing is known.
 *
 * @example
 * ModelCatalog.lookup("us.meta.llama3-3-70b-instruct-v1:0").toolsWhileStreaming // false
 */
export const lookup: (modelId: string, options?: LookupOptions) => Model = Check.total((modelId, options) => {
  const model = described(modelId, options?.family)
  const { family, vendor, version } = model
  let known: Model = {
    ...(vendor !== undefined && { vendor }),
    ...(family !== undefined && { family }),
    ...(version !== undefined && { version })
  }
  for (const entry of options?.catalog ?? builtIn) {
    if (matches(entry.match, modelId, model)) known = overlay(known, entry.capabilities)
  }
  return known
}, () => ({}))

/** {@link lookup} in the catalogue in force. */
export const resolve = (
  modelId: string,
  options?: Pick<LookupOptions, "family">
): Effect.Effect<Model> =>
  Effect.map(ModelCatalog, (catalog) => lookup(modelId, { family: familyOf(options), catalog }))

const familyOf: (options: Pick<LookupOptions, "family"> | undefined) => string | undefined = Check.total(
  (options) => options?.family,
  () => undefined
)

/** A catalogue in which `entries` override those of `catalog`, which is {@link builtIn} when missing. */
export const extend = (
  entries: Catalog,
  catalog: Catalog = builtIn
): Catalog => [...listed(catalog), ...listed(entries)]

/** Anything but a list counts as empty. */
const listed = (entries: Catalog): Catalog => (Check.itemsOf(entries) ?? []) as Catalog

/**
 * Lays entries over the catalogue in force where the layer is built. A field that is `undefined` becomes unknown again.
 * Of two such layers merged side by side one is lost: give one list, or provide one layer to the other. Fails with
 * `InvalidRequestError` for what is no entry: `catalog[2].match.vendor`.
 *
 * @example
 * ModelCatalog.layer([
 *   { match: { vendor: "anthropic", family: "claude", since: "6" }, capabilities: { maxOutputTokens: 256_000 } },
 *   { match: { id: myProfileArn }, capabilities: { imageInput: false } }
 * ])
 */
export const layer = (entries: Catalog): Layer.Layer<never, ProviderError.InvalidRequestError> =>
  Layer.effect(
    ModelCatalog,
    Effect.flatMap(
      Check.run(Check.list(entry), entries, { provider: providerName, field: "catalog" }),
      (entries) => Effect.map(ModelCatalog, (catalog) => extend(entries, catalog))
    )
  )

const text = Check.optional(Check.text)

/** An entry that may be any value. Capabilities are checked by the rules that read them. */
const entry = Check.struct<Entry>({
  match: Check.struct<Entry["match"]>({
    id: text,
    vendor: text,
    family: text,
    version: Check.optional((given, at) => typeof given === "string" ? given : Check.list(Check.text)(given, at)),
    since: text,
    before: text,
    words: Check.optional(Check.list(Check.text))
  }),
  capabilities: Check.instance(
    (given): given is Capabilities => Predicate.isObject(given) && !Array.isArray(given),
    "Give an object with what the model can do"
  )
})

/**
 * What a request asks for that the model is known not to support; empty when the request can be sent.
 *
 * It does not check a system prompt the model does not take, which can be folded into the conversation, `maxTokens`
 * above the maximum and the size of images, which the service checks, or options in `providerOptions`.
 */
export const check: (
  capabilities: Capabilities,
  request: ChatRequest.Resolved,
  options: { readonly streaming: boolean }
) => ReadonlyArray<ProviderError.UnsupportedFeatureError> = Check.total((capabilities, request, options) =>
  [
    ...checkStreaming(capabilities, options.streaming),
    ...checkTools(capabilities, request, options.streaming),
    ...checkParallelCalls(capabilities, request),
    ...checkMedia(capabilities, request.messages),
    ...checkSampling(capabilities, request)
  ].map(({ feature, field, problem, remedy }) =>
    new ProviderError.UnsupportedFeatureError({
      provider: providerName,
      model: request.model,
      feature,
      message: `${field}: ${request.model} ${problem}. ${remedy}.`
    })
  ), () => [])

/** A violation. `problem` is a predicate: the name of the model comes before it. */
interface Violation {
  readonly feature: string
  readonly field: string
  readonly problem: string
  readonly remedy: string
}

const checkStreaming = ({ streaming }: Capabilities, wanted: boolean): ReadonlyArray<Violation> =>
  !wanted || streaming !== false ? [] : [{
    feature: "streaming",
    field: "stream",
    problem: "does not support streaming",
    remedy: "Use `generate`, or another model"
  }]

const checkTools = (
  { toolChoice, tools, toolsWhileStreaming }: Capabilities,
  request: ChatRequest.Resolved,
  streaming: boolean
): ReadonlyArray<Violation> => {
  if (request.tools === undefined || request.tools.length === 0 || request.toolChoice === "none") return []
  if (tools === false) {
    return [{
      feature: "tools",
      field: "tools",
      problem: "cannot call tools",
      remedy: "Leave them out, or use a model that can, such as Claude, Nova or Mistral Large"
    }]
  }
  const kind = choiceOf(request.toolChoice)
  return [
    ...(streaming && toolsWhileStreaming === false
      ? [{
        feature: "tools while streaming",
        field: "tools",
        problem: "cannot call tools while it streams",
        remedy: "Use `generate`, or a model that can, such as Claude or Nova"
      }]
      : []),
    // `auto` is not sent: it is what happens without a choice
    ...(kind !== "auto" && toolChoice !== undefined && !toolChoice.includes(kind)
      ? [{
        feature: `tool choice "${kind}"`,
        field: "toolChoice",
        problem: kind === "tool" ? "does not support forcing one tool" : "does not support forcing a tool call",
        remedy: kind === "tool" && toolChoice.includes("any")
          ? "Use \"any\" with this tool alone, or a model that can, such as Claude 4.5 or Nova"
          : "Use \"auto\", or a model that can, such as Claude 4.5 or Nova"
      }]
      : [])
  ]
}

const checkParallelCalls = (
  { disableParallelToolUse, tools: hasTools }: Capabilities,
  { parallelToolCalls, toolChoice, tools = [] }: ChatRequest.Resolved
): ReadonlyArray<Violation> =>
  // a model without tools is refused for the tools, and without tools there are no parallel calls
  parallelToolCalls !== false || disableParallelToolUse === true || hasTools === false || tools.length === 0 ||
    toolChoice === "none"
    ? []
    : [{
      feature: "parallel tool calls turned off",
      field: "parallelToolCalls",
      problem: "is not known to support it",
      remedy: "Leave it out and run the calls one after the other, or use Claude 4.5 or a later one"
    }]

const choiceOf = (choice: ChatRequest.Resolved["toolChoice"]): ToolChoice =>
  typeof choice === "object" ? "tool" : choice === "any" ? "any" : "auto"

/** Media that a model may not support. A new type of part is one entry. */
const media: ReadonlyArray<Medium> = [
  {
    type: "image",
    plural: "images",
    readBy: "Claude Sonnet or Nova Lite",
    input: "imageInput",
    limit: "imagesPerRequest",
    per: "request"
  },
  {
    type: "document",
    plural: "documents",
    readBy: "Claude Sonnet or Nova Lite",
    input: "documentInput",
    limit: "documentsPerMessage",
    per: "message"
  },
  { type: "video", plural: "videos", readBy: "Nova Lite", input: "videoInput" },
  { type: "audio", plural: "audio", readBy: "Voxtral", input: "audioInput" }
]

/** `readBy`: models that support it. `limit`: how many of them one request or one message may hold. */
interface Medium {
  readonly type: "image" | "document" | "video" | "audio"
  readonly plural: string
  readonly readBy: string
  readonly input: "imageInput" | "documentInput" | "videoInput" | "audioInput"
  readonly limit?: "imagesPerRequest" | "documentsPerMessage"
  readonly per?: "request" | "message"
}

const checkMedia = (
  capabilities: Capabilities,
  messages: ReadonlyArray<Message.Message>
): ReadonlyArray<Violation> => {
  if (messages.every(({ content }) => typeof content === "string")) return []
  return media.flatMap((medium): ReadonlyArray<Violation> => {
    const { input, plural, readBy, type } = medium
    if (capabilities[input] !== false) return checkAmount(medium, messages, capabilities)
    const first = messages.findIndex((message) => Message.parts(message).some((part) => holds(part, type)))
    return first < 0 ? [] : [{
      feature: plural,
      field: `messages[${first}].content`,
      problem: `cannot read ${plural}`,
      remedy: `Leave ${plural === "audio" ? "it" : "them"} out, or use a model that can, such as ${readBy}`
    }]
  })
}

/** Whether a part is of the type, or is a tool result that holds one. */
const holds = (part: Message.Part, type: Medium["type"]): boolean =>
  part.type === type || part.type === "tool-result" && part.parts?.some((inner) => inner.type === type) === true

const checkAmount = (
  { limit, per, plural, type }: Medium,
  messages: ReadonlyArray<Message.Message>,
  { limits }: Capabilities
): ReadonlyArray<Violation> => {
  const most = limit === undefined ? undefined : limits?.[limit]
  if (most === undefined) return []
  const counts = messages.map((message) => Message.parts(message).filter((part) => part.type === type).length)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const crowded = counts.findIndex((count) => count > most)
  if (per === "request" ? total <= most : crowded < 0) return []
  return [{
    feature: `more than ${most} ${plural}`,
    field: per === "request" ? "messages" : `messages[${crowded}].content`,
    problem: `accepts at most ${most} ${plural} in one ${per}, not ${per === "request" ? total : counts[crowded]}`,
    remedy: "Leave some of them out"
  }]
}

const checkSampling = (
  { sampling, topPAndTemperatureTogether }: Capabilities,
  { temperature, topP }: ChatRequest.Resolved
): ReadonlyArray<Violation> => {
  const fields = [...(temperature === undefined ? [] : ["temperature"]), ...(topP === undefined ? [] : ["topP"])]
  if (sampling === false) {
    return fields.map((field) => ({
      feature: field,
      field,
      problem: `does not support \`${field}\``,
      remedy: "Leave it out"
    }))
  }
  return topPAndTemperatureTogether !== false || fields.length < 2 ? [] : [{
    feature: "temperature with topP",
    field: "topP",
    problem: "does not support `temperature` and `topP` in one request",
    remedy: "Leave one of them out"
  }]
}

/** The parsed id, or the parsed hint where the id is opaque. */
const described = (modelId: string, hint: string | undefined): ModelId.ModelId => {
  const model = ModelId.parse(modelId)
  return model.vendor === undefined && hint !== undefined ? ModelId.parse(hint) : model
}
