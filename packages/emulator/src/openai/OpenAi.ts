/**
 * OpenAI's dialect of the emulator: the models that it knows by OpenAI's names, and the quirks of other servers.
 */
export type { Options } from "./Dialect.ts"
export { defaults, type OpenAiModel } from "./Models.ts"
export { azure, lmStudio, objects, ollama, type Quirk, vllm } from "./Quirks.ts"
