/**
 * Events of usage: one for each attempt that is billed, and one for each answer of a cache, to charge for or to report.
 *
 * They are billed as budgets count: an answer with its usage; an attempt that failed or was interrupted without usage with
 * its estimate, its prompt and what arrived of the answer; what was refused not at all.
 */
import * as Arr from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Check from "../Check.ts"
import * as Cost from "../Cost.ts"
import { defined } from "../internal/defined.ts"
import type * as ProviderError from "../ProviderError.ts"
import type * as RequestMetadata from "../RequestMetadata.ts"
import * as Usage from "../Usage.ts"
import * as Lane from "./internal/lane.ts"
import * as Notices from "./internal/usage/notices.ts"
import * as Sink from "./internal/usage/sink.ts"
import * as Key from "./Key.ts"

/**
 * What one attempt used, or what a cache answered.
 *
 * - `at`: when it ended, in milliseconds since 1970.
 * - `operation`, `provider`, `model`, `scope`: of the call; `model` is the one that answered, where that is known. `scope`
 *   is a region or endpoint.
 * - `lane`: of the pool that the call took; missing outside of pools.
 * - `key`: by the `key` of the layer; missing without one, or where it cannot be told.
 * - `metadata`: the request metadata of the call. Of an answer of a cache, those of the fiber.
 * - `usage`: its tokens; of an answer of a chat cache those of the original.
 * - `cost`: where the price is known; 0 for an answer of a cache.
 * - `cached`: whether a cache answered, or an equal call in progress. Of embeddings there is one such event for each call
 *   of which some inputs were cached, for each group of values in a stream.
 * - `requestId`: of the provider.
 * - `estimated`: the provider did not count: `usage` is the prompt and what arrived of the answer.
 */
export class UsageEvent extends Schema.Opaque<UsageEvent>()(Schema.Struct({
  at: Schema.Finite,
  operation: Schema.Literals(["chat", "embeddings", "rerank"]),
  provider: Schema.String,
  model: Schema.String,
  scope: Schema.optional(Schema.String),
  lane: Schema.optional(Schema.String),
  key: Schema.optional(Schema.String),
  metadata: Schema.Record(Schema.String, Schema.String),
  usage: Usage.Usage,
  cost: Schema.optional(Cost.Cost),
  cached: Schema.Boolean,
  requestId: Schema.optional(Schema.String),
  estimated: Schema.Boolean
})) {}

/**
 * The events of services.
 *
 * - `stream`: those from when it is run until the layer is closed, through a buffer of its own.
 * - `subscribe`: the same as a queue, from now on. It ends with the scope; what is in it by then can still be taken.
 *
 * Publishing never waits and never fails a call. Where a subscriber is too slow, the oldest events of its full buffer are
 * dropped: counted by {@link dropped}, and logged as a warning once a minute at most.
 */
export class UsageEvents extends Context.Service<UsageEvents, {
  readonly stream: Stream.Stream<UsageEvent>
  readonly subscribe: Effect.Effect<Queue.Dequeue<UsageEvent, Cause.Done>, never, Scope.Scope>
}>()("@strata/core/policy/UsageEvents") {}

/** Events that a subscriber did not get, by `strata.usage.reason`: its `buffer` was full, or its `writer` failed. */
export const dropped = Metric.counter("strata.client.usage.dropped", {
  description: "Events of usage that were lost",
  incremental: true
})

/**
 * How events are kept until their subscribers take them.
 *
 * - `capacity`: of the buffer of each subscriber, in events; 10,000 by default.
 * - `key`: the key of a call, such as its tenant. Where it throws or returns another value, the event has none, and a
 *   warning is logged, once a minute at most.
 */
export interface Options {
  readonly capacity?: number | undefined
  readonly key?: Key.Key | undefined
}

/**
 * Events of usage. Provide it to the program, around services or not: a service reads it at each call from the fiber
 * that calls, and where that has none, uses what it was built with. While nobody subscribes, it costs nothing. Fails
 * with `InvalidRequestError` for invalid options.
 *
 * @example
 * const program = Effect.gen(function*() {
 *   const { stream } = yield* UsageEvents.UsageEvents
 *   yield* Effect.forkScoped(Stream.runForEach(stream, ({ cost, key }) => Effect.log(`${key}: $${cost?.total}`)))
 *   yield* ChatService.text("What is a stratum?")
 * })
 *
 * program.pipe(Effect.provide([chat, UsageEvents.layer({ key: Key.metadata("tenant") })]))
 */
