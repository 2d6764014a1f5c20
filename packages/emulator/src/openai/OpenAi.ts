/**
 * OpenAI's dialect of the emulator: its options, the models that it knows by OpenAI's names, and the quirks of other
 * servers.
 */
export { defaults } from "./Models.ts"
export { type OpenAiModel, Options } from "./Options.ts"
export { azure, lmStudio, objects, ollama, type Quirk, vllm } from "./Quirks.ts"
