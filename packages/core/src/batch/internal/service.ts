/** The service of a provider: validation, waiting, and the cost of results. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Check from "../../Check.ts"
import type * as Cost from "../../Cost.ts"
import type * as Embedding from "../../embedding/Embedding.ts"
import * as Validation from "../../embedding/internal/validation.ts"
import * as Trait from "../../internal/trait.ts"
import * as Pricing from "../../policy/Pricing.ts"
import * as ProviderError from "../../ProviderError.ts"
import * as Usage from "../../Usage.ts"
import * as Batch from "../Batch.ts"
import * as Polling from "./polling.ts"
import * as Records from "./records.ts"
import * as Submission from "./submission.ts"

/**
 * Builds the service of a provider. Its `Pricing` is the one in force here; a record has the price of the time at which its
 * job was submitted, so that results cost the same whenever they are read.
 */
export const make = Effect.fnUntraced(function*(
  provider: Batch.Provider
): Effect.fn.Return<Batch.Batch, ProviderError.InvalidRequestError> {
  yield* Check.run(providerShape, provider, { provider: "strata", field: "provider" })
  const priceOf = Pricing.lookup(yield* Pricing.Prices)
  const named = <A, R>(
    given: unknown,
    field: string,
    use: (text: string) => Effect.Effect<A, ProviderError.CallError, R>
  ) => Effect.flatMap(Check.run(Check.filled, given, { provider: provider.provider, field }), use)
  const status: Batch.Batch["status"] = (id) => named(id, "id", (id) => Effect.suspend(() => provider.status(id)))
  const poll: Batch.Batch["status"] = (id) =>
    named(id, "id", (id) => Effect.suspend(() => (provider.poll ?? provider.status)(id)))
  /** A job that is over, and what its tokens cost at the price of a model when it was submitted. */
  const over = Effect.fnUntraced(function*(id: string, named: string | undefined) {
    const job = yield* status(id)
    if (!Batch.isFinished(job)) {
      return yield* ProviderError.invalidRequest({
        provider: provider.provider,
        model: job.model,
        field: "id",
        problem: `the job "${job.name}" is not over, but ${job.state}`,
        remedy: "Wait for it with `BatchService.wait`, or stop it"
      })
    }
    const model = named ?? job.model
    const price = priceOf(model, provider.provider)(job.submittedAt)
    return { job, model, costOf: costing(price && Pricing.inBatch(price)) }
  })
  const spanned = (name: string) =>
    Effect.withSpan(`BatchService.${name}`, { kind: "client" }, { captureStackTrace: false })

  return {
    ...Trait.dataOf(provider),
    limits: (model) => provider.limits(typeof model === "string" ? model : provider.defaultModel ?? ""),
    prepare: Effect.fnUntraced(function*(given) {
      const record = yield* Records.resolve(provider, given)
      const { kind, recordId } = record
      const { model } = record.kind === "chat" ? record.request : record.batch.options
      const line = yield* provider.encode(record)
      const { maxRecordBytes } = provider.limits(model)
      if (line.length > maxRecordBytes) {
        return yield* ProviderError.invalidRequest({
          provider: provider.provider,
          model,
          field: "record",
          problem: `its line has ${line.length} bytes, and the model takes at most ${maxRecordBytes} of a record`,
          remedy: "Shorten it, or send it as a single call"
        })
      }
      return { recordId, model, kind, line }
    }),
    preflight: (model) =>
      Effect.flatMap(
        Check.run(Check.optional(Check.filled), model, { provider: provider.provider, field: "model" }),
        (model) => provider.preflight(model ?? provider.defaultModel)
      ).pipe(spanned("preflight")),
    submit: (given) =>
      Effect.flatMap(Submission.resolve(provider, given), (submission) => provider.submit(submission)).pipe(
        spanned("submit")
      ),
    status: (id) => spanned("status")(status(id)),
    find: (name) => spanned("find")(named(name, "name", (name) => provider.find(name))),
    stop: (id) => spanned("stop")(named(id, "id", (id) => provider.stop(id))),
    watch: (id, given) =>
      Stream.unwrap(
        Effect.map(
          Check.run(watchOptions, given ?? {}, { provider: provider.provider, whole: "options" }),
          ({ polling = Polling.standard }) => Polling.watch(poll(id), polling)
        )
      ),
    results: (id, given) =>
      Stream.unwrap(Effect.gen(function*() {
        const options = yield* Check.run(resultOptions, given ?? {}, { provider: provider.provider, whole: "options" })
        const { costOf, job, model } = yield* over(id, options.model)
        const embedding = yield* Validation.resolve(provider, { ...options.embedding, model })
        return Stream.map(
          provider.results(job, { model, embedding: embedding.options }),
          (result) => priced(provider.provider, costOf, result)
        )
      })),
    totals: (id, given) =>
      Effect.gen(function*() {
        const options = yield* Check.run(resultOptions, given ?? {}, { provider: provider.provider, whole: "options" })
        const { costOf, job } = yield* over(id, options.model)
        const { counts, usage } = yield* provider.totals(job)
        return usage === undefined ? { counts } : { counts, usage, ...known(costOf(usage)) }
      }).pipe(spanned("totals"))
  }
})

type CostOf = (usage: Usage.Usage) => Cost.Cost | undefined

const costing = (price: Pricing.PriceInForce | undefined): CostOf => (usage) =>
  price === undefined ? undefined : Pricing.cost(usage, price)

/** Adds usage and cost to a result and to its answer. */
const priced = (provider: string, costOf: CostOf, given: Batch.BatchResult): Batch.BatchResult => {
  const { recordId } = given
  if (given.kind === "chat") {
    if (Result.isFailure(given.result)) return given
    const { usage } = given.result.success
    const cost = known(costOf(usage))
    const response = { ...given.result.success, provider, ...cost }
    return { kind: "chat", recordId, result: Result.succeed(response), usage, ...cost }
  }
  if (Result.isFailure(given.result) || given.result.success.inputTokens === undefined) return given
  const usage = Usage.make({ inputTokens: given.result.success.inputTokens })
  const cost = known(costOf(usage))
  return { kind: "embedding", recordId, result: Result.succeed({ ...given.result.success, ...cost }), usage, ...cost }
}

const known = (cost: Cost.Cost | undefined): { readonly cost?: Cost.Cost } => cost === undefined ? {} : { cost }

const watchOptions = Check.struct<Batch.WatchOptions>({
  // The types of a schedule cannot be checked.
  polling: Check.optional(
    Check.instance(Schedule.isSchedule, "Give a `Schedule`") as Check.Check<NonNullable<Batch.WatchOptions["polling"]>>
  )
})

const resultOptions = Check.struct<Batch.ResultOptions>({
  model: Check.optional(Check.filled),
  embedding: Check.optional<Embedding.EmbeddingOptions>(Validation.options)
})

const providerShape = Check.struct<Omit<Batch.Provider, "identity">>({
  provider: Check.filled,
  defaultModel: Check.optional(Check.text),
  limits: Check.callback(),
  embeddingLimits: Check.callback(),
  encode: Check.callback(),
  preflight: Check.callback(),
  submit: Check.callback(),
  status: Check.callback(),
  poll: Check.optional(Check.callback()),
  find: Check.callback(),
  stop: Check.callback(),
  results: Check.callback(),
  totals: Check.callback()
}, { others: "ignored" })
