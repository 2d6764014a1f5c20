/**
 * The command `strata`, for programs that run it in their own process.
 */
export * as CommandError from "./process/CommandError.ts"
export * as Shutdown from "./process/Shutdown.ts"
export * as Streams from "./process/Streams.ts"
export * as Provider from "./provider/Provider.ts"
export * as Strata from "./Strata.ts"
