/**
 * Models with open weights and those of other vendors that Bedrock runs behind Converse: Llama, Mistral, DeepSeek, OpenAI,
 * Qwen, GLM, Kimi, MiniMax, Nemotron, Gemma, Grok.
 *
 * Ids and modalities as the service lists them. Features of unknown support are accepted: that Gemma, MiniMax and
 * Nemotron answer in a JSON schema is recorded, that a model with image input accepts no images in tool results is
 * reported.
 */
import type { ChatModel } from "./ChatModel.ts"
import { chat } from "./ChatModel.ts"

type Options = Partial<Omit<ChatModel, "id" | "kind">>

/** The common options: text and documents in, text out, and no prompt cache. */
const common = {
  systemMessages: false,
  turns: "user-first",
  inputs: ["document"],
  reasoning: "any",
  caching: false,
  counting: false
} as const satisfies Options

/** Models older than JSON schemas and strict tools. */
const older = {
  ...common,
  turns: "alternating",
  strictTools: false,
  structuredOutput: false,
  reasoning: "never"
} as const satisfies Options

const seeing = { inputs: ["image", "document"], toolResults: ["document"] } as const satisfies Options

const thinking = { reasoning: "unsigned" } as const satisfies Options

const profiles = { onDemand: false, inferenceProfiles: ["us", "eu", "apac", "global"] } as const satisfies Options

const textOnly = { ...older, tools: "never" } as const satisfies Options

const llama = {
  ...older,
  inferenceProfiles: ["us", "eu", "apac", "us-gov"],
  tools: "not-while-streaming",
  toolChoices: [],
  contextTokens: 128_000
} as const satisfies Options

const llama4 = {
  ...llama,
  onDemand: false,
  inputs: ["image", "document"],
  contextTokens: 1_000_000
} as const satisfies Options

const meta: ReadonlyArray<ChatModel> = [
  ...["13b", "70b"].map((size) => chat(`meta.llama2-${size}-chat-v1`, { ...textOnly, contextTokens: 4_000 })),
  ...["meta.llama3-8b-instruct-v1:0", "meta.llama3-70b-instruct-v1:0"].map((id) =>
    chat(id, { ...textOnly, contextTokens: 8_000 })
  ),
  ...["8b", "70b", "405b"].map((size) => chat(`meta.llama3-1-${size}-instruct-v1:0`, llama)),
  ...["1b", "3b"].map((size) => chat(`meta.llama3-2-${size}-instruct-v1:0`, { ...llama, tools: "never" })),
  ...["11b", "90b"].map((size) =>
    chat(`meta.llama3-2-${size}-instruct-v1:0`, { ...llama, inputs: ["image", "document"], toolResults: ["document"] })
  ),
  chat("meta.llama3-3-70b-instruct-v1:0", llama),
  chat("meta.llama4-maverick-17b-instruct-v1:0", llama4),
  chat("meta.llama4-scout-17b-instruct-v1:0", { ...llama4, contextTokens: 3_500_000 })
]

const mistral: ReadonlyArray<ChatModel> = [
  chat("mistral.mistral-7b-instruct-v0:2", { ...textOnly, system: false, contextTokens: 32_000 }),
  chat("mistral.mixtral-8x7b-instruct-v0:1", { ...textOnly, system: false, contextTokens: 32_000 }),
  chat("mistral.mistral-large-2402-v1:0", { ...older, toolChoices: ["any"], contextTokens: 32_000 }),
  chat("mistral.mistral-large-2407-v1:0", { ...older, toolChoices: ["any"], contextTokens: 128_000 }),
  chat("mistral.mistral-small-2402-v1:0", { ...older, toolChoices: ["any"], contextTokens: 32_000 }),
  chat("mistral.pixtral-large-2502-v1:0", { ...older, ...profiles, ...seeing, contextTokens: 128_000 }),
  chat("mistral.mistral-large-3-675b-instruct", { ...common, ...seeing }),
  ...["3b", "8b", "14b"].map((size) => chat(`mistral.ministral-3-${size}-instruct`, { ...common, ...seeing })),
  chat("mistral.magistral-small-2509", { ...common, ...seeing, ...thinking }),
  chat("mistral.devstral-2-123b", common),
  ...["voxtral-mini-3b-2507", "voxtral-small-24b-2507"].map((name) =>
    chat(`mistral.${name}`, { ...common, inputs: ["document", "audio"] })
  )
]

