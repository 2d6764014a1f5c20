/** Flags about models that several commands have. */
import * as Flag from "effect/cli/Flag"

const model = (description: string) =>
  Flag.String("model").pipe(Flag.withAlias("m"), Flag.optional, Flag.withDescription(description))

/** The chat model. */
export const chatModel = model("The model (STRATA_CHAT_MODEL, or us.amazon.nova-lite-v1:0)")

/** The embedding model. */
export const embeddingModel = model("The embedding model (STRATA_EMBEDDING_MODEL, or amazon.titan-embed-text-v2:0)")

/** The system prompt. */
export const system = Flag.String("system").pipe(
  Flag.withAlias("s"),
  Flag.optional,
  Flag.withDescription("Instructions for the model")
)

/** The JSON Schema of answers. */
export const schema = Flag.String("schema").pipe(
  Flag.withMetavar("FILE|JSON"),
  Flag.optional,
  Flag.withDescription("Answers are JSON that matches this JSON Schema")
)

/** The temperature. */
export const temperature = Flag.Finite("temperature").pipe(
  Flag.optional,
  Flag.withDescription("From 0 to 1; the model's own when missing")
)

/** A number from 1. */
export const positive = (name: string) =>
  Flag.Int(name).pipe(Flag.filter((number) => number > 0, () => `--${name} must be a number from 1`))

/** The most tokens of an answer. */
export const maxTokens = (usual: number) =>
  positive("max-tokens").pipe(Flag.withDefault(usual), Flag.withDescription(`The most tokens of an answer (${usual})`))
