import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@strata/core/chat/ChatService"
import * as EmbeddingService from "@strata/core/embedding/EmbeddingService"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import * as Jobs from "@strata/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { type Calls, fields } from "../../core/test/support/AnyCalls.ts"
import * as AnyValue from "../../core/test/support/AnyValue.ts"
import * as Fixture from "./support/Fixture.ts"

const { Job, JobStore, Sink, Work } = Jobs

const services = Layer.mergeAll(
  Fixture.inMemory,
  TestEmbedding.layer(),
  TestChat.layer(() => "yes"),
  NodeServices.layer
)

const provided = <A, E>(
  effect: Effect.Effect<
    A,
    E,
    | Jobs.JobStore.JobStore
    | EmbeddingService.EmbeddingService
    | ChatService.ChatService
    | Layer.Success<typeof NodeServices.layer>
  >
) => Effect.provide(effect, services, { local: true })

const items = {
  name: "docs",
  item: Fixture.Doc,
  source: Stream.fromIterable(Fixture.docs(1)),
  id: ({ id }: Fixture.Doc) => id,
  maxAttempts: 1
}
const input = ({ text }: Fixture.Doc) => text
const work = Work.embedding({ input })

/** Runs a job with parts of any value; its outcome does not matter, if it is one. */
const ran = (options: unknown) => () => provided(Job.run(Job.make(options as never), { patience: 0, grace: 0 }))

const onJob = (call: (name: never) => Effect.Effect<unknown, unknown, Jobs.JobStore.JobStore>): Calls => (any) => [
  () => provided(call(any))
]

const calls: Readonly<Record<string, Calls>> = {
  "Job.make": (any) => [
    ran(any),
    ...fields(["name", "item", "source", "id", "maxAttempts", "maxItemBytes", "readAhead", "work", "sink"], any).map(
      (part) => ran({ ...items, work, sink: Fixture.writtenIds, ...(part as object) })
    ),
    ran({ ...items, work, sink: Fixture.writtenIds, id: () => any }),
    () => provided(Job.run(Job.make(items, any, any)))
  ],
  "Job.run": (any) =>
    [
      any,
      ...fields([
        "concurrency",
        "grace",
        "patience",
        "acceptChanges",
        "onProgress",
        "engine",
        "live",
        "polling",
        "timeout"
      ], any)
    ].map((options) => () => provided(Job.run(Fixture.embedding(Fixture.docs(1)), options as never))),
  "Job.status": onJob(Job.status),
  "Job.list": () => [() => provided(Job.list())],
  "Job.watch": (any) => [
    () => provided(Stream.runDrain(Job.watch(any))),
    ...fields(["every", "total"], any).map((options) => () =>
      provided(Stream.runDrain(Job.watch("absent", options as never)))
    )
  ],
  "Job.deadLetters": onJob((name) => Stream.runDrain(Job.deadLetters(name))),
  "Job.retry": (any) => [() => provided(Job.retry(any)), () => provided(Job.retry("docs", any))],
  "Job.cancel": onJob(Job.cancel),
  "Job.remove": onJob(Job.remove),
  "JobStore.JobStore": () => [() => JobStore.JobStore.key],
  "JobStore.layer": (any) =>
    [any, ...fields(["lease", "pollInterval"], any)].map((options) => () =>
      Layer.provide(JobStore.layer(options as never), Fixture.inMemory)
    ),
  "JobStore.layerSqlite": (any) => [
    // Any text is the name of a file, which would be made.
    () => JobStore.layerSqlite({ filename: typeof any === "string" ? ":memory:" : any }),
    ...fields(["lease", "pollInterval"], any).map((options) => () =>
      JobStore.layerSqlite({ filename: ":memory:", ...(options as object) })
    )
  ],
  "Sink.sql": (
    any
  ) => [ran({ ...items, work, sink: Sink.sql(any) }), ran({ ...items, work, sink: Sink.sql(() => any) })],
  "Sink.effect": (any) => [
    ran({ ...items, work, sink: Sink.effect(any) }),
    ran({ ...items, work, sink: Sink.effect(() => any) })
  ],
  "Sink.vectors": (any) => [
    ran({ ...items, work, sink: Sink.vectors(any) }),
    ...fields(["table", "columns"], any).map((options) =>
      ran({ ...items, work, sink: Sink.vectors({ table: "t", ...(options as object) }) })
    ),
    ran({ ...items, work, sink: Sink.vectors({ table: "t", columns: () => any }) })
  ],
  "Sink.jsonl": (any) => [
    ran({ ...items, work, sink: Sink.jsonl(typeof any === "string" ? {} as never : any) }),
    ...fields(["line", "partBytes"], any).map((options) =>
      ran({ ...items, work, sink: Sink.jsonl({ directory: "/dev/null/absent", ...(options as object) }) })
    )
  ],
  "Work.embedding": (any) => [
    ran({ ...items, work: Work.embedding(any), sink: Fixture.writtenIds }),
    ...fields(["input", "options", "chunk", "version"], any).map((options) =>
      ran({ ...items, work: Work.embedding({ input, ...(options as object) }), sink: Fixture.writtenIds })
    ),
    ran({ ...items, work: Work.embedding({ input: () => any }), sink: Fixture.writtenIds })
  ],
  "Work.chat": (any) => [
    ran({ ...items, work: Work.chat(any), sink: Fixture.writtenIds }),
    ...fields(["request", "schema", "chunk", "version", "name", "repairs"], any).map((options) =>
      ran({ ...items, work: Work.chat({ request: input, ...(options as object) }), sink: Fixture.writtenIds })
    ),
    ran({ ...items, work: Work.chat({ request: () => any }), sink: Fixture.writtenIds })
  ]
}

describe("Every public function", () => {
  it("is tested here", () => {
    const functions = Object.entries(Jobs).flatMap(([module, exports]) =>
      module === "JobError" ? [] : Object.keys(exports).map((name) => `${module}.${name}`)
    )
    assert.deepStrictEqual(functions.sort(), Object.keys(calls).sort())
  })

  for (const [name, any] of Object.entries(calls)) {
    it.live(`has an answer or a typed error for any value: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* AnyValue.troublesOf(any), [])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 120_000)
  }
})
