/**
 * Bedrock Runtime on 127.0.0.1: the real wire format, answered by any Strata service.
 */
export * as Emulator from "./Emulator.ts"
export * as Fault from "./Fault.ts"
export * as Guardrail from "./Guardrail.ts"
export * as JsonFile from "./JsonFile.ts"
export * as Model from "./Model.ts"
export * as Quota from "./Quota.ts"
export * as Recorder from "./record/Recorder.ts"
export * as Recording from "./record/Recording.ts"
export * as Redaction from "./record/Redaction.ts"
export * as Replay from "./record/Replay.ts"
export * as Rules from "./Rules.ts"
export * as Script from "./Script.ts"
export * as Statistics from "./Statistics.ts"
export * as SelfSigned from "./tls/SelfSigned.ts"
