/**
 * Models of the account from a JSON file: missing fields have the defaults of {@link Model.chat} and its siblings.
 */
import * as Schema from "effect/Schema"
import * as Model from "../model/Model.ts"

const optional = Schema.optionalKey

const common = {
  id: Schema.String,
  onDemand: optional(Schema.Boolean),
  inferenceProfiles: optional(Schema.Array(Schema.String)),
  access: optional(Schema.Literals(["granted", "denied"])),
  lifecycle: optional(Schema.Literals(["active", "end-of-life"]))
}

const Chat = Schema.Struct({
  ...common,
  kind: Schema.Literal("chat"),
  system: optional(Schema.Boolean),
  systemMessages: optional(Schema.Boolean),
  turns: optional(Schema.Literals(["alternating", "user-first", "any"])),
  prefill: optional(Schema.Boolean),
  inputs: optional(Schema.Array(Schema.Literals(["image", "document", "video", "audio", "searchResult"]))),
  toolResults: optional(Schema.Array(Schema.Literals(["image", "document", "video", "searchResult"]))),
  emptyToolResults: optional(Schema.Boolean),
  toolResultStatus: optional(Schema.Boolean),
  tools: optional(Schema.Literals(["always", "not-while-streaming", "never"])),
  toolChoices: optional(Schema.Array(Schema.Literals(["any", "tool"]))),
  strictTools: optional(Schema.Boolean),
  typedToolCalls: optional(Schema.Boolean),
  structuredOutput: optional(Schema.Boolean),
  sampling: optional(Schema.Literals(["both", "one", "none"])),
  reasoning: optional(Schema.Literals(["never", "unsigned", "signed", "any"])),
  thinking: optional(Schema.Array(Schema.Literals(["enabled", "adaptive", "disabled"]))),
  forcedToolsWhileThinking: optional(Schema.Boolean),
  caching: optional(Schema.Union([
    Schema.Literal(false),
    Schema.Struct({ minTokens: Schema.Finite, tools: optional(Schema.Boolean), hour: optional(Schema.Boolean) })
  ])),
  counting: optional(Schema.Boolean),
  rules: optional(Schema.Literals(["claude", "nova", "none"])),
  contextTokens: optional(Schema.Finite),
  maxOutputTokens: optional(Schema.Finite)
})

const Embedding = Schema.Struct({
  ...common,
  kind: Schema.Literal("embedding"),
  family: Schema.Literals([
    "titan-v1",
    "titan-v2",
    "titan-image-v1",
    "nova-2",
    "cohere-v3",
    "cohere-v4",
    "marengo-2.7",
    "marengo-3.0"
  ])
})

const Rerank = Schema.Struct({
  ...common,
  kind: Schema.Literal("rerank"),
  family: Schema.Literals(["amazon", "cohere"])
})

/** The content of the file. */
export type ModelList = typeof ModelList.Type
/** @see {@link ModelList} */
export const ModelList = Schema.Array(Schema.Union([Chat, Embedding, Rerank]))

/** The models of a list. */
export const toModels = (list: ModelList): ReadonlyArray<Model.Model> =>
  list.map((model) => {
    switch (model.kind) {
      case "chat":
        return Model.chat(model.id, model)
      case "embedding":
        return Model.embedding(model.id, model.family, model)
      case "rerank":
        return Model.rerank(model.id, model.family, model)
    }
  })