const openai: ReadonlyArray<ChatModel> = [
  ...["120b", "20b"].map((size) =>
    chat(`openai.gpt-oss-${size}-1:0`, { ...common, ...thinking, inferenceProfiles: ["us", "eu", "us-gov"] })
  ),
  ...["5.4", "5.5", "5.6-luna", "5.6-sol", "5.6-terra", "6-astra", "6-luna", "6-sol"].map((version) =>
    chat(`openai.gpt-${version}`, { ...common, ...profiles, ...seeing })
  )
]

const others: ReadonlyArray<ChatModel> = [
  // it writes its reasoning into the text, and accepts none back
  chat("deepseek.r1-v1:0", {
    ...textOnly,
    ...profiles,
    contextTokens: 128_000,
    maxOutputTokens: 32_768
  }),
  chat("deepseek.v3-v1:0", { ...common, toolChoices: ["any"] }),
  chat("deepseek.v3.1", common),
  chat("deepseek.v3.2", common),
  ...[
    "qwen3-32b-v1:0",
    "qwen3-235b-a22b-2507-v1:0",
    "qwen3-coder-30b-a3b-v1:0",
    "qwen3-coder-480b-a35b-v1:0",
    "qwen3-coder-next",
    "qwen3-next-80b-a3b"
  ].map((name) => chat(`qwen.${name}`, common)),
  chat("qwen.qwen3-vl-235b-a22b", { ...common, ...seeing }),
  ...["glm-4.6", "glm-4.7", "glm-4.7-flash", "glm-5"].map((name) => chat(`zai.${name}`, common)),
  chat("moonshot.kimi-k2-thinking", { ...common, ...thinking }),
  chat("moonshotai.kimi-k2.5", { ...common, ...seeing, ...thinking }),
  chat("moonshotai.kimi-k3", { ...common, ...profiles, ...seeing, ...thinking }),
  ...["m2", "m2.1", "m2.5"].map((version) => chat(`minimax.minimax-${version}`, { ...common, ...thinking })),
  ...["nemotron-super-3-120b", "nemotron-nano-3-30b", "nemotron-nano-9b-v2"].map((name) =>
    chat(`nvidia.${name}`, { ...common, emptyToolResults: false })
  ),
  chat("nvidia.nemotron-nano-12b-v2", { ...common, ...seeing, emptyToolResults: false }),
  ...["4b", "12b", "27b"].map((size) =>
    chat(`google.gemma-3-${size}-it`, { ...common, ...seeing, reasoning: "never" })
  ),
  chat("xai.grok-4.6", { ...common, ...profiles, ...seeing })
]

const textModels: ReadonlyArray<ChatModel> = [
  chat("cohere.command-text-v14", { ...textOnly, system: false, contextTokens: 4_000 }),
  chat("cohere.command-light-text-v14", { ...textOnly, system: false, contextTokens: 4_000 }),
  chat("cohere.command-r-v1:0", { ...older, toolChoices: [], contextTokens: 128_000 }),
  chat("cohere.command-r-plus-v1:0", { ...older, toolChoices: [], contextTokens: 128_000 }),
  ...["mid", "ultra"].map((size) => chat(`ai21.j2-${size}-v1`, { ...textOnly, system: false, contextTokens: 8_000 })),
  chat("ai21.jamba-instruct-v1:0", { ...textOnly, contextTokens: 70_000 }),
  chat("ai21.jamba-1-5-mini-v1:0", { ...older, contextTokens: 256_000 }),
  chat("ai21.jamba-1-5-large-v1:0", { ...older, contextTokens: 256_000 }),
  ...["x4", "x5"].map((version) =>
    chat(`writer.palmyra-${version}-v1:0`, { ...older, ...profiles, toolResultStatus: false })
  ),
  chat("writer.palmyra-vision-7b", { ...textOnly, inputs: ["image", "document"] })
]

/** All models of this file. */
export const models: ReadonlyArray<ChatModel> = [...meta, ...mistral, ...openai, ...others, ...textModels]
