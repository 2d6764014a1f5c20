/**
 * Maps chat models to families, by id.
 */
import type * as Model from "../../model/Model.ts"
import * as Claude from "./claude/Claude.ts"
import * as ClaudeText from "./claude/ClaudeText.ts"
import * as Cohere from "./Cohere.ts"
import * as DeepSeek from "./DeepSeek.ts"
import type * as Family from "./Family.ts"
import * as Jamba from "./Jamba.ts"
import * as Jurassic from "./Jurassic.ts"
import * as Llama from "./Llama.ts"
import * as Mistral from "./Mistral.ts"
import * as Nova from "./Nova.ts"
import * as OpenAi from "./OpenAi.ts"
import * as Titan from "./Titan.ts"

/** The family of a model; `undefined` when its bodies are not supported. */
export const find = ({ id }: Model.ChatModel): Family.Family | undefined =>
  families.find(([prefix]) => id.startsWith(prefix))?.[1]

/** Longer prefixes come first. */
const families: ReadonlyArray<readonly [prefix: string, family: Family.Family]> = [
  ["anthropic.claude-v2", ClaudeText.family],
  ["anthropic.claude-instant-", ClaudeText.family],
  ["anthropic.claude-", Claude.family],
  ["amazon.nova-", Nova.family],
  ["amazon.titan-text-", Titan.family],
  ["meta.llama", Llama.family],
  // Mistral's models since the end of 2025
  ...["devstral-", "magistral-", "ministral-", "mistral-large-3-", "voxtral-"].map(
    (name) => [`mistral.${name}`, OpenAi.family] as const
  ),
  ["mistral.", Mistral.family],
  ["cohere.command-r", Cohere.commandR],
  ["cohere.command-", Cohere.command],
  ["ai21.jamba-", Jamba.family],
  ["ai21.j2-", Jurassic.family],
  ["deepseek.r1-", DeepSeek.family],
  ...["deepseek.", "google.", "minimax.", "moonshot", "nvidia.", "openai.", "qwen.", "writer.", "xai.", "zai."].map(
    (vendor) => [vendor, OpenAi.family] as const
  )
]
