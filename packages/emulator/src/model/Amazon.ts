/**
 * Amazon's Nova and Titan Text, with their restrictions. From the user guides of Bedrock and of Nova.
 */
import type { ChatModel } from "./ChatModel.ts"
import { chat } from "./ChatModel.ts"

type Options = Partial<Omit<ChatModel, "id" | "kind">>

const nova = {
  systemMessages: false,
  inferenceProfiles: ["us", "eu", "apac", "ca", "jp", "au", "us-gov", "global"],
  inputs: ["image", "document", "video"],
  toolResults: ["image", "document", "video"],
  strictTools: false,
  structuredOutput: false,
  reasoning: "never",
  counting: false,
  caching: { minTokens: 0, tools: false, hour: false },
  contextTokens: 300_000,
  maxOutputTokens: 10_000
} as const satisfies Options

const nova2 = {
  ...nova,
  onDemand: false,
  reasoning: "unsigned",
  contextTokens: 1_000_000,
  maxOutputTokens: 65_536
} as const satisfies Options

const titan = {
  system: false,
  systemMessages: false,
  inputs: ["document"],
  tools: "never",
  strictTools: false,
  structuredOutput: false,
  reasoning: "never",
  caching: false,
  counting: false,
  contextTokens: 8_000
} as const satisfies Options

/** All models of this file. */
export const models: ReadonlyArray<ChatModel> = [
  chat("amazon.nova-micro-v1:0", { ...nova, inputs: [], toolResults: [], contextTokens: 128_000 }),
  chat("amazon.nova-lite-v1:0", nova),
  chat("amazon.nova-pro-v1:0", nova),
  chat("amazon.nova-premier-v1:0", { ...nova, onDemand: false, contextTokens: 1_000_000, maxOutputTokens: 32_000 }),
  chat("amazon.nova-2-lite-v1:0", nova2),
  chat("amazon.nova-2-pro-v1:0", nova2),
  chat("amazon.nova-2-omni-v1:0", { ...nova2, inputs: ["image", "document", "video", "audio"] }),
  chat("amazon.titan-text-lite-v1", { ...titan, contextTokens: 4_000 }),
  chat("amazon.titan-text-express-v1", titan),
  chat("amazon.titan-text-premier-v1:0", { ...titan, inputs: [], contextTokens: 32_000 })
]
