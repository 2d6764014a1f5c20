/**
 * Durable bulk work on models.
 *
 * Built on `effect/persistence` and `effect/sql`, which Effect marks as unstable: a minor release of Effect may change this
 * package.
 */
export * as Job from "./Job.ts"
export * as JobError from "./JobError.ts"
export * as JobStore from "./JobStore.ts"
export * as Sink from "./Sink.ts"
export * as Work from "./Work.ts"
