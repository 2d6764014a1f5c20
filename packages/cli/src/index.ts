/**
 * The command `strata`, for programs that run it in their own process.
 */
export * as Run from "./process/Run.ts"
export * as Shutdown from "./process/Shutdown.ts"
export * as Streams from "./process/Streams.ts"