export const layer = (options: Options = {}): Layer.Layer<UsageEvents, ProviderError.InvalidRequestError> =>
  Layer.effectContext(Effect.gen(function*() {
    const { capacity = 10_000, key } = yield* Check.run(settings, options, { provider: "strata", field: "options" })
    const queues = new Set<Queue.Queue<UsageEvent, Cause.Done>>()
    const drops = Notices.make((count) => `${count} events of usage were dropped: a subscriber is too slow`)
    const unknown = Notices.make((count) => `${count} events of usage have no key or metadata: they cannot be told`)
    yield* Effect.addFinalizer(() => {
      for (const queue of queues) Queue.endUnsafe(queue)
      return Effect.andThen(drops.flush, unknown.flush)
    })

    const subscribe = Effect.acquireRelease(
      Effect.tap(
        Queue.make<UsageEvent, Cause.Done>({ capacity, strategy: "sliding" }),
        (queue) => Effect.sync(() => queues.add(queue))
      ),
      (queue) =>
        Effect.sync(() => {
          queues.delete(queue)
          Queue.endUnsafe(queue)
        })
    )

    const publish = Effect.fnUntraced(function*(report: Sink.Report) {
      const { event, isWhole } = yield* eventOf(report, key)
      let lost = 0
      for (const queue of queues) {
        if (Queue.sizeUnsafe(queue) >= capacity) lost++
        Queue.offerUnsafe(queue, event)
      }
      if (lost > 0) yield* Effect.andThen(countDropped("buffer", lost), drops.add(lost))
      if (!isWhole) yield* unknown.add(1)
    })

    const stream = Stream.unwrap(Effect.map(subscribe, Stream.fromQueue))
    const sink: Sink.Sink = { isHeard: () => queues.size > 0, publish }
    return Context.make(UsageEvents, { stream, subscribe }).pipe(Context.add(Sink.Sink, sink))
  }))

/** How a batch of events is written, such as into a database. */
export type Write<E, R> = (events: Arr.NonEmptyReadonlyArray<UsageEvent>) => Effect.Effect<void, E, R>

/**
 * How events are gathered before they are written.
 *
 * - `batch`: the most events in one call of `write`; 100 by default.
 * - `every`: how long the first of them waits for others; a second by default.
 * - `retry`: when to write a batch again that failed; four times within three seconds by default.
 */
export interface WriterOptions<E> {
  readonly batch?: number | undefined
  readonly every?: Duration.Input | undefined
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
}

/**
 * Writes events in batches, one after the other, from when the layer is built. When it is closed it waits for the
 * batch being written, and writes what is left. A batch that fails after its retries is lost: a warning says how many
 * events, and {@link dropped} counts them. Fails with `InvalidRequestError` for invalid options.
 *
 * @example
 * // into a table, with `effect/sql`
 * const ToTable = UsageEvents.layerWriter((events) =>
 *   Effect.flatMap(SqlClient.SqlClient, (sql) =>
 *     sql`INSERT INTO usage ${
 *       sql.insert(Arr.map(events, ({ at, cost, key, model, usage }) => ({
 *         at: new Date(at).toISOString(),
 *         tenant: key ?? null,
 *         model,
 *         tokens: usage.totalTokens,
 *         dollars: cost?.total ?? null
 *       })))
 *     }`.pipe(Effect.asVoid))
 * ).pipe(Layer.provideMerge(UsageEvents.layer({ key: Key.metadata("tenant") })))
 *
 * @example
 * // as log records over OTLP, where a layer of `effect/observability` such as `Otlp.layerJson` exports logs
 * const ToLogs = UsageEvents.layerWriter((events) =>
 *   Effect.forEach(events, ({ cost, key, model, usage }) =>
 *     Effect.logInfo("usage").pipe(
 *       Effect.annotateLogs({ key, model, tokens: usage.totalTokens, dollars: cost?.total })
 *     ), { discard: true })
 * ).pipe(Layer.provideMerge(UsageEvents.layer()))
 */
