/**
 * Six hundred reviews into values of a schema, as fast as a quota allows: nothing is refused, and a review whose answer does
 * not fit is a value among the others.
 *
 * All of it is in memory: when the program stops, it begins anew. A job keeps what is done: see `job-classify.ts`.
 *
 * Offline, a script plays the model, and the emulator has a quota of 120,000 tokens a second. The script takes customers at
 * their word who give eleven stars, so some answers do not fit the schema.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { ChatService, Concurrency, Policy, Quota } from "@strata/core"
import { Array, Console, Effect, Stream } from "effect"
import * as Progress from "./src/Progress.ts"
import * as Provider from "./src/Provider.ts"
import * as Reviews from "./src/Reviews.ts"

const tokens = 120_000

const policy = Policy.make({
  // With Bedrock: Quota.make({ tokensPerMinute: 400_000 }), the figure of the Service Quotas console.
  quota: Quota.make({ windows: [{ tokens, per: "1 second" }] }),
  concurrency: Concurrency.adaptive({ max: 64 })
})

const classify = (review: typeof Reviews.Review.Type) =>
  ChatService.object(Reviews.Opinion, { messages: Reviews.question(review), maxTokens: 100 })

const total = 600

/** The 200 reviews of the file, three times. */
const rows = Stream.take(Stream.forever(Reviews.reviews), total)

const program = Effect.gen(function*() {
  const progress = yield* Progress.make("Asking", total)
  const results = yield* rows.pipe(
    // More than the policy sends at once, so that it always has one to send.
    Stream.mapEffect((review) =>
      classify(review).pipe(
        Effect.map(({ value }) => value.sentiment),
        Effect.mapError((error) => ({ id: review.id, error })),
        Effect.result,
        Effect.tap(progress.step)
      ), { concurrency: 128 }),
    Stream.runCollect
  )
  const [sentiments, failures] = Array.separate(results)
  for (const [sentiment, { length }] of Object.entries(Array.groupBy(sentiments, (sentiment) => sentiment))) {
    yield* Console.log(`${String(length).padStart(5)} ${sentiment}`)
  }
  yield* Console.log(`${String(failures.length).padStart(5)} failed, such as`)
  for (const { error, id } of failures.slice(0, 3)) yield* Console.log(`      ${id}: ${error._tag}`)
})

const Chat = Provider.scripted(Reviews.model, { quota: { "*": { tokensPerMinute: tokens, window: "1 second" } } }).pipe(
  ChatService.withPolicy(policy)
)

export const main = program.pipe(Effect.provide(Chat))

if (import.meta.main) main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
