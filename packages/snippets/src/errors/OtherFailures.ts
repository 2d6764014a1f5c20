/** A real failure for each tagged error that is not of a provider, from public functions alone. */
import { NodeServices } from "@effect/platform-node"
import {
  AdaptiveLimits,
  Budget,
  type ConversationRecord,
  ConversationStore,
  EmbeddingService,
  Ledger,
  Pricing,
  Tool,
  ToolLoop
} from "@strata/core"
import { TestChat, TestEmbedding } from "@strata/core/testing"
import { Reader } from "@strata/documents"
import { Emulator, Script } from "@strata/emulator"
import { Job, JobStore, Sink, Work } from "@strata/jobs"
import { McpTools } from "@strata/mcp"
import { UiChat, UiRuns } from "@strata/ui"
import { Data, Effect, Layer, Redacted, Result, Schema, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"

const bytes = (text: string) => new TextEncoder().encode(text)

const transfer = Tool.withApproval(Tool.make("transfer", {
  input: Schema.Struct({ amount: Schema.Finite }),
  handler: ({ amount }) => Effect.succeed(`sent ${amount}`)
}))

const calling = (name: string, params: unknown, id = "call-1") => ({
  content: [{ type: "tool-call" as const, id, name, params }]
})

/** A loop that waits for the approval of a transfer. */
const waiting = Effect.map(
  Effect.provide(
    ToolLoop.run("Send 5 to Ada", { tools: [transfer] }),
    TestChat.layer([calling("transfer", { amount: 5 })])
  ),
  (outcome) => "state" in outcome ? outcome.state : undefined
)

const key = Redacted.make("a key of at least 32 characters, for a seal")

const Doc = Schema.Struct({ id: Schema.String, text: Schema.String })

/** A job that embeds one text, and what fails in it. */
const job = (options: {
  readonly dimensions?: number
  readonly items?: ReadonlyArray<typeof Doc.Type>
} = {}) =>
  Job.make({
    name: "pages",
    item: Doc,
    source: Stream.fromIterable(options.items ?? [{ id: "page-1", text: "The sky is blue." }]),
    id: ({ id }) => id,
    work: Work.embedding({
      input: ({ text }: typeof Doc.Type) => text,
      ...(options.dimensions !== undefined && { options: { dimensions: options.dimensions } })
    }),
    sink: Sink.effect(() => Effect.void)
  })

const services = Layer.merge(JobStore.layerSqlite({ filename: ":memory:" }), TestEmbedding.layer())

/** What a page gets for its last body. A failure that is the page's own is text for it, with a status. */
const posted = (
  bodies: ReadonlyArray<string>,
  options: UiChat.Options<readonly []> = {}
) =>
  Effect.gen(function*() {
    let seen: unknown
    const chat = yield* UiChat.make({
      ...options,
      errorText: (error) => {
        seen = error
        return "failed"
      }
    })
    const send = Effect.fnUntraced(function*(body: string) {
      const headers = { "content-type": "application/json" }
      const request = new Request("http://localhost/api/chat", { method: "POST", headers, body })
      const response = yield* Effect.provideService(
        chat.send,
        HttpServerRequest.HttpServerRequest,
        HttpServerRequest.fromWeb(request)
      )
      const text = yield* Effect.promise(() => HttpServerResponse.toWeb(response).text())
      return { message: `status ${response.status}: ${text}` }
    })
    for (const body of bodies.slice(0, -1)) yield* Effect.forkScoped(send(body), { startImmediately: true })
    const answer = yield* send(bodies.at(-1)!)
    return yield* Effect.fail(seen ?? answer)
  }).pipe(
    Effect.scoped,
    Effect.provide([TestChat.layer(["The sky is blue."]), UiRuns.layerMemory()])
  )

const asked = JSON.stringify({
  id: "chat-1",
  trigger: "submit-message",
  messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "Why is the sky blue?" }] }]
})

class Unreachable extends Data.TaggedError("Unreachable")<{ readonly message: string }> {}

const brokenStore = Effect.fail(new Unreachable({ message: "connect ECONNREFUSED 127.0.0.1:6379" }))

