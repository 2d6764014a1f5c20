/**
 * The pages of a PDF, read in a worker thread: what a damaged file does to pdf.js ends with the thread, and a program goes on
 * while one is read.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import * as DocumentError from "./DocumentError.ts"
import type * as PdfText from "./format/PdfText.ts"

/** Asks the thread for a page, counted from 1. */
export interface Request {
  readonly page: number
}

/** What the thread says: once how many pages there are, or that it cannot read them; then a page for each request. */
export type Reply =
  | { readonly type: "opened"; readonly pages: number }
  | { readonly type: "failed"; readonly isLocked: boolean; readonly problem: string }
  | { readonly type: "page"; readonly paragraphs: ReadonlyArray<PdfText.Paragraph> }

/** `read`: the paragraphs of a page, counted from 1, one page at a time. A page that cannot be read has none. */
export interface PdfPages {
  readonly count: number
  readonly read: (
    page: number
  ) => Effect.Effect<ReadonlyArray<PdfText.Paragraph>, DocumentError.UnreadableDocumentError>
}

/**
 * Opens a PDF. The thread is terminated with the scope, whatever it is busy with. `memory`: its heap in MB. A file that wants
 * more fails, and the program has the rest.
 */
export const open = Effect.fnUntraced(function*(document: string, bytes: Uint8Array, memory = 1024): Effect.fn.Return<
  PdfPages,
  DocumentError.UnreadableDocumentError,
  Scope.Scope
> {
  const failed = (cause: unknown, isLocked = false) =>
    new DocumentError.UnreadableDocumentError({
      document,
      isLocked,
      cause,
      message: `${document} ${isLocked ? "is locked with a password: unlock it first" : "is damaged, or no PDF at all"}`
    })
  const thread = yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        const copy = Uint8Array.from(bytes)
        return new Worker(threadFile, {
          workerData: copy,
          transferList: [copy.buffer],
          resourceLimits: { maxOldGenerationSizeMb: memory }
        })
      },
      catch: (cause) => failed(cause)
    }),
    (thread) => Effect.promise(() => thread.terminate())
  )
  const next = replies(thread, failed)
  const first = yield* next()
  if (first.type !== "opened") {
    return yield* failed(first.type === "failed" ? first.problem : undefined, isLocked(first))
  }
  return {
    count: first.pages,
    read: (page) => Effect.map(next({ page }), (reply) => reply.type === "page" ? reply.paragraphs : [])
  }
})

/** The thread's next reply, also to a request; one at a time. A dead thread's is its error. */
const replies = (thread: Worker, failed: (cause: unknown) => DocumentError.UnreadableDocumentError) => {
  type Settled = Effect.Effect<Reply, DocumentError.UnreadableDocumentError>
  let resume: ((settled: Settled) => void) | undefined
  let early: Settled | undefined
  const settle = (settled: Settled) => {
    // The next request may be made while the fiber goes on.
    const waiting = resume
    resume = undefined
    if (waiting === undefined) early ??= settled
    else waiting(settled)
  }
  const die = (cause: unknown) => settle(Effect.fail(failed(cause)))
  thread.on("message", (reply: Reply) => settle(Effect.succeed(reply)))
  thread.on("error", die)
  thread.on("exit", () => die("The thread that reads it has ended"))
  return (request?: Request) =>
    Effect.callback<Reply, DocumentError.UnreadableDocumentError>((next) => {
      if (request !== undefined) thread.postMessage(request)
      resume = next
      if (early === undefined) return
      const settled = early
      early = undefined
      settle(settled)
    })
}

const isLocked = (reply: Reply): boolean => reply.type === "failed" && reply.isLocked

/** The thread's entry file is `.ts` in the sources and `.js` in the published package. */
const threadFile = import.meta.url.endsWith(".ts")
  ? new URL("./PdfThread.ts", import.meta.url)
  : new URL("./PdfThread.js", import.meta.url)
