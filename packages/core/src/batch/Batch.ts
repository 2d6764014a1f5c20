/**
 * Batch inference as a value: many records in one job, answered within hours, at a lower price. `BatchService` is its tag.
 *
 * A record is encoded as a single call would be, a job is made of the encoded lines, and its results come in any order:
 * only the id of a record says what a result belongs to. Nothing here keeps state: jobs are at the provider, under names
 * that the program chooses, so any process can go on with them.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import type * as Stream from "effect/Stream"
import type * as ChatRequest from "../chat/ChatRequest.ts"
import type * as ChatResponse from "../chat/ChatResponse.ts"
import type * as Cost from "../Cost.ts"
import type * as Embedding from "../embedding/Embedding.ts"
import * as Total from "../internal/total.ts"
import type * as Trait from "../internal/trait.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as Usage from "../Usage.ts"

/** What the records of a job are; a job has records of one kind, for one model. */
export type Kind = "chat" | "embedding"

/**
 * A chat request as a record.
 *
 * `recordId`: 1 to 64 letters and digits, unique in its job. Bedrock's own ids have 11.
 */
export interface ChatRecord {
  readonly recordId: string
  readonly chat: ChatRequest.Input
}

/** An input to embed as a record; `recordId` as in {@link ChatRecord}. */
export interface EmbeddingRecord {
  readonly recordId: string
  readonly embedding: Embedding.Input
  readonly options?: Embedding.EmbeddingOptions | undefined
}

/** One record of a job. */
export type BatchRecord = ChatRecord | EmbeddingRecord

/** A record as it is uploaded; `line`: JSON in UTF-8, without a line break. */
export interface Prepared {
  readonly recordId: string
  readonly model: string
  readonly kind: Kind
  readonly line: Uint8Array
}

/**
 * The limits of a job for one model. Providers change them, and differ by model and region: layers take other figures.
 *
 * - `minRecords`, `maxRecords`: in a job. `maxRecordBytes`: in the line of one.
 * - `maxFileBytes`, `maxJobBytes`: in one file, and in all files of a job; {@link Batch.submit} uploads one file, with a line
 *   break after each record.
 * - `minTimeout`, `maxTimeout`: the bounds of `timeout`; `timeout`: the one in force when a submission names none.
 * - `maxOpenJobs`: jobs that are not finished, of one model, in the account and region.
 */
export interface Limits {
  readonly minRecords: number
  readonly maxRecords: number
  readonly maxRecordBytes: number
  readonly maxFileBytes: number
  readonly maxJobBytes: number
  readonly minTimeout: Duration.Duration
  readonly maxTimeout: Duration.Duration
  readonly timeout: Duration.Duration
  readonly maxOpenJobs: number
}

/**
 * A job to create.
 *
 * - `name`: unique, by which the job is found again. On Bedrock 1 to 63 letters, digits and `-+.`, of which a letter or
 *   digit is first.
 * - `token`: the provider creates one job for it, however often it is sent; the name when missing.
 * - `model`: that of the layer when missing.
 * - `lines`: those of {@link Prepared}, of this kind and model.
 * - `timeout`: after which the provider stops the job; within {@link Limits}.
 */
export interface Submission<E = never, R = never> {
  readonly name: string
  readonly token?: string | undefined
  readonly model?: string | undefined
  readonly kind: Kind
  readonly lines: Stream.Stream<Uint8Array, E, R>
  readonly timeout?: Duration.Input | undefined
}

/** The job of a submission; `existing` when there was one of this name, or the provider knew its token. */
export interface Submitted {
  readonly outcome: "created" | "existing"
  readonly job: Job
}

/**
 * Where a job is.
 *
 * - `submitted`, `validating`, `scheduled`: it waits; `running`, `stopping`: it works, or is about to end.
 * - `completed`: it is over, which says nothing about its records: all of them may have failed.
 * - `partially-completed`, `expired`: its time was over before all records were answered.
 * - `failed`, `stopped`: by the provider, and by request. Records that were answered before are billed, and readable.
 */
export type State =
  | "submitted"
  | "validating"
  | "scheduled"
  | "running"
  | "stopping"
  | "completed"
  | "partially-completed"
  | "expired"
  | "failed"
  | "stopped"

/** Records of a job, each where the provider counts them. */
export interface Counts {
  readonly total?: number | undefined
  readonly processed?: number | undefined
  readonly succeeded?: number | undefined
  readonly failed?: number | undefined
}

