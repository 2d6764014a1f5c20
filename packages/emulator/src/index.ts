/**
 * Bedrock Runtime on 127.0.0.1: the real wire format, answered by any Strata service.
 */
export * as Emulator from "./Emulator.ts"
export * as EmulatorClient from "./EmulatorClient.ts"
export * as Fault from "./fault/Fault.ts"
export * as Guardrail from "./guardrail/Guardrail.ts"
export * as SelfSigned from "./http/SelfSigned.ts"
export * as JsonFile from "./JsonFile.ts"
export * as Model from "./model/Model.ts"
export * as OpenAi from "./openai/OpenAi.ts"
export * as Quota from "./quota/Quota.ts"
export * as Recorder from "./record/Recorder.ts"
export * as Recording from "./record/Recording.ts"
export * as Redaction from "./record/Redaction.ts"
export * as Replay from "./record/Replay.ts"
export * as Rules from "./script/Rules.ts"
export * as Script from "./script/Script.ts"
export * as Statistics from "./Statistics.ts"