export const failures: { readonly [tag: string]: Effect.Effect<unknown, unknown> } = {
  PricesFileError: Effect.scoped(Layer.build(Pricing.layerFile(
    "prices.json",
    Effect.succeed({ readFileString: () => Effect.succeed("[{ \"model\": \"*\", \"price\": { \"input\": -1 } }]") })
  ))),
  StateError: ToolLoop.decode("{}"),
  DecisionError: Effect.flatMap(waiting, (state) =>
    Effect.provide(
      ToolLoop.resume(state!, [{ callId: "call-2", type: "approve" }], { tools: [transfer] }),
      TestChat.layer([])
    )),
  ToolCallError: Effect.provide(
    ToolLoop.run("Send 5 to Ada", { tools: [transfer] }),
    TestChat.layer([calling("transfer", { amount: "five" }), calling("transfer", { amount: "five" }, "call-2")])
  ),
  ToolDefectError: Effect.provide(
    ToolLoop.run("Send 5 to Ada", {
      tools: [Tool.make("transfer", {
        input: Schema.Struct({ amount: Schema.Finite }),
        failureMode: "error",
        handler: () => Effect.die(new TypeError("account is undefined"))
      })]
    }),
    TestChat.layer([calling("transfer", { amount: 5 })])
  ),
  SealError: ToolLoop.unseal("not a seal", { key, conversation: "chat-1", claim: () => Effect.succeed(true) }),
  ConversationConflictError: Effect.gen(function*() {
    const store = yield* ConversationStore.ConversationStore
    const record: ConversationRecord.Record = { version: 1, at: 0 }
    yield* store.append("chat-1", record, 0)
    return yield* store.append("chat-1", record, 0)
  }).pipe(Effect.provide(ConversationStore.layerMemory)),
  ConversationStoreError: ConversationStore.fromLog({
    append: () => brokenStore,
    read: () => brokenStore,
    list: () => brokenStore
  }).read("chat-1"),
  AdaptiveLimitsError: AdaptiveLimits.fromDocuments({ change: () => brokenStore })
    .read("model", { initial: 1, max: 2, decrease: 0.5 } as never),
  LedgerError: Ledger.fromDocuments({ change: () => brokenStore }).balances("budget", []),
  InvalidOptionError: Reader.read({ name: "", bytes: bytes("") }),
  UnsupportedFormatError: Reader.read({ name: "notes.docx", bytes: Uint8Array.of(80, 75, 3, 4, 0, 0) }),
  TextDecodingError: Reader.read({ name: "menu.txt", bytes: Uint8Array.of(99, 97, 102, 233) }),
  DocumentTooLargeError: Reader.read({ name: "handbook.md", bytes: bytes("# Handbook\n\nWelcome.") }, { maxBytes: 10 }),
  UnreadableDocumentError: Reader.read({ name: "report.pdf", bytes: bytes("%PDF-1.7\nnothing") }),
  JobConflictError: Effect.provide(Effect.andThen(Job.run(job()), Job.run(job({ dimensions: 4 }))), services),
  JobNotFoundError: Effect.provide(Job.status("pages"), services),
  JobPausedError: Effect.provide(Job.run(job()), [
    JobStore.layerSqlite({ filename: ":memory:" }),
    Layer.provide(
      EmbeddingService.withBudget(TestEmbedding.layer(), Budget.make({ name: "nightly", perRun: 0 })),
      Pricing.layer([{ model: "*", price: { input: 1 } }])
    )
  ]),
  ItemError: Effect.andThen(
    Job.run(job({ items: [{ id: "", text: "The sky is blue." }] })),
    Stream.runHead(Job.deadLetters("pages"))
  ).pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.flatMap(({ error }) => Effect.fail(error)),
    Effect.provide(services)
  ),
  JobStoreError: Effect.scoped(Layer.build(JobStore.layerSqlite({ filename: "/no/such/folder/strata.db" }))),
  McpError: Effect.scoped(Effect.provide(
    McpTools.stdio({ server: "files", command: "no-such-command", args: [] }),
    NodeServices.layer
  )),
  UiBodyError: posted(["{"]),
  UiConflictError: posted([asked, asked], { request: () => Effect.never, statusWithin: "10 seconds" }),
  UiRunsError: UiRuns.fromDocuments({ change: () => brokenStore }).take("chat-1", () => Result.succeed(1)),
  UiSizeError: posted([asked], { maxAnswerSize: 10 }),
  FaultError: Effect.flatMap(Emulator.Emulator, ({ inject }) => inject({ type: "throttle", times: -1 })).pipe(
    Effect.provide(Script.layerEmulator([]))
  ),
  EmulatorError: Effect.scoped(Layer.build(Script.layerEmulator([], { port: 70000 }))),
  JsonFileError: Effect.fromResult(
    Script.fromText("{ \"rules\": [{ \"answer\": { \"delay\": true } }] }", "script.json")
  )
}