/**
 * A job, as the provider describes it.
 *
 * - `id`: the provider's own. `model`: as requests name it.
 * - `failure`: why a `failed` job failed. A `QueueFullError` says that it was never started, because too many jobs wait:
 *   submit its records again, under another name, when one of them is over.
 * - `submittedAt`, `endedAt`, `expiresAt`: milliseconds since 1970. Its timeout stops the job at `expiresAt`.
 */
export interface Job {
  readonly id: string
  readonly name: string
  readonly model: string
  readonly kind: Kind
  readonly state: State
  readonly failure?: SubmitError | undefined
  readonly counts: Counts
  readonly submittedAt: number
  readonly endedAt?: number | undefined
  readonly expiresAt?: number | undefined
}

const finished: ReadonlySet<State> = new Set<State>([
  "completed",
  "partially-completed",
  "expired",
  "failed",
  "stopped"
])

/** Whether a job is over: its state no longer changes, and its results can be read. */
export const isFinished: (job: Job) => boolean = Total.make(({ state }) => finished.has(state), () => false)

/**
 * What every result has.
 *
 * - `recordId`: as the provider wrote it, be it unknown or a second time; missing where the line cannot be read.
 * - `usage`, `cost`: of this record, where the provider counts its tokens, and `Pricing` has a batch price of the model.
 */
interface Outcome<Answer> {
  readonly recordId: string | undefined
  readonly result: Result.Result<Answer, ProviderError.CallError>
  readonly usage?: Usage.Usage | undefined
  readonly cost?: Cost.Cost | undefined
}

/** The answer to a chat record, or the error of a single call. */
export interface ChatResult extends Outcome<ChatResponse.ChatResponse> {
  readonly kind: "chat"
}

/** The vector of an embedding record, or the error of a single call. */
export interface EmbeddingResult extends Outcome<Embedding.Embedding> {
  readonly kind: "embedding"
}

/** The result of one record. Transient errors (`ProviderError.isTransient`) are those of a throttled or broken service. */
export type BatchResult = ChatResult | EmbeddingResult

/** Why a record failed, whatever its kind; `undefined` when it did not. */
export const failureOf: (result: BatchResult) => ProviderError.CallError | undefined = Total.make(
  ({ result }) => result._tag === "Failure" ? result.failure : undefined,
  () => undefined
)

/**
 * How to read results.
 *
 * - `model`: as its answers name it, and for their price; the job's when missing.
 * - `embedding`: the options of the embedding records, where they had some: a job does not keep them.
 */
export interface ResultOptions {
  readonly model?: string | undefined
  readonly embedding?: Embedding.EmbeddingOptions | undefined
}

/**
 * What a job did as a whole, where the provider sums it up; `usage` and `cost` also where it counts no tokens of a record.
 * The cost is that of its tokens at the batch price, caches not told apart.
 */
export interface Totals {
  readonly counts: Counts
  readonly usage?: Usage.Usage | undefined
  readonly cost?: Cost.Cost | undefined
}

/**
 * How to wait for a job.
 *
 * `polling`: when to ask next, fed with the job as far as it is known, as long as the schedule goes on. By default after 30 seconds, growing to 5 minutes,
 * with jitter, until the job is over.
 */
export interface WatchOptions {
  readonly polling?: Schedule.Schedule<unknown, Job | undefined> | undefined
}

/**
 * Something that would make jobs fail.
 *
 * - `action`, `resource`: what was tried, on what; `principal`: as whom, where it is known.
 * - `problem`, `remedy`: sentences; `statement`: the policy statement to add, as JSON.
 */
export interface Obstacle {
  readonly action: string
  readonly resource: string
  readonly principal?: string | undefined
  readonly problem: string
  readonly remedy: string
  readonly statement?: string | undefined
}

/** What a submission fails with, besides the failures of its lines. */
export type SubmitError = ProviderError.SubmitError

/**
 * Batch inference.
 *
 * - `limits`: of a job for a model, that of the layer when missing.
 * - `prepare`: encodes a record. Fails as the single call would before it is sent, with `UnsupportedFeatureError` for what a
 *   batch lacks, and with `InvalidRequestError` for a line longer than the limit.
 * - `preflight`: what would make jobs fail, all at once, as far as it can be found out without a job; empty when nothing is
 *   known. To be asked before the first upload.
 * - `submit`: uploads the lines, and creates the job. Fails with `InvalidRequestError` for lines beyond the limits, fewer than
 *   `minRecords` included: then, and after any other failure or interruption, nothing is left of the upload. Where a job of
 *   this name exists it is that of the submission, and nothing is uploaded, so a submission can be repeated until it succeeds.
 *   `QueueFullError` when the provider takes no further job for now: wait until one is over.
 * - `status`: a job by its id. `find`: the newest job of this very name.
 * - `stop`: asks the provider to stop a job, and gives the job as it is then: `stopping` until it is over. One that is over
 *   is given as it is.
 * - `watch`: the job now, and after each change; ends when it is over. Transient failures of polls are ignored.
 * - `results`: of a job that is over, whatever its state, in the provider's order; `InvalidRequestError` before that. Fails at
 *   the end when there are fewer than the provider counted; the results before that are valid.
 * - `totals`: of a job that is over, without reading its results.
 *
 * An `AuthenticationError`, of expired credentials too, says nothing about a job: sign in and go on.
 */
