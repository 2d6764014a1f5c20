/**
 * Bedrock Runtime on 127.0.0.1: the real wire format, answered by any Strata service.
 */
export * as Emulator from "./Emulator.ts"
export * as Fault from "./Fault.ts"
export * as Guardrail from "./Guardrail.ts"
export * as Model from "./Model.ts"
export * as Quota from "./Quota.ts"
export * as Statistics from "./Statistics.ts"
