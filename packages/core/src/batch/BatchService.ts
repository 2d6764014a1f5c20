/**
 * Batch inference as a service: jobs of many records, answered within hours, at a lower price than single calls.
 *
 * `Batch` has the interface, with what each function fails with. A job that a program waits for is written in one effect;
 * one that outlives its process is found again by its name.
 *
 * @example
 * Effect.gen(function*() {
 *   const lines = Stream.map(Stream.mapEffect(records, BatchService.prepare), ({ line }) => line)
 *   const { job } = yield* BatchService.submit({ name: "reviews-2026-01", kind: "embedding", lines })
 *   yield* BatchService.wait(job.id)
 *   yield* Stream.runForEach(BatchService.results(job.id), save)
 * })
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as ProviderError from "../ProviderError.ts"
import type * as Batch from "./Batch.ts"

export type { Provider, SubmitError } from "./Batch.ts"
export { make } from "./internal/service.ts"

/** The tag of the batch service. */
export class BatchService extends Context.Service<BatchService, Batch.Batch>()("@strata/core/batch/BatchService") {}

/** The limits of a job for a model, that of the layer when missing. */
export const limits = (model?: string): Effect.Effect<Batch.Limits, never, BatchService> =>
  BatchService.useSync((service) => service.limits(model))

/** Encodes a record as a single call would be. */
export const prepare = (
  record: Batch.BatchRecord
): Effect.Effect<Batch.Prepared, ProviderError.CallError, BatchService> =>
  BatchService.use((service) => service.prepare(record))

/** What would make jobs fail, all at once; empty when nothing is known. */
export const preflight = (
  model?: string
): Effect.Effect<ReadonlyArray<Batch.Obstacle>, ProviderError.CallError, BatchService> =>
  BatchService.use((service) => service.preflight(model))

/**
 * Uploads the lines of records and creates their job, or adopts the job that has the name.
 *
 * @example
 * const lines = Stream.mapEffect(
 *   Stream.fromIterable(questions),
 *   (chat, index) => Effect.map(BatchService.prepare({ recordId: `R${index}`, chat }), ({ line }) => line)
 * )
 * const { job } = yield* BatchService.submit({ name: "questions", kind: "chat", lines })
 */
export const submit = <E = never, R = never>(
  submission: Batch.Submission<E, R>
): Effect.Effect<Batch.Submitted, E | Batch.SubmitError, R | BatchService> =>
  BatchService.use((service) => service.submit(submission))

/** A job by its id. */
export const status = (id: string): Effect.Effect<Batch.Job, ProviderError.CallError, BatchService> =>
  BatchService.use((service) => service.status(id))

/** The newest job of this very name, if any. */
export const find = (name: string): Effect.Effect<Batch.Job | undefined, ProviderError.CallError, BatchService> =>
  BatchService.use((service) => service.find(name))

/** Asks the provider to stop a job, and gives it as it is then. {@link wait} for its end. */
export const stop = (id: string): Effect.Effect<Batch.Job, ProviderError.CallError, BatchService> =>
  BatchService.use((service) => service.stop(id))

/** A job now, and after each change, until it is over. */
export const watch = (
  id: string,
  options?: Batch.WatchOptions
): Stream.Stream<Batch.Job, ProviderError.CallError, BatchService> =>
  Stream.unwrap(BatchService.useSync((service) => service.watch(id, options)))

/** The job when it is over; as it is, where `polling` ends before. */
export const wait = (
  id: string,
  options?: Batch.WatchOptions
): Effect.Effect<Batch.Job, ProviderError.CallError, BatchService> =>
  Effect.flatMap(
    Stream.runLast(watch(id, options)),
    Option.match({ onNone: () => status(id), onSome: Effect.succeed })
  )

/**
 * The results of a job that is over, in any order: `recordId` says whose they are.
 *
 * @example
 * yield* BatchService.wait(job.id)
 * const results = yield* Stream.runCollect(BatchService.results(job.id))
 */
export const results = (
  id: string,
  options?: Batch.ResultOptions
): Stream.Stream<Batch.BatchResult, ProviderError.CallError, BatchService> =>
  Stream.unwrap(BatchService.useSync((service) => service.results(id, options)))

/** What a job that is over did as a whole: its records, and its tokens where the provider sums them up. */
export const totals = (
  id: string,
  options?: Pick<Batch.ResultOptions, "model">
): Effect.Effect<Batch.Totals, ProviderError.CallError, BatchService> =>
  BatchService.use((service) => service.totals(id, options))