export interface Batch extends Trait.Trait {
  readonly limits: (model?: string) => Limits
  readonly prepare: (record: BatchRecord) => Effect.Effect<Prepared, ProviderError.CallError>
  readonly preflight: (model?: string) => Effect.Effect<ReadonlyArray<Obstacle>, ProviderError.CallError>
  readonly submit: <E = never, R = never>(
    submission: Submission<E, R>
  ) => Effect.Effect<Submitted, E | SubmitError, R>
  readonly status: (id: string) => Effect.Effect<Job, ProviderError.CallError>
  readonly find: (name: string) => Effect.Effect<Job | undefined, ProviderError.CallError>
  readonly stop: (id: string) => Effect.Effect<Job, ProviderError.CallError>
  readonly watch: (id: string, options?: WatchOptions) => Stream.Stream<Job, ProviderError.CallError>
  readonly results: (id: string, options?: ResultOptions) => Stream.Stream<BatchResult, ProviderError.CallError>
  readonly totals: (
    id: string,
    options?: Pick<ResultOptions, "model">
  ) => Effect.Effect<Totals, ProviderError.CallError>
}

/** A chat record with its model and messages, validated. */
export interface ResolvedChat {
  readonly kind: "chat"
  readonly recordId: string
  readonly request: ChatRequest.Resolved
}

/** An embedding record as the one input of a request, validated, its text cut as its options say. */
export interface ResolvedEmbedding {
  readonly kind: "embedding"
  readonly recordId: string
  readonly batch: Embedding.ProviderBatch
}

/** A record as a provider gets it. */
export type ResolvedRecord = ResolvedChat | ResolvedEmbedding

/** A submission as a provider gets it: its lines are within the limits, or fail. */
export interface ResolvedSubmission<E, R> extends Submission<E, R> {
  readonly token: string
  readonly model: string
  readonly timeout: Duration.Duration
}

/** {@link ResultOptions} as a provider gets them, with defaults. */
export interface ResolvedResultOptions {
  readonly model: string
  readonly embedding: Embedding.ResolvedOptions
}

/**
 * What `BatchService.make` needs of a provider; `provider`, `defaultModel`, `identity` as in `Chat.Provider`.
 *
 * - `limits`: of a job, `embeddingLimits`: of one request to embed, both without network.
 * - `encode`: the line of a record.
 * - `submit`, `status`, `find`, `stop`, `preflight`: as in {@link Batch}.
 * - `poll`: one attempt at `status`, where that makes several: what waits asks again anyway.
 * - `results`, `totals`: of a job that is over; their cost is added.
 */
export interface Provider {
  readonly provider: string
  readonly defaultModel?: string | undefined
  readonly identity?: Trait.Trait["identity"]
  readonly limits: (model: string) => Limits
  readonly embeddingLimits: (
    options: Embedding.ResolvedOptions
  ) => Effect.Effect<Embedding.Limits, ProviderError.CallError>
  readonly encode: (record: ResolvedRecord) => Effect.Effect<Uint8Array, ProviderError.CallError>
  readonly preflight: (model: string | undefined) => Effect.Effect<ReadonlyArray<Obstacle>, ProviderError.CallError>
  readonly submit: <E, R>(submission: ResolvedSubmission<E, R>) => Effect.Effect<Submitted, E | SubmitError, R>
  readonly status: (id: string) => Effect.Effect<Job, ProviderError.CallError>
  readonly poll?: ((id: string) => Effect.Effect<Job, ProviderError.CallError>) | undefined
  readonly find: (name: string) => Effect.Effect<Job | undefined, ProviderError.CallError>
  readonly stop: (id: string) => Effect.Effect<Job, ProviderError.CallError>
  readonly results: (job: Job, options: ResolvedResultOptions) => Stream.Stream<BatchResult, ProviderError.CallError>
  readonly totals: (job: Job) => Effect.Effect<Totals, ProviderError.CallError>
}