export const layerWriter = <E = never, R = never>(
  write: Write<E, R>,
  options: WriterOptions<E> = {}
): Layer.Layer<never, ProviderError.InvalidRequestError, UsageEvents | R> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const given = yield* Check.run(writing<E>(), { ...Check.fieldsOf(options), write }, {
      provider: "strata",
      field: "options"
    })
    const { batch = 100, every = Duration.seconds(1), retry = fewTimes } = given
    const { subscribe } = yield* UsageEvents
    const subscription = yield* Scope.make()
    const queue = yield* Scope.provide(subscribe, subscription)

    const writeAll = (events: Arr.NonEmptyReadonlyArray<UsageEvent>) =>
      Effect.suspend(() => write(events)).pipe(
        Effect.retry(retry),
        Effect.catchCause((cause) =>
          Effect.andThen(
            countDropped("writer", events.length),
            Effect.logWarning(`${events.length} events of usage are lost: they cannot be written`, cause)
          )
        )
      )
    const fiber = yield* Stream.fromQueue(queue).pipe(
      Stream.groupedWithin(batch, every),
      Stream.runForEach((events) => Arr.isReadonlyArrayNonEmpty(events) ? writeAll(events) : Effect.void),
      Effect.forkScoped
    )
    // Before the fiber is interrupted, as the last finalizer runs first.
    yield* Effect.addFinalizer((exit) => Effect.andThen(Scope.close(subscription, exit), Fiber.await(fiber)))
  }))

const fewTimes = Schedule.max([Schedule.exponential("200 millis"), Schedule.recurs(4)])

const countDropped = (reason: "buffer" | "writer", count: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(dropped, { "strata.usage.reason": reason }), count)

/** `isWhole`: whether its metadata and its key could be told. */
const eventOf = Effect.fnUntraced(function*(report: Sink.Report, keyOf: Key.Key | undefined) {
  const { target: { model: asked, operation, provider, scope }, model = asked, ...used } = report
  const told = yield* Effect.exit(used.metadata)
  const metadata = Result.try(() => told._tag === "Success" ? textsOf(told.value) : undefined)
  const pairs = Result.getOrElse(metadata, () => undefined)
  const key = keyOf === undefined || pairs === undefined
    ? Result.succeed(undefined)
    : yield* Effect.result(Key.of(keyOf, { operation, provider, model: asked, scope, metadata: pairs }, "key"))
  const known: Optional = defined<Optional>({
    scope,
    lane: yield* Lane.Lane,
    key: Result.getOrElse(key, () => undefined),
    cost: used.cost,
    requestId: used.requestId
  })
  const event: UsageEvent = {
    at: yield* Clock.currentTimeMillis,
    operation,
    provider,
    model,
    metadata: pairs ?? {},
    usage: used.usage,
    cached: used.cached,
    estimated: used.estimated,
    ...known
  }
  return { event, isWhole: pairs !== undefined && Result.isSuccess(key) }
})

type Optional = Pick<UsageEvent, "scope" | "lane" | "key" | "cost" | "requestId">

/** A plain copy of pairs, which may be any value. */
const textsOf = (metadata: RequestMetadata.Pairs): RequestMetadata.Pairs =>
  Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === "string"))

const size = (what: string) =>
  Check.number({ min: 1, max: 1_000_000, whole: true, remedy: `Use a number of ${what} from 1` })

const settings = Check.partial<Options>({ capacity: size("events"), key: Key.check })

const writing = <E>() =>
  Check.struct<{
    readonly write: Write<E, unknown>
    readonly batch?: number | undefined
    readonly every?: Duration.Duration | undefined
    readonly retry?: Schedule.Schedule<unknown, E> | undefined
  }>({
    write: Check.callback("Give a function from events to an effect"),
    batch: Check.optional(size("events")),
    every: Check.optional(Check.duration()),
    retry: Check.optional(Check.instance(
      // Its input cannot be checked.
      (given): given is Schedule.Schedule<unknown, E> => Schedule.isSchedule(given),
      "Give a schedule"
    ))
  })
