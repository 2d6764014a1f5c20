/** A provider of batch jobs in memory: what it was asked, and jobs whose states a test sets. */
import type * as Batch from "@strata/core/batch/Batch"
import * as BatchService from "@strata/core/batch/BatchService"
import * as ProviderError from "@strata/core/ProviderError"
import * as Usage from "@strata/core/Usage"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export const limits: Batch.Limits = {
  minRecords: 2,
  maxRecords: 4,
  maxRecordBytes: 100,
  maxFileBytes: 200,
  maxJobBytes: 1_000,
  minTimeout: Duration.hours(24),
  maxTimeout: Duration.hours(168),
  timeout: Duration.hours(24),
  maxOpenJobs: 20
}

export const job = (state: Batch.State, more: Partial<Batch.Job> = {}): Batch.Job => ({
  id: "job-1",
  name: "reviews",
  model: "probe-1",
  kind: "embedding",
  state,
  counts: {},
  submittedAt: 0,
  ...more
})

export const throttled = new ProviderError.RateLimitError({ provider: "probe", message: "too many requests" })

/**
 * - `states`: what each question for a status gives, the last for ever.
 * - `results`: of the job.
 */
export interface Options extends Partial<Omit<Batch.Provider, "results">> {
  readonly states?: ReadonlyArray<Batch.Job | ProviderError.CallError>
  readonly results?: ReadonlyArray<Batch.BatchResult>
}

/** The service of a provider that records what it gets. */
export const make = Effect.fnUntraced(
  function*({ results = [], states = [job("completed")], ...options }: Options = {}) {
    const encoded: Array<Batch.ResolvedRecord> = []
    const submitted: Array<Batch.ResolvedSubmission<unknown, unknown>> = []
    const uploaded: Array<string> = []
    const asked: Array<Batch.ResolvedResultOptions> = []
    let polls = 0
    const service = yield* BatchService.make({
      provider: "probe",
      defaultModel: "probe-1",
      limits: () => limits,
      embeddingLimits: () => Effect.succeed({ maxItems: 1, maxLength: 50 }),
      encode: (record) =>
        Effect.sync(() => {
          encoded.push(record)
          const input = record.kind === "chat" ? record.request.messages : record.batch.inputs
          return bytes(JSON.stringify({ id: record.recordId, input }))
        }),
      preflight: () => Effect.succeed([]),
      submit: (submission) =>
        Effect.map(Stream.runCollect(submission.lines), (lines) => {
          submitted.push(submission)
          uploaded.push(...lines.map((line) => new TextDecoder().decode(line)))
          return { outcome: "created", job: job("submitted", { name: submission.name, kind: submission.kind }) }
        }),
      status: () =>
        Effect.suspend(() => {
          const state = states[Math.min(polls++, states.length - 1)]!
          return ProviderError.isCallError(state) ? Effect.fail(state) : Effect.succeed(state)
        }),
      find: (name) => Effect.succeed(name === "reviews" ? job("running") : undefined),
      stop: () => Effect.succeed(job("stopping")),
      results: (_, options) =>
        Stream.suspend(() => {
          asked.push(options)
          return Stream.fromIterable(results)
        }),
      totals: () => Effect.succeed({ counts: { total: 3 }, usage: Usage.make({ inputTokens: 1_000_000 }) }),
      ...options
    })
    return { asked, encoded, submitted, uploaded, service, polls: () => polls }
  }
)

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
